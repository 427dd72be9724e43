"""A call that may go: what the lanes hand to a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.core.calls import Answer, Meaning
from batch_onboard.core.steps import LONGEST_WRITE

if TYPE_CHECKING:
    from batch_onboard.core.calls import Operation
    from batch_onboard.core.course import Course
    from batch_onboard.core.limiter import Limiter
    from batch_onboard.core.steps import Priority


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call that may go now.

    Attributes:
        course: for which target.
        operation: which call.
        priority: what it went before.
        limiter: the limiter that let it go.
        ticket: the limiter's number for it.
        refusal: why it is not to be made at all: the answer that another one has had.
    """

    course: Course
    operation: Operation
    priority: Priority
    limiter: Limiter
    ticket: int
    refusal: Answer | None = None


def too_late(seconds: float) -> Answer | None:
    """Say why a call must not go whose intent took so long to be durable; None if it may.

    The intent's hold would be over too early: a run that takes its fate up after that would send
    a second Start while the first is still on its way, or its job not yet to be seen.
    """
    if seconds <= LONGEST_WRITE:
        return None
    message = f"the ledger's disk took {seconds:.1f} s to write that the call is intended"
    return Answer(Meaning.UNSENT, error_code="slow_ledger", message=message)
