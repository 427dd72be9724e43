"""A call that may go: what the lanes hand to a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_onboard.core.calls import Answer, Operation
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
