"""Writing a ledger anew with what it knows, in place of how it came to know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.ledger.file import check_before_locking, open_locked
from batch_onboard.ledger.lock import LedgerLock
from batch_onboard.ledger.opening import told_as_unusable
from batch_onboard.ledger.rewrite import rewrite

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.core.ports import WallClock
    from batch_onboard.ledger.history import Cut


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a compaction did.

    Attributes:
        lines_before: lines that the ledger had.
        lines_after: lines that it has now.
        bytes_before: its size before, in bytes.
        bytes_after: its size now, in bytes.
        cut: the unfinished tail that was cut off first, as a run would have done.
        warnings: what is odd about the file but no reason to stop, for people.
    """

    lines_before: int
    lines_after: int
    bytes_before: int
    bytes_after: int
    cut: Cut | None
    warnings: tuple[str, ...]


def compact(
    path: Path, *, tool_version: str, wall: WallClock, lock_timeout: float = 0.0
) -> Compaction:
    """Rewrite a ledger so that it has fewer lines and the same history.

    At any moment, a crash leaves the old file or the new one, whole. The ledger keeps its id.

    Args:
        path: the ledger.
        tool_version: the version of batch-onboard.
        wall: what time it is.
        lock_timeout: seconds to wait for a run to end.

    Raises:
        LedgerLockedError: a run holds it.
        LedgerUnusableError: the file can't be read or written.
        LedgerFormatError: it is not a ledger, or not one that this version can read.
        LedgerDamagedError: what was durable has been changed; nothing was rewritten.
    """
    check_before_locking(path, exists=True)
    lock = LedgerLock(path, wall(), lock_timeout)
    try:
        with told_as_unusable(path):
            return _compact(path, tool_version, wall)
    finally:
        lock.release()


def _compact(path: Path, tool_version: str, wall: WallClock) -> Compaction:
    history, appender, warnings = open_locked(path, wall)
    lines_before, bytes_before = appender.seq, path.stat().st_size
    appender.close()
    lines_after = rewrite(path, history, lines_before, tool_version, wall())
    return Compaction(
        lines_before,
        lines_after,
        bytes_before,
        path.stat().st_size,
        history.cut,
        tuple(warnings),
    )
