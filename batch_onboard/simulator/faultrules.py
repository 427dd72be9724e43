"""What a scenario may say of faults."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from batch_onboard.simulator.matching import Match, Section
from batch_onboard.simulator.protocol import AnswerShape
from batch_onboard.simulator.settings import PositiveInt, Seconds  # noqa: TC001 - pydantic reads them


class FaultKind(StrEnum):
    """What goes wrong with a call. `configs/scenario.yaml` explains each."""

    ERROR = "error"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - the name of a fault
    REDIRECT = "redirect"
    DROP_BEFORE = "drop_before"
    HANG = "hang"
    DROP_AFTER = "drop_after"
    DELAY = "delay"
    CUT_BODY = "cut_body"
    EMPTY_BODY = "empty_body"
    HTML_BODY = "html_body"
    FOREIGN_ID = "foreign_id"
    BAD_STATUS = "bad_status"
    BAD_FAILURE_CODE = "bad_failure_code"


class Window(Section):
    """A span of time, in seconds since the world began."""

    from_: Seconds = Field(default=0.0, alias="from")
    to: Annotated[float, Field(ge=0)] = math.inf


class FaultRule(Section):
    """A fault: where, when, and what. All conditions that are set must hold.

    Attributes:
        match: which calls.
        window: when.
        times: for the first so many of these calls. None: for all.
        probability: for each of them.
        kind: what happens.
        status: HTTP status of an `error`.
        code: the service's code of an `error`.
        message: its words.
        shape: its shape on the wire.
        seconds: how long a `delay` is.
        location: where a `redirect` points to.
    """

    match: Match = Match()
    window: Window = Window()
    times: PositiveInt | None = None
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    kind: FaultKind
    status: Annotated[int, Field(ge=400, le=599)] = 500
    code: str = "InternalServerException"
    message: str = "A fault of the scenario."
    shape: AnswerShape = AnswerShape.NORMAL
    seconds: Seconds = 0.0
    location: str = ""

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        if self.kind is FaultKind.DELAY and not self.seconds:
            raise ValueError("a delay needs seconds")
        if self.kind is FaultKind.REDIRECT and not self.location:
            raise ValueError("a redirect needs location, the URL that it points to")
        return self
