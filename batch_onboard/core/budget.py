"""How many retries a run may make: each target's patience adds up, and a sick service suffers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from batch_onboard.core.calls import TRANSIENT
from batch_onboard.core.steps import Step

if TYPE_CHECKING:
    from batch_onboard.core.calls import Answer
    from batch_onboard.core.course import Course
    from batch_onboard.core.steps import Moment

SHARE = 0.2
"""Retries after failures that say nothing, as a share of a run's calls."""

_FLOOR = 20.0
_SPENT = f"the run's retries ({SHARE:.0%} of its calls) are used up"


class RetryBudget:
    """Retries that a run has left: a fifth of its calls, and a handful so that small runs have any.

    Throttles and conflicts do not draw on it: they have paces of their own.
    """

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _FLOOR

    def earn(self) -> None:
        """Take note of a call."""
        self._left += SHARE

    def spend(self) -> bool:
        """Take a retry, if there is one left."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    def bound(self, course: Course, answer: Answer, step: Step, moment: Moment) -> Step:
        """Return what an answer leads to; the end of the course if that were a retry too many."""
        self.earn()
        if answer.meaning not in TRANSIENT or step.next is None or self.spend():
            return step
        message = f"{answer.message}; {_SPENT}" if answer.message else _SPENT
        given_up = course.give_up(replace(answer, message=message), moment)
        return Step((*step.entries, *given_up.entries))
