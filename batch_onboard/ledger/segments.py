"""A ledger in a row of segments, for those who only read.

The segments, one after the other, are a ledger as a file has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.ledger.errors import LedgerUnusableError
from batch_onboard.ledger.opening import told_as_unusable
from batch_onboard.ledger.replay import replay
from batch_onboard.ledger.row import Row, Timing
from batch_onboard.ledger.segment_appender import last_line
from batch_onboard.ledger.verify import examine_all, find_seal

if TYPE_CHECKING:
    from batch_onboard.ledger.codec import Seal
    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.row import SegmentStore
from batch_onboard.ledger.verify import Examination


@dataclass(frozen=True, slots=True)
class End:
    """Where a ledger ends, and what it knows up to there.

    Attributes:
        number: of its last segment.
        seq: of its last line.
        unwritten: lines that belong there and are in no segment yet: a new ledger's header.
    """

    history: History
    seal: Seal
    number: int
    seq: int
    unwritten: bytes = b""


def read_segments(store: SegmentStore, timing: Timing | None = None) -> History:
    """Read what a ledger knows, also while a run writes to it. Changes nothing.

    Raises:
        LedgerUnusableError: it can't be read, or there is none.
        LedgerFormatError: it is not a ledger, or not one that this version can read.
        LedgerDamagedError: something has been changed, or is missing.
    """
    history = find_segments(store, timing)
    if history is None:
        raise none_there(store)
    return history


def find_segments(store: SegmentStore, timing: Timing | None = None) -> History | None:
    """Read what a ledger knows, as `read_segments` does; None if there is none.

    Raises:
        LedgerError: as `read_segments` does.
    """
    with told_as_unusable(store.place):
        row = reading_row(store, timing)
        end = read_end(row)
        if end is None:
            return None
        if end.history.holder is not None:
            latest = last_line(row.read(end.number))
            end.history.written = None if latest is None else latest.at
        return end.history


def verify_segments(store: SegmentStore, timing: Timing | None = None) -> Examination:
    """Read a whole ledger for everything that is wrong with it. Changes nothing.

    Raises:
        LedgerError: as `verify.verify` does.
    """
    name = str(store.place)
    with told_as_unusable(store.place):
        row = reading_row(store, timing)
        numbers = row.numbers()
        if not numbers:
            raise none_there(store)
        return examine_all(row.lines(numbers), find_seal(row.lines(numbers), name), name)


def read_end(row: Row, last: int | None = None) -> End | None:
    """Read a ledger, whole or up to a segment; None if there is none."""
    numbers = [number for number in row.numbers() if last is None or number <= last]
    if not numbers:
        return None
    history, scan = replay(row.lines(numbers), str(row.store.place))
    if scan.tail is not None:  # a segment appears whole or not at all
        raise scan.damaged(scan.tail.problem)
    return End(history, scan.seal, numbers[-1], scan.seq)


def reading_row(store: SegmentStore, timing: Timing | None) -> Row:
    """Return a row as those have it who hold nothing."""
    timing = timing or Timing()
    return Row(store, timing, timing.first_patience)


def none_there(store: SegmentStore) -> LedgerUnusableError:
    """Return the error for a place without a ledger."""
    return LedgerUnusableError(
        f"{store.place} can't be used: there is no ledger: see that bucket and name are right"
    )
