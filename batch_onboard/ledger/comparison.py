"""Whether checkpoints say what the lines above them add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from batch_onboard.core.record import Record
from batch_onboard.ledger.fold import ContradictionError, Fold
from batch_onboard.ledger.history import History
from batch_onboard.ledger.known import KnownLine
from batch_onboard.ledger.lines import READING, CheckpointLine
from batch_onboard.ledger.snapshot import asides, told
from batch_onboard.ledger.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.ledger.known import Aside
    from batch_onboard.ledger.lines import Line

_UNTOUCHED = Record()


class Comparison:
    """Looks at each line of a ledger, in order, after it was taken in.

    Args:
        history: what the lines up to then add up to.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._trail = Trail()
        self._part: _Part | None = None

    def look(self, raw: bytes, line: Line) -> str | None:
        """Return what is wrong with a line, if anything."""
        problem = None
        if isinstance(line, KnownLine):
            self._part = self._part or _Part(self._history, line.seq, self._trail.size)
            self._part.compare(line)
        else:
            if isinstance(line, CheckpointLine):
                problem = self._closed(line)
            self._part = None
        self._trail.add(raw)
        return problem

    def _closed(self, line: CheckpointLine) -> str | None:
        part = self._part or _Part(self._history, line.seq, self._trail.size)
        if (line.first, line.begin) != (part.first, part.begin):
            return "it closes other lines than those above it"
        if line.digest != self._trail.digest:
            return "its digest is not that of the bytes above it"
        if line.reading == READING and not part.is_right:
            return "the lines that it closes do not say what all lines above them add up to"
        return None


class _Part:
    """A checkpoint that is being read."""

    def __init__(self, history: History, first: int, begin: int) -> None:
        self.first = first
        self.begin = begin
        self._history = history
        self._agrees = True
        self._is_all = False  # what is known is known from it
        self._asides: Iterator[Aside] = asides(history, again=True)
        self._rows = 0

    @property
    def is_right(self) -> bool:
        """It says all that is known, and nothing else."""
        return self._agrees and (
            self._is_all or (self._rows == told(self._history) and next(self._asides, None) is None)
        )

    def compare(self, line: KnownLine) -> None:
        self._is_all = self._is_all or not line.again
        if line.again and self._agrees:
            self._rows += line.rows
            self._agrees = all(each == next(self._asides, None) for each in line.lines) and (
                self._agree(line)
            )

    def _agree(self, line: KnownLine) -> bool:
        said, known = History(self._history.header), self._history
        try:
            Fold(said).recall(structs.replace(line, lines=()))
        except ContradictionError:
            return False
        keys = said.targets.keys() | said.removed.keys() | said.records.keys()
        return (
            said.targets.items() <= known.targets.items()
            and said.removed.items() <= known.removed.items()
            and len(keys) == line.rows
            and all(
                said.records.get(key, _UNTOUCHED) == known.records.get(key, _UNTOUCHED)
                for key in keys
            )
        )
