"""Where a new, whole ledger is put: a file, or one segment. Nothing is ever overwritten."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from batch_onboard.ledger.errors import NothingToSalvageError
from batch_onboard.ledger.file import check_new
from batch_onboard.ledger.lock import LedgerLock
from batch_onboard.ledger.opening import told_as_unusable
from batch_onboard.ledger.row import Row, Timing
from batch_onboard.ledger.segments import reading_row
from batch_onboard.ledger.whole import sealed, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from batch_onboard.ledger.lines import HeaderLine, Line
    from batch_onboard.ledger.row import SegmentStore

Write: TypeAlias = "Callable[[HeaderLine, Iterable[Line]], int]"
"""Writes a ledger as a whole, once, and returns how many lines it has."""


@contextmanager
def new_file(path: Path, now: datetime, lock_timeout: float = 0.0) -> Iterator[Write]:
    """Give what writes a new ledger into a file, which is locked meanwhile.

    Args:
        path: the file.
        now: the time, told to those who find it locked.
        lock_timeout: seconds to wait for whoever holds the lock.

    Raises:
        NothingToSalvageError: it exists.
        LedgerLockedError: somebody makes it just now.
        LedgerUnusableError: it can't be written.
    """
    check_new(path)
    lock = LedgerLock(path, now, lock_timeout)
    try:
        check_new(path)  # now that no other can make it

        def write(header: HeaderLine, lines: Iterable[Line]) -> int:
            with told_as_unusable(path):
                return write_whole(path, header, lines)

        yield write
    finally:
        lock.release()


@contextmanager
def new_segments(store: SegmentStore, timing: Timing | None = None) -> Iterator[Write]:
    """Give what writes a new ledger as the first segment of a row, which appears whole.

    Raises:
        NothingToSalvageError: there is something.
        LedgerUnusableError: it can't be written.
    """
    timing = timing or Timing()
    with told_as_unusable(store.place):
        if reading_row(store, timing).numbers():
            raise taken(store)

    def write(header: HeaderLine, lines: Iterable[Line]) -> int:
        each = list(sealed(header, lines))
        with told_as_unusable(store.place):
            if not Row(store, timing, timing.patience).put(1, b"".join(each)):
                raise taken(store)
        return len(each)

    yield write


def taken(store: SegmentStore) -> NothingToSalvageError:
    """Return the error for a place in S3 that a new ledger can't have."""
    return NothingToSalvageError(
        f"{store.place} exists: name another place with -o. Nothing was written"
    )
