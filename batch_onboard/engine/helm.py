"""Who decides how far a run goes: which courses begin, which may be started, when all stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.core.calls import CHANGING
from batch_onboard.core.lifecycle import State
from batch_onboard.core.rollout import Rollout
from batch_onboard.core.steps import Priority
from batch_onboard.core.tolerance import Failures, Tolerance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from batch_onboard.core.course import Course
    from batch_onboard.engine.call import Call


class Helm:
    """Steers one run. The engine asks it before a course begins, and before each call.

    Attributes:
        stopped: why no further call is to be made, in words; None while there is no reason.
        left: courses that were not started because of the limit.
        size: how many courses the run is about.
    """

    def __init__(
        self,
        courses: Iterable[Course],
        *,
        tolerance: Tolerance | None = None,
        canary: int = 0,
        limit: int | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            courses: all that the run is about.
            tolerance: how many failures are borne; None: any.
            canary: how many targets that need a Start go first, to their end; 0: none.
            limit: how many targets may be started; None: all.
        """
        self.stopped: str | None = None
        self.left = 0
        courses = list(courses)
        self.size = len(courses)
        self._rollout = Rollout(courses, canary=canary)
        self._failures = Failures(tolerance or Tolerance(same_cause=None))
        self._limit = limit
        self._starting: set[Course] = set()

    def next_stage(self) -> list[Course] | None:
        """Return the courses of the next stage; None if there is none, or the last went too ill.

        The stage before has to be over.
        """
        self.stopped = self.stopped or self._failures.at_gate(canary=self._rollout.canary)
        return None if self.stopped else self._rollout.next_stage()

    def over(self, course: Course) -> list[Course]:
        """Take note that a course is over, and return those that begin in its place."""
        if not course.started:
            self._starting.discard(course)
        account_id = course.target.key.account_id
        reason = self._failures.ended(account_id, course.record, spared=course.spared)
        self.stopped = self.stopped or reason
        return self._rollout.over(course)

    def allows(self, call: Call) -> bool:
        """Say whether a call may be made; if not, its course is over for this run.

        At the limit those that were started are followed, and what may have been sent before is
        read; nothing else is begun.
        """
        course = call.course
        if self._limit is None or call.refusal is not None or course in self._starting:
            return True
        changing = call.operation in CHANGING
        if len(self._starting) < self._limit:
            if changing:
                self._starting.add(course)
            return True
        followed = call.priority in {Priority.POLL, Priority.CHECK}
        if followed or not (changing or course.record.state is State.PENDING):
            return True
        self.left += 1
        return False
