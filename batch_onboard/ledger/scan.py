"""The walk over a ledger's bytes: intact lines in their places, then nothing, a tail, or damage.

Lines of one unsynced group reach the disk in any order, so after a power cut an unfinished place
may be followed by intact lines. What tells it from corruption is the durable mark: every line says
up to which sequence number the file was known to be on disk. A defect at or below the highest mark
of any intact line, wherever that line stands, is damage; above it, it is an unfinished tail.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

from batch_onboard.ledger.codec import UNREADABLE, Seal, decode
from batch_onboard.ledger.defect import examine
from batch_onboard.ledger.errors import LedgerDamagedError, LedgerVersionError
from batch_onboard.ledger.header import read_header
from batch_onboard.ledger.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from batch_onboard.ledger.checkpoint import Checkpoint
    from batch_onboard.ledger.lines import HeaderLine, Line

_BLOCK = 64
"""Lines whose checksums are compared together."""


@dataclass(frozen=True, slots=True)
class Tail:
    """What stands after the last line that counts.

    Attributes:
        offset: where it begins, in bytes.
        problem: what is wrong with its first line.
    """

    offset: int
    problem: str


class Scan:
    """One walk. Iterating yields the lines after the header, up to the end or an unfinished tail.

    Args:
        lines: the ledger's bytes, cut after each line feed; the last one may lack it.
        name: the ledger's name, for messages.

    Attributes:
        header: the first line.
        seal: the seal of this ledger's lines.
        seq: the sequence number of the last line that was found in its place.
        offset: where the line at hand begins; at the end, where the next one would.
        tail: what was left unfinished, known when the walk has ended.
        proven: bytes from the beginning of which a line says that they are on disk.
        trail: all bytes up to `offset`, known when the walk has ended.
        checkpoint: the number of the checkpoint that it began at; 0 if it began at the beginning.

    Raises:
        LedgerFormatError: it is not a ledger, or not one that this version can read.
        LedgerDamagedError: the header is damaged; from iterating: anything that was durable is.
    """

    def __init__(self, lines: Iterable[bytes], name: str) -> None:
        self._lines = iter(lines)
        self._name = name
        first = next(self._lines, b"")
        self.header: HeaderLine = read_header(first, name)
        self.seal = Seal(self.header.id)
        self.seq = 1
        self.offset = len(first)
        self.tail: Tail | None = None
        self.proven = 0
        self.trail = Trail()
        self.trail.add(first)
        self.checkpoint = 0
        self._durable = 0
        self._block: list[bytes] = []

    def leap(self, checkpoint: Checkpoint) -> None:
        """Begin after a checkpoint, and not with the line after the header."""
        line = checkpoint.line
        self._lines = checkpoint.rest
        self.trail = checkpoint.trail
        self.seq = self.checkpoint = line.seq
        self.offset = self.trail.size
        self.proven = self.offset - len(checkpoint.raw)
        self._durable = line.durable

    def go_on(self, lines: Iterable[bytes]) -> None:
        """Let a walk that has ended go on when it is iterated again.

        Args:
            lines: what stands in the ledger now from `offset` on, cut likewise.
        """
        self._lines = iter(lines)
        self.tail = None

    def __iter__(self) -> Iterator[Line]:
        seq = self.seq
        for raw in self._intact():
            try:
                line = decode(raw)
            except UNREADABLE as error:
                raise LedgerVersionError.unknown_line(self._name, seq + 1, error) from None
            mark = line.durable
            if line.seq != seq + 1 or not self._durable <= mark <= seq:
                return self._stop_at(raw)
            yield line
            if mark == seq:  # as in the first line of every group
                self.proven = self.offset
            self._durable = mark
            self.seq = seq = seq + 1
            self.offset += len(raw)
        return None

    def _intact(self) -> Iterator[bytes]:
        """Yield lines up to the first one that is not intact.

        Checksums are compared block by block. What follows is done line by line, since lines that
        are kept for a while cost more than those whose memory the next one has again.
        """
        lines, seal = self._lines, self.seal
        while block := list(islice(lines, _BLOCK)):
            self._settle()
            self._block = block
            rest = iter(block)
            self._lines = chain(rest, lines)
            if seal.are_intact(block):
                yield from rest
                continue
            for raw in rest:
                if not seal.is_intact(raw):
                    return self._stop_at(raw)
                yield raw
        return self._settle()

    def _settle(self) -> None:
        """Add those lines of the block at hand to the trail that are in their places."""
        self.trail.add(b"".join(self._block)[: self.offset - self.trail.size])
        self._block = []

    def damaged(self, problem: str) -> LedgerDamagedError:
        """Return the error that says that the line at hand is damaged."""
        return LedgerDamagedError(self._name, self.seq + 1, self.offset, problem)

    def _stop_at(self, raw: bytes) -> None:
        expected = self.seq + 1
        defect = examine(raw, self._lines, self.seal, expected)
        if defect.mark >= expected:
            raise self.damaged(defect.problem)
        self.tail = Tail(self.offset, defect.problem)
        self._settle()
