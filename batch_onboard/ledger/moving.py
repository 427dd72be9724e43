"""A ledger in segments that goes on under another name, with what it knows in one segment.

That is its compaction, since nothing in such a store is changed or deleted. The old ledger is
closed by its last line, which names the new one. Neither a crash nor a frozen process leaves two
that a run would take: until the old one is closed, the new one says that it is not finished.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from batch_onboard.ledger.codec import encode, unplaced
from batch_onboard.ledger.errors import LedgerUnusableError
from batch_onboard.ledger.ledger import check_goes_on
from batch_onboard.ledger.lines import FORMAT, OriginLine, ReleasedLine, RewrittenLine
from batch_onboard.ledger.newplaces import new_segments
from batch_onboard.ledger.opening import told_as_unusable
from batch_onboard.ledger.row import Row, Timing
from batch_onboard.ledger.segments import none_there, read_end, reading_row
from batch_onboard.ledger.snapshot import snapshot
from batch_onboard.ledger.taking import open_segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from batch_onboard.core.ports import WallClock
    from batch_onboard.ledger.lines import Line
    from batch_onboard.ledger.row import SegmentStore
    from batch_onboard.ledger.segments import End


@dataclass(frozen=True, slots=True)
class Move:
    """What a move did.

    Attributes:
        lines_before: lines of the old ledger.
        segments_before: its segments.
        lines_after: lines of the new one, which is one segment.
    """

    lines_before: int
    segments_before: int
    lines_after: int


def move(
    old: SegmentStore,
    new: SegmentStore,
    *,
    tool_version: str,
    wall: WallClock,
    lock_timeout: float = 0.0,
    notify: Callable[[str], None] = lambda _: None,
    timing: Timing | None = None,
) -> Move:
    """Let a ledger go on under another name. A move that a crash has ended is finished.

    Args:
        old: the ledger's segments. It is taken as a run takes it.
        new: where it is to go on; nothing may be there. It keeps its id.
        tool_version: the version of batch-onboard.
        wall: what time it is.
        lock_timeout: seconds to wait for a run to end.
        notify: is told, in a sentence, what is waited for.
        timing: as for `open_segments`.

    Raises:
        LedgerLockedError: a run holds it.
        NothingToSalvageError: there is something where it is to go on.
        LedgerError: one of them can't be read or written.
    """
    timing = timing or Timing()
    found = _end_of(old, timing)
    if found.history.moved == str(new.place):
        return _finish(found, new, wall, timing)
    check_goes_on(old.place, found.history)
    with new_segments(new, timing) as write:
        ledger = open_segments(
            old,
            manifest_name=found.history.header.manifest,
            tool_version=tool_version,
            wall=wall,
            lock_timeout=lock_timeout,
            notify=notify,
            timing=timing,
        )
        with ledger:
            header = msgspec.structs.replace(unplaced(ledger.history.header), format=FORMAT)
            origin = OriginLine(at=wall(), of=str(old.place))
            end = RewrittenLine(at=wall(), why="compact", lines=found.seq, tool=tool_version)
            known = snapshot(ledger.history, wall())
            lines: Iterator[Line] = chain(known, [origin, end])
            written = write(header, lines)
            ledger.move_to(str(new.place))
    return _finish(found, new, wall, timing, written)


def _end_of(store: SegmentStore, timing: Timing) -> End:
    with told_as_unusable(store.place):
        end = read_end(reading_row(store, timing))
    if end is None:
        raise none_there(store)
    return end


def _finish(
    found: End, new: SegmentStore, wall: WallClock, timing: Timing, written: int = 0
) -> Move:
    """Say in the new ledger that the old one is closed, unless that was done before."""
    end = _end_of(new, timing)
    if end.history.origin is not None:
        line = end.seal.line(end.seq + 1, end.seq, encode(ReleasedLine(at=wall())))
        with told_as_unusable(new.place):
            if not Row(new, timing, timing.patience).put(end.number + 1, line):
                raise LedgerUnusableError(f"{new.place} can't be used: something writes to it")
    return Move(found.seq, found.number, written or end.seq)
