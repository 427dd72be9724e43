"""What a run would do about a target, and a run that does what was planned and nothing else.

A plan has no rules of its own. It takes the very course that a run takes, and halts where that
would change something, follow a job, or wait; what it stands before is what the run would do. A run
that is bound to a plan takes the same course, looks at the same place whether it stands before what
was planned, and goes on only then.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from batch_onboard.core.calls import CHANGING, Answer, Meaning, Operation
from batch_onboard.core.course import Course
from batch_onboard.core.lifecycle import State
from batch_onboard.core.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from batch_onboard.core.polling import PollPlan
    from batch_onboard.core.record import Record
    from batch_onboard.core.steps import Moment, Next, Rules
    from batch_onboard.core.targets import Target

PLAN_STALE = "plan_stale"
"""The cause of a target that was left, since it does not stand any more as it was planned."""


class Action(StrEnum):
    """What a run would do about a target. The values are what plans show."""

    START = "start"
    """Start it, perhaps after the record of its failed job was deleted."""
    LATER = "later"
    """The same, but for the limit of Starts: a later run's."""
    FOLLOW = "follow"
    """Follow the job that runs."""
    CHECK = "check"
    """Read it until it shows what became of an earlier Start; start it if nothing did."""
    DONE = "done"
    """Nothing."""
    DRIFTED = "drifted"
    """Nothing: it is onboarded otherwise than the manifest asks for, or not any more."""
    BLOCKED = "blocked"
    """Nothing: a cause that must be mended, or a flag that must be given, stops it."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What is to be done about one target.

    Attributes:
        action: what.
        cause: why. Of a start: `absent`, `missing` (onboarded once), `unread` (without a precheck),
            or the failure code of the job whose record is deleted first. Of what is drifted or
            blocked: the error or failure code.
        key: the encryption that is asked for (`str(Encryption)`), its alias resolved if that was
            needed.
    """

    action: Action
    cause: str | None
    key: str

    def __str__(self) -> str:
        return self.action.value if self.cause is None else f"{self.action.value} ({self.cause})"

    def covers(self, found: Planned) -> bool:
        """Say whether a run that is to do this may do what it stands before.

        A job that was to be followed may have ended by now. Whether an earlier Start has come to
        anything is open until it shows.
        """
        match self.action:
            case Action.CHECK:
                return True
            case Action.FOLLOW:
                return found.action is not Action.START
            case Action.START:
                return found == self
            case _:
                return found.action is self.action


def count_actions(planned: Iterable[Planned]) -> dict[Action, int]:
    """Return how many there are for each action that there is, in the order of `Action`."""
    counted = Counter(each.action for each in planned)
    return {action: counted[action] for action in Action if action in counted}


class _Halting(Course, ABC):
    """A course that is looked at where all is read that is needed to say what comes next."""

    __slots__ = ()

    def begin(self, moment: Moment) -> Step:
        """Say what is done first about this target, if anything."""
        step = super().begin(moment)
        following = step.next
        if following is None or following.operation in CHANGING:
            return self._known(step, moment)
        return step

    def answered(self, operation: Operation, answer: Answer, moment: Moment) -> Step:
        """Take in an answer: decide what it means for the target, and what is next."""
        step = super().answered(operation, answer, moment)
        if step.next is None or step.next.operation in CHANGING:
            return self._known(step, moment)
        told = answer.meaning in {Meaning.OK, Meaning.ABSENT}
        if told and (operation, step.next.operation) != (Operation.STATUS, Operation.CONFIG):
            return self._known(step, moment)
        return step

    @abstractmethod
    def _known(self, step: Step, moment: Moment) -> Step:
        """Return what comes next, now that it is known what a run would do."""

    def _stands_before(self, following: Next | None) -> Planned:
        key = str(self.target.encryption)
        state = self.record.state
        if following is not None and following.operation in CHANGING:
            return Planned(Action.START, self._why_started(following.operation), key)
        if state is State.IN_PROGRESS:
            return Planned(Action.FOLLOW, None, key)
        if following is not None:
            return Planned(Action.CHECK, None, key)
        if self.done:
            return Planned(Action.DONE, "accepted" if state is State.DRIFTED else None, key)
        action = Action.DRIFTED if state is State.DRIFTED else Action.BLOCKED
        return Planned(action, self.record.failure_code or self.record.error_code, key)

    def _why_started(self, operation: Operation) -> str:
        if operation is Operation.DELETE:
            return self.record.failure_code or "failed"
        if self.record.state is State.DRIFTED:
            return "missing"
        return "unread" if self._look.job is None else "absent"


class Survey(_Halting):
    """A course that finds out what a run would do. It asks for no call that changes anything."""

    __slots__ = ("_ahead",)

    def __init__(self, target: Target, record: Record, rules: Rules, plan: PollPlan) -> None:
        """Prepare it. The record has to be a copy: it takes in what a run would."""
        super().__init__(target, record, rules, plan)
        self._ahead: Next | None = None

    @property
    def planned(self) -> Planned:
        """What a run would do, once the course is over."""
        return self._stands_before(self._ahead)

    def _known(self, step: Step, moment: Moment) -> Step:
        del moment
        self._ahead = step.next
        return Step(step.entries)


class BoundCourse(_Halting):
    """A course that does what a plan says, or gives the target up as `plan_stale`."""

    __slots__ = ("_may_start", "_planned", "_under_way")

    def __init__(
        self,
        target: Target,
        record: Record,
        rules: Rules,
        plan: PollPlan,
        *,
        planned: Planned,
        since: datetime,
    ) -> None:
        """Prepare a course.

        Args:
            target: what is to be onboarded.
            record: what is known of it; the course keeps it up to date.
            rules: what the operator asked for when the plan was made.
            plan: what is known about the length of jobs, shared by all courses.
            planned: what is to be done about the target.
            since: when that was planned. What was started later, was started as planned.
        """
        super().__init__(target, record, rules, plan)
        self._planned = planned
        self._may_start = planned.action in {Action.START, Action.CHECK}
        started = record.started_at is not None and record.started_at > since
        self._under_way = self._may_start and started

    def _known(self, step: Step, moment: Moment) -> Step:
        found = self._stands_before(step.next)
        if found.action is Action.CHECK or self._is_left(step):
            return step
        # A job that was to be followed may fail, and flags may ask for a Start then.
        goes_on = self._under_way and (self._may_start or found.action is not Action.START)
        if goes_on or self._planned.covers(found):
            self._under_way = True
            return step
        message = f"the plan says {self._planned}, and now it would be {found}"
        given_up = self.give_up(Answer(Meaning.OK, error_code=PLAN_STALE, message=message), moment)
        return Step((*step.entries, *given_up.entries))

    def _is_left(self, step: Step) -> bool:
        """Nothing is done: it is settled, or can't be read, or is refused, each with its cause."""
        return step == Step() or self.record.state in {State.UNRESOLVED, State.REJECTED}
