"""A ledger in a file: reading it, and opening it to go on."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from batch_onboard.ledger.appender import Appender
from batch_onboard.ledger.codec import LONGEST_LINE, Seal, encode
from batch_onboard.ledger.ledger import Ledger
from batch_onboard.ledger.lines import FORMAT, CutLine, HeaderLine
from batch_onboard.ledger.lock import LedgerLock
from batch_onboard.ledger.opening import (
    check_private,
    open_regular,
    sync_folder,
    told_as_unusable,
    write_all,
)
from batch_onboard.ledger.repair import cut_tail
from batch_onboard.ledger.replay import replay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from batch_onboard.core.ports import WallClock
    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.scan import Scan

_BUFFER = 1 << 20


def read_history(path: Path) -> History:
    """Read what a ledger knows, also while a run writes to it. Changes and locks nothing.

    An unfinished tail is passed over.

    Raises:
        LedgerUnusableError: the file can't be read.
        LedgerFormatError: it is not a ledger, or not one that this version can read.
        LedgerDamagedError: what was durable has been changed.
    """
    with told_as_unusable(path):
        descriptor = open_regular(path, os.O_RDONLY)
        try:
            return replay(_lines(descriptor), str(path))[0]
        finally:
            os.close(descriptor)


def open_ledger(
    path: Path,
    *,
    manifest_name: str,
    tool_version: str,
    wall: WallClock,
    lock_timeout: float = 0.0,
) -> Ledger:
    """Lock a ledger, create it if there is none, and make it ready for a run.

    An unfinished tail is cut off and kept beside it (`History.cut`). All that was read is on disk
    when this returns.

    Args:
        path: the file; `<path>.lock` beside it is the lock.
        manifest_name: the name of the manifest, for a new ledger's header.
        tool_version: the version of batch-onboard, likewise.
        wall: what time it is.
        lock_timeout: seconds to wait for another run to end.

    Raises:
        LedgerLockedError: another run holds it.
        LedgerUnusableError: the file can't be used where it is.
        LedgerFormatError: it is not a ledger, or not one that this version can read.
        LedgerDamagedError: what was durable has been changed.
    """
    _check_before_locking(path)
    lock = LedgerLock(path, wall(), lock_timeout)
    try:
        with told_as_unusable(path):
            created = not os.path.lexists(path)
            if created:
                _create(path, _header(manifest_name, tool_version, wall))
            history, appender, warnings = _open(path, wall)
    except BaseException:
        lock.release()
        raise
    if history.header.manifest != manifest_name:
        warnings.append(
            f"{path} was created for the manifest {history.header.manifest!r}, "
            f"not for {manifest_name!r}: see that it is the right one"
        )
    return Ledger(path, history, appender, lock, wall, created=created, warnings=tuple(warnings))


def _check_before_locking(path: Path) -> None:
    """Refuse what can be no ledger before a lock's file is put beside it."""
    with told_as_unusable(path):
        os.close(os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        if os.path.lexists(path):
            os.close(open_regular(path, os.O_RDONLY))


def _header(manifest_name: str, tool_version: str, wall: WallClock) -> HeaderLine:
    return HeaderLine(
        at=wall(),
        format=FORMAT,
        id=secrets.token_hex(16),
        tool=tool_version,
        manifest=manifest_name,
    )


def _create(path: Path, header: HeaderLine) -> None:
    """Make a ledger appear with its header on disk, or not at all.

    Called with the lock held, so a file of the temporary name is one that a crash left behind, and
    no run can have made the ledger meanwhile.
    """
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = open_regular(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        write_all(descriptor, Seal(header.id).line(1, 0, encode(header)))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.rename(path)


def _open(path: Path, wall: WallClock) -> tuple[History, Appender, list[str]]:
    descriptor = open_regular(path, os.O_RDWR | os.O_APPEND)
    try:
        warnings = check_private(path, descriptor)
        history, scan = replay(_lines(descriptor), str(path))
        appender = _make_ready(path, descriptor, history, scan, wall)
    except BaseException:
        os.close(descriptor)
        raise
    return history, appender, warnings


def _make_ready(
    path: Path, descriptor: int, history: History, scan: Scan, wall: WallClock
) -> Appender:
    if scan.tail is not None:
        history.cut = cut_tail(path, descriptor, scan.tail.offset, wall())
    # The run before may have been killed between a write and its fsync, or between the creation
    # of the file and the fsync of its folder: from here on all that was read counts as durable.
    os.fsync(descriptor)
    sync_folder(path.parent)
    appender = Appender(descriptor, scan.seal, scan.seq)
    if history.cut is not None:
        line = CutLine(at=wall(), size=history.cut.size, kept=history.cut.kept.name)
        appender.commit([encode(line)])
        history.cuts.append(line)
    return appender


def _lines(descriptor: int) -> Iterator[bytes]:
    """Yield the lines that the file has now, not what is written to it meanwhile."""
    left = os.fstat(descriptor).st_size
    with open(descriptor, "rb", buffering=_BUFFER, closefd=False) as file:
        while left > 0 and (raw := file.readline(min(left, LONGEST_LINE))):
            left -= len(raw)
            yield raw
