"""How a run ended: the contract's exit code, and the same in words."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.core.ports import JournalError, TakenOverError
from batch_onboard.core.tolerance import count_targets
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batch_onboard.core.record import Entry
    from batch_onboard.core.shard import Shard

BY_SIGNAL = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}
"""The exit code of what a signal has ended."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        exit_code: the contract's.
        reason: the same in words.
        lost: entries of which it is not known whether they are on disk.
        saved: the ledger could be written to the end.
        bugs: exceptions that nobody foresaw; each has ended one target's course.
    """

    exit_code: Exit
    reason: str
    lost: tuple[Entry, ...] = ()
    saved: bool = True
    bugs: tuple[Exception, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """What a run whose calls are over has met, as far as it bears on its exit code.

    Attributes:
        received: the first signal.
        unanswered: Starts whose answer was not awaited.
        bugs: exceptions that nobody foresaw.
        too_bad: why failures have stopped it.
        out_of_time: its longest duration has.
        left: targets that were not started because of the limit.
        limit: that limit.
        settled: nothing was to be done.
        idle: the shard to which no target falls that was selected.
        fine: all that was selected is done.
    """

    received: signal.Signals | None = None
    unanswered: int = 0
    bugs: Sequence[Exception] = ()
    too_bad: str | None = None
    out_of_time: bool = False
    left: int = 0
    limit: int | None = None
    settled: bool = False
    idle: Shard | None = None
    fine: bool = True

    def outcome(self) -> Outcome:
        """Return how the run ended: where several things hold, the gravest."""
        if self.received is not None:
            return Outcome(BY_SIGNAL[self.received], self._interrupted())
        if self.bugs:
            return Outcome(Exit.ERROR, self._defective(), bugs=tuple(self.bugs))
        if self.too_bad is not None:
            return Outcome(Exit.STOPPED, f"stopped: {self.too_bad}")
        if self.out_of_time or self.left:
            return Outcome(Exit.WORK_LEFT, self._work_left())
        return self._judged()

    def _judged(self) -> Outcome:
        if self.idle is not None:
            return Outcome(Exit.OK, f"nothing to do: no selected target falls to {self.idle}")
        if self.fine:
            return Outcome(Exit.OK, "nothing to do" if self.settled else "done")
        how = "nothing to do, but" if self.settled else "finished,"
        return Outcome(Exit.UNFINISHED, f"{how} not all targets are done")

    def _interrupted(self) -> str:
        if not self.unanswered:
            return "interrupted, drained and saved"
        starts = f"{self.unanswered} Starts unanswered"
        return f"interrupted with {starts}, which the next run reads first"

    def _work_left(self) -> str:
        if self.out_of_time:
            return "--max-duration reached, work left"
        return f"--limit {self.limit} reached, {count_targets(self.left)} left"

    def _defective(self) -> str:
        ended = count_targets(len(self.bugs))
        if isinstance(self.bugs[0], MemoryError):
            return f"finished, but memory ran out, which has ended {ended}"
        bug = f"{type(self.bugs[0]).__name__}: {self.bugs[0]}"
        return f"finished, but a bug of batch-onboard ({bug}) has ended {ended}"


def unsaved(received: signal.Signals | None, error: JournalError) -> Outcome:
    """Return the outcome of a run whose ledger could not be written."""
    code = Exit.LOCKED if isinstance(error, TakenOverError) else Exit.LEDGER
    if received is not None:
        code = BY_SIGNAL[received]
    return Outcome(code, str(error), error.lost, saved=False)
