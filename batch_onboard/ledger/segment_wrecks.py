"""A damaged ledger in segments, to be salvaged: all of it, and nobody writes to it any more."""

from __future__ import annotations

from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from batch_onboard.ledger.codec import decode, encode
from batch_onboard.ledger.errors import LedgerLockedError
from batch_onboard.ledger.lines import ClaimLine, ReleasedLine
from batch_onboard.ledger.opening import told_as_unusable
from batch_onboard.ledger.pieces import pieces_in
from batch_onboard.ledger.reading import lines_of
from batch_onboard.ledger.row import Timing
from batch_onboard.ledger.salvage import Wreck
from batch_onboard.ledger.segments import none_there, reading_row
from batch_onboard.ledger.taking import new_claim
from batch_onboard.ledger.vigil import Vigil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

    from batch_onboard.core.ports import WallClock
    from batch_onboard.ledger.codec import Seal
    from batch_onboard.ledger.row import Row, SegmentStore


@contextmanager
def wreck_in(
    store: SegmentStore,
    *,
    wall: WallClock,
    lock_timeout: float = 0.0,
    notify: Callable[[str], None] = lambda _: None,
    timing: Timing | None = None,
) -> Iterator[Wreck]:
    """Copy a damaged ledger to a nameless file, having taken it from a holder that is silent.

    No segment of it is changed. A holder that was frozen finds its next number used when it wakes,
    as after any takeover, so that it sends nothing of which the new ledger would not know.

    Args:
        store: the ledger's segments.
        wall: what time it is.
        lock_timeout: seconds to wait for a holder that lives to end.
        notify: is told, in a sentence, what is waited for.
        timing: for how long a holder must be silent.

    Raises:
        LedgerLockedError: the holder lives.
        NothingToSalvageError: it is not damaged.
        LedgerUnusableError: it can't be read, or there is none.
    """
    timing = timing or Timing()
    with told_as_unusable(store.place), TemporaryFile() as file:
        row = reading_row(store, timing)
        last = _copy(row, 0, file)
        if not last:
            raise none_there(store)
        wreck = Wreck(store.place, file.fileno(), has_tails=False)
        seal = wreck.seal()
        wreck.check_damaged(seal)
        holder, _ = _latest(wreck, seal)
        if holder is not None:
            Vigil(row, timing, lock_timeout, notify).keep(holder, last)
            last = _copy(row, last, file)
            _fence(row, last, wreck, seal, wall)
        yield wreck


def _copy(row: Row, after: int, file: IO[bytes]) -> int:
    """Add the segments above a number to a file, and return the last number."""
    numbers = row.numbers(after)
    for raw in row.lines(numbers):
        file.write(raw)
    file.flush()
    return numbers[-1] if numbers else after


def _latest(wreck: Wreck, seal: Seal) -> tuple[ClaimLine | None, int]:
    """Return who holds the ledger, as far as its intact lines tell, and the highest number."""
    holder, seq, offset = None, 1, 0
    for raw in lines_of(wreck.descriptor):
        for piece in pieces_in(raw, offset, seal):
            seq = max(seq, piece.seq)
            line = decode(piece.raw[:-1])
            if isinstance(line, (ClaimLine, ReleasedLine)):
                holder = line if isinstance(line, ClaimLine) else None
        offset += len(raw)
    return holder, seq


def _fence(row: Row, last: int, wreck: Wreck, seal: Seal, wall: WallClock) -> None:
    """Write a claim, and its release, as the next segment."""
    holder, seq = _latest(wreck, seal)
    claim, released = encode(new_claim(wall())), encode(ReleasedLine(at=wall()))
    data = seal.line(seq + 1, seq, claim) + seal.line(seq + 2, seq + 1, released)
    if not row.put(last + 1, data):
        raise LedgerLockedError.by(holder, wreck.name)
