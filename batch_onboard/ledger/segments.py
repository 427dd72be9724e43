"""A ledger in a row of segments, for those who only read.

The segments, one after the other, are a ledger as a file has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from batch_onboard.ledger.errors import LedgerUnusableError
from batch_onboard.ledger.opening import told_as_unusable
from batch_onboard.ledger.reading import line_around
from batch_onboard.ledger.replay import read
from batch_onboard.ledger.row import Row, Timing
from batch_onboard.ledger.segment_appender import last_line
from batch_onboard.ledger.verify import examine_all, find_seal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from batch_onboard.ledger.codec import Seal
    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.row import SegmentStore
    from batch_onboard.ledger.trail import Trail
    from batch_onboard.ledger.verify import Examination


_LATEST = 32
"""How many segments at the end are looked through for a checkpoint: runs write it as their last."""


@dataclass(frozen=True, slots=True)
class End:
    """Where a ledger ends, and what it knows up to there.

    Attributes:
        number: of its last segment.
        seq: of its last line.
        trail: all bytes up to there.
        unwritten: lines that belong there and are in no segment yet: a new ledger's header.
        checkpoint: the number of the checkpoint from which it was read; 0 if from the beginning.
    """

    history: History
    seal: Seal
    number: int
    seq: int
    trail: Trail
    unwritten: bytes = b""
    checkpoint: int = 0


class SegmentSource:
    """A ledger in a row of segments; conforms to `reading.Source`.

    The last of them are read first, once.

    Args:
        row: the segments.
        numbers: theirs, in ascending order.
    """

    def __init__(self, row: Row, numbers: Sequence[int]) -> None:
        self._row = row
        self._before = numbers[:-_LATEST]
        self._latest = list(row.contents(numbers[-_LATEST:]))

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of all segments."""
        for data in self._contents():
            yield from BytesIO(data)

    def lines_from(self, offset: int, trail: Trail) -> Iterator[bytes]:
        """Yield the lines from an offset on, after all bytes before it were added to `trail`."""
        for data in self._contents():
            before = data[: max(0, offset - trail.size)]
            trail.add(before)
            yield from BytesIO(data[len(before) :])

    def last_with(self, mark: bytes) -> bytes | None:
        """Return the last line that has some bytes in it; None if the last segments have none."""
        data = b"".join(self._latest)
        at = data.rfind(mark)
        return None if at == -1 else line_around(data, at)

    def _contents(self) -> Iterator[bytes]:
        yield from self._row.contents(self._before)
        yield from self._latest


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
    history, scan = read(SegmentSource(row, numbers), str(row.store.place))
    if scan.tail is not None:  # a segment appears whole or not at all
        raise scan.damaged(scan.tail.problem)
    return End(history, scan.seal, numbers[-1], scan.seq, scan.trail, checkpoint=scan.checkpoint)


def reading_row(store: SegmentStore, timing: Timing | None) -> Row:
    """Return a row as those have it who hold nothing."""
    timing = timing or Timing()
    return Row(store, timing, timing.first_patience)


def none_there(store: SegmentStore) -> LedgerUnusableError:
    """Return the error for a place without a ledger."""
    return LedgerUnusableError(
        f"{store.place} can't be used: there is no ledger: see that bucket and name are right"
    )
