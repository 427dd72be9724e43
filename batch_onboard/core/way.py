"""The way of one target through one run: the mode that it is in, and the call this asks for.

Nothing here decides which mode that is: `core.course` does.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from batch_onboard.core.calls import Operation
from batch_onboard.core.opening import Opening, began_at
from batch_onboard.core.steps import Next, Priority

if TYPE_CHECKING:
    from batch_onboard.core.polling import PollPlan
    from batch_onboard.core.record import Record
    from batch_onboard.core.steps import Moment, Rules


class Mode(Enum):
    """What a course is about: see `core.course`."""

    LOOK = "look"
    START = "start"
    FOLLOW = "follow"
    CLEAR = "clear"


class Way:
    """Where one course is on its way.

    Attributes:
        mode: the mode that it is in.
        sent_start: it has sent a Start, in this run.
        since: monotonic time from which the age of the followed job is counted.
        last_running: the job's age when it was last seen running; None if it was not.
    """

    __slots__ = (
        "_follow_until",
        "_plan",
        "_rules",
        "last_running",
        "mode",
        "sent_start",
        "since",
    )

    def __init__(self, rules: Rules, plan: PollPlan) -> None:
        """Stand at the beginning.

        Args:
            rules: what the operator asked for.
            plan: what is known about the length of jobs, shared by all courses.
        """
        self.mode = Mode.LOOK
        self.sent_start = False
        self.since = 0.0
        self.last_running: float | None = None
        self._rules = rules
        self._plan = plan
        self._follow_until = 0.0  # a run gives a job that much time, however old it is

    def begin(self, begins: Opening, record: Record, moment: Moment) -> Next | None:
        """Return the first call; None if there is nothing to do."""
        mode = _BEGINS_IN[begins]
        if mode is None:
            return None
        if mode is Mode.FOLLOW:
            self._follow_until = moment.now + self._rules.job_timeout
            self.since = began_at(record, moment)
        return self.turn_to(mode, moment.now)

    def turn_to(self, mode: Mode, at: float) -> Next:
        """Go over to a mode, and return the call with which it begins.

        Args:
            mode: the mode.
            at: the call goes not before this monotonic time.
        """
        self.mode = mode
        return self.next(_FIRST_CALL[mode], at)

    def next(self, operation: Operation, at: float, *, first: bool = False) -> Next:
        """Return a call of the mode that the course is in."""
        priority = _PRIORITY[self.mode]
        if self.sent_start and priority is Priority.LOOK:
            priority = Priority.CHECK
        return Next(operation, priority, at, first)

    def follow(self, moment: Moment, since: float) -> Next | None:
        """Follow a job that runs and began at `since`; None if the operator does not want that."""
        self.mode = Mode.FOLLOW
        self._follow_until = moment.now + self._rules.job_timeout
        self.since = since
        self.last_running = moment.now - since
        if not self._rules.wait:
            return None
        return self.next(Operation.STATUS, max(moment.now, self._plan.first(since)))

    def goes_on(self, moment: Moment) -> Next | None:
        """Follow a job on that was seen running just now."""
        self.last_running = moment.now - self.since
        if not self._rules.wait:
            return None
        return self.next(Operation.STATUS, self._plan.next(self.since, moment.now))

    def is_too_long(self, moment: Moment) -> bool:
        """Say whether the job runs for longer than it is followed."""
        return self._rules.wait and moment.now > self._follow_until

    def ended(self, moment: Moment) -> None:
        """Learn how long the job took that was followed and has ended."""
        if self.last_running is not None:
            self._plan.ended(self.last_running, moment.now - self.since)


_BEGINS_IN = {
    Opening.NOTHING: None,
    Opening.FOLLOW: Mode.FOLLOW,
    Opening.START: Mode.START,
    Opening.LOOK: Mode.LOOK,
}
_FIRST_CALL = {
    Mode.LOOK: Operation.STATUS,
    Mode.START: Operation.START,
    Mode.FOLLOW: Operation.STATUS,
    Mode.CLEAR: Operation.DELETE,
}
_PRIORITY = {
    Mode.LOOK: Priority.LOOK,
    Mode.START: Priority.START,
    Mode.FOLLOW: Priority.POLL,
    Mode.CLEAR: Priority.START,
}
