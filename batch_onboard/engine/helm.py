"""Who decides how far a run goes: which targets begin, which may be started, when all stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.core.calls import CHANGING
from batch_onboard.core.lifecycle import State
from batch_onboard.core.rollout import Rollout
from batch_onboard.core.steps import Priority
from batch_onboard.core.tolerance import Failures, Tolerance

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from batch_onboard.core.course import Course
    from batch_onboard.core.opening import Opening
    from batch_onboard.core.targets import Target
    from batch_onboard.engine.call import Call


class Helm:
    """Steers one run. The engine asks it before a target begins, and before each call.

    Attributes:
        opening_of: returns what the run does first about a target.
        stopped: why no further call is to be made, in words; None while there is no reason.
        left: targets that were not started because of the limit.
        size: how many targets the run is about.
    """

    def __init__(
        self,
        targets: Collection[Target],
        opening_of: Callable[[Target], Opening],
        *,
        tolerance: Tolerance | None = None,
        canary: int = 0,
        limit: int | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            targets: all that the run is about.
            opening_of: returns what the run does first about a target.
            tolerance: how many failures are borne; None: any.
            canary: how many targets that need a Start go first, to their end; 0: none.
            limit: how many targets may be started; None: all.
        """
        self.opening_of = opening_of
        self.stopped: str | None = None
        self.left = 0
        self.size = len(targets)
        self._rollout = Rollout(targets, opening_of, canary=canary)
        self._failures = Failures(tolerance or Tolerance(same_cause=None))
        self._limit = limit
        self._starting: set[Course] = set()
        self._started = 0  # of those that are over

    def next_stage(self) -> list[Target] | None:
        """Return the targets of the next stage; None if there is none, or the last went too ill.

        The stage before has to be over.
        """
        self.stopped = self.stopped or self._failures.at_gate(canary=self._rollout.canary)
        return None if self.stopped else self._rollout.next_stage()

    def over(self, course: Course) -> list[Target]:
        """Take note that a course is over, and return the targets that begin in its place."""
        if course in self._starting:
            self._starting.remove(course)
            self._started += course.started
        account_id = course.target.key.account_id
        reason = self._failures.ended(account_id, course.record, spared=course.spared)
        self.stopped = self.stopped or reason
        return self._rollout.over(started=course.started)

    def admits(self, course: Course) -> bool:
        """Say whether a course may begin; if not, it is over before it has.

        At the limit only those begin of which something is known that has to be read.
        """
        untouched = course.record.state is State.PENDING
        return not (untouched and self._is_full()) or self._leaves()

    def allows(self, call: Call) -> bool:
        """Say whether a call may be made; if not, its course is over for this run.

        At the limit those that were started are followed, and what may have been sent before is
        read; nothing else is begun.
        """
        course = call.course
        if self._limit is None or call.refusal is not None or course in self._starting:
            return True
        changing = call.operation in CHANGING
        if not self._is_full():
            if changing:
                self._starting.add(course)
            return True
        followed = call.priority in {Priority.POLL, Priority.CHECK}
        if followed or not (changing or course.record.state is State.PENDING):
            return True
        return self._leaves()

    def _is_full(self) -> bool:
        return self._limit is not None and self._started + len(self._starting) >= self._limit

    def _leaves(self) -> bool:
        """Count a target that is left because of the limit."""
        self.left += 1
        return False
