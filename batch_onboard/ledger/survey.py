"""All that is wrong with a ledger, in one pass. Reads, and repairs nothing."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batch_onboard.ledger.defect import why_unreadable
from batch_onboard.ledger.pieces import Piece, pieces_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from batch_onboard.ledger.codec import Seal


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong.

    Attributes:
        line: the line of the file, counted from 1.
        offset: where that line begins, in bytes from 0.
        problem: what is wrong with it, for people.
        expected: the sequence number that belongs there.
    """

    line: int
    offset: int
    problem: str
    expected: int


@dataclass(slots=True)
class _Gap:
    """Numbers that did not stand where they belong; some may yet stand further on."""

    first: int
    last: int
    line: int
    offset: int
    named: bool  # not explained by unreadable lines in their place
    late: set[int] = field(default_factory=set)

    @property
    def problem(self) -> str:
        if len(self.late) == self.last - self.first + 1:
            return f"number {self.last + 1} stands before number {self.first}: lines were swapped"
        if self.first == self.last:
            return f"number {self.first} is missing"
        return f"numbers {self.first} to {self.last} are missing"


class Survey:
    """One walk over all lines, whatever is wrong with some.

    Args:
        seal: the ledger's seal.
        take: called with each intact line, in the order of the file, and whether all lines up
            to it are intact and in their places. What it returns, if anything, is a flaw.

    Attributes:
        lines: lines of the file, intact or not.
        intact: lines that verify alone.
        mark: the highest sequence number that an intact line calls durable.
        size: bytes.
    """

    def __init__(self, seal: Seal, take: Callable[[Piece, bool], str | None]) -> None:
        self.lines = 0
        self.intact = 0
        self.mark = 0
        self.size = 0
        self._seal = seal
        self._take = take
        self._flaws: list[Flaw] = []
        self._blamed: list[Flaw] = []
        self._gaps: list[_Gap] = []
        self._expected = 1
        self._durable = 0
        self._unreadable = 0  # lines since the last intact one

    def walk(self, lines: Iterable[bytes]) -> None:
        """Look at lines, cut after each line feed."""
        for raw in lines:
            self.lines += 1
            if not self._seal.is_intact(raw):
                self._flaw(why_unreadable(raw), self._expected + self._unreadable)
                self._unreadable += 1
            self._look_at(raw)
            self.size += len(raw)

    def blame(self, problem: str) -> None:
        """Note that the line at hand is damaged, wherever the durable mark is."""
        self._blamed.append(Flaw(self.lines, self.size, problem, 0))

    @property
    def damage(self) -> list[Flaw]:
        """What is wrong below the durable mark."""
        return [flaw for flaw in self._all_flaws() if flaw.expected <= self.mark]

    @property
    def tail(self) -> Flaw | None:
        """The beginning of an unfinished tail."""
        return next((flaw for flaw in self._all_flaws() if flaw.expected > self.mark), None)

    def _all_flaws(self) -> list[Flaw]:
        named = (gap for gap in self._gaps if gap.named)
        gaps = [Flaw(gap.line, gap.offset, gap.problem, gap.first) for gap in named]
        return sorted(self._flaws + self._blamed + gaps, key=lambda flaw: flaw.line)

    def _look_at(self, raw: bytes) -> None:
        for piece in pieces_in(raw, self.size, self._seal):
            self.intact += 1
            self.mark = max(self.mark, piece.durable)
            self._place(piece)
            self._unreadable = 0
            is_sound = not self._flaws and not self._gaps
            problem = self._take(piece, is_sound)
            if problem is not None:
                self.blame(problem)

    def _place(self, piece: Piece) -> None:
        if piece.seq < self._expected:
            self._place_earlier(piece.seq)
            return
        if piece.seq > self._expected:
            self._open_gap(piece.seq)
        if not self._durable <= piece.durable < piece.seq:
            self._flaw(f"its durable mark, {piece.durable}, cannot be right", piece.seq)
        self._durable = max(self._durable, piece.durable)
        self._expected = piece.seq + 1

    def _open_gap(self, seq: int) -> None:
        missing = seq - self._expected
        named = missing > self._unreadable
        self._gaps.append(_Gap(self._expected, seq - 1, self.lines, self.size, named))

    def _place_earlier(self, seq: int) -> None:
        index = bisect_right(self._gaps, seq, key=lambda gap: gap.first) - 1
        gap = self._gaps[index] if index >= 0 else None
        if gap is None or seq > gap.last or seq in gap.late:
            self._flaw(f"number {seq} stands here a second time", self._expected)
        else:
            gap.late.add(seq)

    def _flaw(self, problem: str, expected: int) -> None:
        self._flaws.append(Flaw(self.lines, self.size, problem, expected))
