"""A ledger in segments that another process writes to, read on as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.ledger.opening import told_as_unusable
from batch_onboard.ledger.replay import Replay
from batch_onboard.ledger.row import Timing
from batch_onboard.ledger.segments import SegmentSource, none_there, reading_row

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.lines import Line
    from batch_onboard.ledger.row import SegmentStore

_MOST = 512
"""Segments that are read at one look but the first: more than runs write between two."""


class SegmentFollower:
    """Reads a ledger from where it came to the last time. Changes nothing.

    Each look asks once for the names of new segments, and then for these.

    Args:
        store: its segments.
        watch: is told of each line once it is taken in.
        timing: for how long a holder must be silent to be taken for dead.
    """

    def __init__(
        self, store: SegmentStore, watch: Callable[[Line], None], timing: Timing | None = None
    ) -> None:
        self._timing = timing or Timing()
        self._row = reading_row(store, self._timing)
        self._watch = watch
        self._number = 0
        self._heard = self._timing.clock()
        self._written: datetime | None = None
        self._replay: Replay | None = None

    def catch_up(self) -> History:
        """Take in what was written since the last time, and return all that the ledger knows.

        Raises:
            LedgerError: it can't be read, is no ledger, or is damaged.
        """
        store = self._row.store
        with told_as_unusable(store.place):
            numbers = self._row.numbers(self._number)
            if self._replay is None:
                if not numbers:
                    raise none_there(store)
                self._replay = Replay.of(SegmentSource(self._row, numbers), str(store.place))
            else:
                numbers = numbers[:_MOST]
                self._replay.scan.go_on(self._row.lines(numbers))
            return self._take_in(self._replay, numbers)

    def is_held(self) -> bool:
        """Say whether somebody holds the ledger and has not been silent for too long.

        It is counted by the clock of this process, from when something new was seen.
        """
        replay = self._replay
        if replay is None or replay.history.holder is None:
            return False
        return self._timing.clock() - self._heard < self._timing.silence

    def _take_in(self, replay: Replay, numbers: list[int]) -> History:
        replay.run(self._tell)
        if replay.scan.tail is not None:  # a segment appears whole or not at all
            raise replay.scan.damaged(replay.scan.tail.problem)
        if numbers:
            self._number = numbers[-1]
            self._heard = self._timing.clock()
        replay.history.written = None if replay.history.holder is None else self._written
        return replay.history

    def _tell(self, line: Line) -> None:
        self._written = line.at
        self._watch(line)
