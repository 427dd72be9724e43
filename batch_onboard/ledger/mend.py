"""Making sense of lines some of which are missing, so that they can be replayed.

A line may say what is not possible after the lines before it, when one between them is lost: an
outcome without its intent, an intent after an intent. Each line that was kept is believed, since it
is intact; a `known` line before it puts in what must have been so when it was written. Such a line
is never the last word about a target: an intent is closed only by what the ledger itself had said.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import structs

from batch_onboard.core.lifecycle import DONE, Event, State
from batch_onboard.core.opening import MAX_AUTOMATIC_CLEARS
from batch_onboard.core.targets import TargetKey
from batch_onboard.ledger.fold import ContradictionError, Fold
from batch_onboard.ledger.known import KnownLine, Row, keys_of, known_line
from batch_onboard.ledger.lines import CheckpointLine, EntryLine
from batch_onboard.ledger.snapshot import known_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from batch_onboard.core.record import Record
    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.lines import Line

# The state before an event that is not possible in the state that is known. The rest are possible
# after an attempt that has ended in some way.
_BEFORE = {
    Event.INTENDED: State.PENDING,
    Event.WITHDRAWN: State.SUBMITTING,
    Event.REFUSED: State.SUBMITTING,
    Event.CLEARING: State.FAILED,
    Event.CLEARED: State.FAILED,
}


class Mender:
    """Takes lines in order and gives out lines that can be replayed.

    A checkpoint's lines say what lines before them say too. Where such lines are lost, it is their
    turn: they are made lines that count.

    Args:
        history: knows nothing yet; takes in what is given out.
        at: the time of lines that are put in.
        believes: whether checkpoints count.

    Attributes:
        bridged: targets for which something had to be put in.
        dropped: lines that say nothing without one that is lost.
    """

    def __init__(self, history: History, at: datetime, *, believes: bool) -> None:
        self.bridged: set[str] = set()
        self.dropped = 0
        self._history = history
        self._fold = Fold(history)
        self._at = at
        self._believes = believes

    def mended(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Yield the lines, and what had to be put in before them."""
        for line in filter(None, map(self._counting, lines)):
            try:
                self._fold.take(line)
            except ContradictionError:
                yield from self._bridged(line)
            else:
                yield line

    def cautions(self) -> Iterator[KnownLine]:
        """Return lines that forbid what must not rest on a count with holes.

        How often a failed job was deleted by the rule for INTERNAL_FAILURE is no longer known, so
        for targets that are not done it counts as often enough.
        """
        return known_lines(self._limited(), self._at)

    def _limited(self) -> Iterator[Row]:
        for key, record in self._history.records.items():
            if record.state not in DONE and record.automatic_clears < MAX_AUTOMATIC_CLEARS:
                record.automatic_clears = MAX_AUTOMATIC_CLEARS
                yield Row(key, None, record)

    def _counting(self, line: Line) -> Line | None:
        """Return what a line says in the new ledger; None if it says nothing there."""
        if isinstance(line, CheckpointLine):
            return None
        if isinstance(line, KnownLine) and line.again:
            return structs.replace(line, again=False, lines=()) if self._believes else None
        return line

    def _bridged(self, line: Line) -> Iterator[Line]:
        bridge = self._bridge(line) if isinstance(line, EntryLine) else None
        if bridge is None:
            # The end of an unknown run, or the departure of an unknown target.
            self.dropped += 1
            return
        self._fold.take(bridge)
        self._fold.take(line)
        self.bridged.update(map(str, keys_of(bridge)))
        yield bridge
        yield line

    def _bridge(self, line: EntryLine) -> KnownLine | None:
        try:
            key = TargetKey.parse(line.target)
        except ValueError:
            return None
        return known_line([Row(key, None, _before(self._history.record(key), line))], self._at)


def _before(record: Record, line: EntryLine) -> Record:
    """Return what must have been known of a target when a line about it was written."""
    state = _BEFORE.get(line.event, State.UNRESOLVED)
    attempts = max(record.attempts, int(line.ours))
    if state is State.SUBMITTING:  # by an intent that is lost
        attempts = record.attempts + 1
    return replace(record, state=state, attempts=attempts)
