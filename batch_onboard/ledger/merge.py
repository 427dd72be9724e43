"""One new ledger of several, such as those of all shards; these are left as they are.

A run over all of the batch goes on with it. What none of the ledgers can tell is treated as what a
crash has torn off: where a shard's ledger is missing, or one has an unfinished tail, the new ledger
says that it was cut, so that everything is read before it is started, and 'not started' counts only
when the hold has passed, counted from the merge.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from batch_onboard.ledger.combine import Part, check_alike, combine, missing_shards, shared_targets
from batch_onboard.ledger.errors import LedgerLockedError
from batch_onboard.ledger.file import check_before_locking
from batch_onboard.ledger.lines import CutLine, MergedLine, RewrittenLine
from batch_onboard.ledger.lock import LedgerLock
from batch_onboard.ledger.opening import check_private, open_regular, told_as_unusable
from batch_onboard.ledger.reading import FileSource
from batch_onboard.ledger.replay import read
from batch_onboard.ledger.segments import none_there, read_end, reading_row
from batch_onboard.ledger.snapshot import snapshot
from batch_onboard.ledger.whole import new_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from batch_onboard.core.shard import Shard
    from batch_onboard.ledger.newplaces import Write
    from batch_onboard.ledger.row import SegmentStore


_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Merge:
    """What a merge did.

    Attributes:
        ledgers: how many ledgers were read.
        lines: lines of the new ledger.
        targets: its targets.
        runs: its runs.
        shared: targets that stood in several of the ledgers.
        missing: shards of which no ledger was there.
        torn: ledgers with an unfinished tail, which was left out.
    """

    ledgers: int
    lines: int
    targets: int
    runs: int
    shared: int
    missing: tuple[Shard, ...]
    torn: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Nothing is missing, as far as can be told."""
        return not (self.missing or self.torn)


@contextmanager
def held_part(path: Path, now: datetime, lock_timeout: float = 0.0) -> Iterator[Part]:
    """Read a ledger in a file, and keep runs from it meanwhile.

    Args:
        path: the ledger, which is only read.
        now: the time, told to those who find it locked.
        lock_timeout: seconds to wait for a run to end.

    Raises:
        LedgerError: it can't be read, is damaged, or a run holds it.
    """
    check_before_locking(path, exists=True)
    lock = LedgerLock(path, now, lock_timeout)
    try:
        yield _read(path)
    finally:
        lock.release()


def free_part(store: SegmentStore) -> Part:
    """Read a ledger in segments that nobody holds.

    Raises:
        LedgerLockedError: somebody does, or has died with it.
        LedgerError: it can't be read, or is damaged.
    """
    with told_as_unusable(store.place):
        end = read_end(reading_row(store, None))
    if end is None:
        raise none_there(store)
    if end.history.holder is not None:
        raise LedgerLockedError.by(end.history.holder, str(store.place))
    return Part(str(store.place), end.history, end.seq)


def merge(parts: Sequence[Part], write: Write, *, tool_version: str, now: datetime) -> Merge:
    """Write one ledger with all that several know.

    Args:
        parts: the ledgers, held by nobody else; their histories are used up.
        write: writes the new one. It gets an id of its own.
        tool_version: the version of batch-onboard.
        now: what time it is.

    Raises:
        UnlikeLedgersError: they are not of one batch.
        LedgerError: the new one can't be written.
    """
    check_alike(parts)
    header = new_header(parts[0].history.header.manifest, tool_version, now)
    shared, missing = shared_targets(parts), missing_shards(parts)
    torn = tuple(part.name for part in parts if part.torn)
    whole = combine(parts, header)
    names = tuple(part.name for part in parts)
    whole.merged.append(MergedLine(at=now, ledgers=names, missing=missing, tool=tool_version))
    if missing or torn:
        whole.cuts.append(_cut(parts, missing, now))
    lines = sum(part.lines for part in parts)
    end = RewrittenLine(at=now, why="merge", lines=lines, tool=tool_version)
    written = write(header, chain(snapshot(whole, now), [end]))
    return Merge(len(parts), written, len(whole.targets), len(whole.runs), shared, missing, torn)


def _cut(parts: Sequence[Part], missing: Sequence[Shard], now: datetime) -> CutLine:
    """Return the line that says that intents may have stood where nobody can read any more."""
    where = [part.name for part in parts if part.torn] + [str(shard) for shard in missing]
    kept = ", ".join(where[:_MOST_NAMED]) + (", ..." if len(where) > _MOST_NAMED else "")
    return CutLine(at=now, size=sum(part.torn for part in parts), kept=kept)


def _read(path: Path) -> Part:
    with told_as_unusable(path):
        descriptor = open_regular(path, os.O_RDONLY)
        try:
            check_private(path, descriptor)
            history, scan = read(FileSource(descriptor), str(path))
            size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
    return Part(str(path), history, scan.seq, 0 if scan.tail is None else size - scan.tail.offset)
