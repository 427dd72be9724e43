"""The words in which a course through one run is told: rules, moments, next calls, steps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from batch_onboard.core.calls import Operation
    from batch_onboard.core.record import Entry

MARGIN = 5.0
"""Seconds added to the call timeout: a request may be on its way a little longer than that."""

LONGEST_WRITE = 4.0
"""Seconds in which an intent has to be durable: its hold counts from before, and the margin with
it. What is left of the margin is the request's."""


class Priority(IntEnum):
    """What goes first when both may go: results are worth more than new questions."""

    START = 0
    POLL = 1
    CHECK = 2
    """A look at what became of a Start."""
    LOOK = 3


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator asked for, as far as it bears on a single target. Durations in seconds.

    Attributes:
        precheck: read the live state before the first Start.
        wait: follow jobs to their end.
        retry_failed: try failed and rejected targets again.
        clear_failed: delete the record of a failed job that is not ours, and start.
        recheck: read targets again that are done.
        restart_missing: start those again that were onboarded once and no longer are.
        call_timeout: the longest that one call may take.
        job_timeout: the longest that a job is followed.
        consistency_window: how long the service may deny a job that it has accepted.
        torn_at: monotonic time at which an unfinished tail of the ledger was last cut off: any
            intent may have stood there, so all is read before it is started. None if never.
        torn_hold: the longest hold of the intents that are known, which that of a lost one may
            have had as well.
    """

    precheck: bool = True
    wait: bool = True
    retry_failed: bool = False
    clear_failed: bool = False
    recheck: bool = False
    restart_missing: bool = False
    call_timeout: float = 20.0
    job_timeout: float = 1800.0
    consistency_window: float = 60.0
    torn_at: float | None = None
    torn_hold: float = 0.0

    @property
    def hold(self) -> float:
        """Seconds from an intent in which a live state of 'not started' proves nothing.

        The request may land as late as the call may last, and stay unseen from then on.
        """
        return self.call_timeout + MARGIN + self.consistency_window

    @property
    def torn_until(self) -> float:
        """Monotonic time until which an intent may be unknown that stood in a torn tail."""
        if self.torn_at is None:
            return float("-inf")
        return self.torn_at + max(self.hold, self.torn_hold)


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is decided, and the chance that goes into it.

    Attributes:
        now: monotonic seconds, for durations.
        wall: the time for people, in UTC.
        chance: a fresh random number from 0 up to, not including, 1.
        outage: the way to the target's account or Region is known to be out of order, so that a
            failure which tells nothing is not held against the target.
    """

    now: float
    wall: datetime
    chance: float
    outage: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """The call that a course needs next.

    Attributes:
        operation: which call.
        priority: what it yields to.
        at: not before this monotonic time.
        first: at the head of its queue: it had its turn, and was throttled.
    """

    operation: Operation
    priority: Priority
    at: float
    first: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What an answer has led to.

    Attributes:
        entries: what happened, to be journaled. They are already applied to the record.
        next: the call that is needed next; None when the course is over for this run.
    """

    entries: tuple[Entry, ...] = ()
    next: Next | None = None
