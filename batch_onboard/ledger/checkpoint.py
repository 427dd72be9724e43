"""Checkpoints: what is known, said at once, and the proof that it is what the lines above say.

A checkpoint is a row of lines of type `known`, and one of type `checkpoint` that closes them with
the digest of every byte above it. It is written in two steps, of which the first is on disk before
the second begins: so there is no closing line unless all that it closes is there.

To open a ledger, the last closing line is looked for, and everything above it is read for its
digest, which takes a twentieth of the time that the lines take. If it is right, those bytes are the
ones that the writer had read or written line by line, and what it knew then is so. If anything at
all is not as it should be, there is no checkpoint, and the lines are read one by one: what is wrong
with them is found and told there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.ledger.codec import UNREADABLE, Seal, decode
from batch_onboard.ledger.fold import ContradictionError, Fold
from batch_onboard.ledger.known import KnownLine
from batch_onboard.ledger.lines import READING, CheckpointLine
from batch_onboard.ledger.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from batch_onboard.ledger.lines import Line
    from batch_onboard.ledger.reading import Source

_MARK = b',"type":"checkpoint",'


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that holds.

    Attributes:
        line: the line that closes it.
        raw: that line's bytes.
        trail: all bytes up to its end.
        rest: the lines after it.
    """

    line: CheckpointLine
    raw: bytes
    trail: Trail
    rest: Iterator[bytes]


def closing(at: datetime, first: int, begin: int, trail: Trail) -> CheckpointLine:
    """Return the line that closes a checkpoint.

    Args:
        at: the line's time.
        first: the number of the checkpoint's first line.
        begin: where that begins, in bytes.
        trail: all bytes above the line that closes it.
    """
    return CheckpointLine(at=at, first=first, begin=begin, digest=trail.digest, reading=READING)


def recall(source: Source, seal: Seal, fold: Fold) -> Checkpoint | None:
    """Find a ledger's last checkpoint, and take in what it says.

    Args:
        source: the ledger.
        seal: its seal.
        fold: of a history that knows nothing yet, and of no further use if this returns None.

    Returns:
        The checkpoint; None if there is none, or none that holds.
    """
    raw = source.last_with(_MARK)
    line = _sealed(raw or b"", seal)
    if not isinstance(line, CheckpointLine) or not _counts(line):
        return None
    trail = Trail()
    lines = source.lines_from(line.begin, trail)
    for seq in range(line.first, line.seq):
        part = next(lines, b"")
        if not _is_taken(_sealed(part, seal), seq, fold):
            return None
        trail.add(part)
    last = next(lines, b"")
    if last != raw or trail.digest != line.digest:
        return None
    trail.add(last)
    return Checkpoint(line, last, trail, lines)


def _counts(line: CheckpointLine) -> bool:
    """Say whether a closing line is for this version, and knew all above to be on disk."""
    return line.reading == READING and line.durable == line.seq - 1


def _sealed(raw: bytes, seal: Seal) -> Line | None:
    """Return a line if it is intact and this version knows it."""
    if not seal.is_intact(raw):
        return None
    try:
        return decode(raw)
    except UNREADABLE:
        return None


def _is_taken(line: Line | None, seq: int, fold: Fold) -> bool:
    if not isinstance(line, KnownLine) or line.seq != seq:
        return False
    try:
        fold.recall(line)
    except ContradictionError:
        return False
    return True
