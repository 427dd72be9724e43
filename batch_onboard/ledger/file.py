"""A ledger in a file: reading it, and opening it to go on."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from batch_onboard.ledger.appender import Appender
from batch_onboard.ledger.codec import encode
from batch_onboard.ledger.errors import NothingToSalvageError
from batch_onboard.ledger.ledger import Ledger, other_manifest
from batch_onboard.ledger.lines import CutLine
from batch_onboard.ledger.lock import LedgerLock
from batch_onboard.ledger.opening import (
    check_private,
    explain,
    open_regular,
    sync_folder,
    told_as_unusable,
)
from batch_onboard.ledger.reading import FileSource
from batch_onboard.ledger.repair import cut_tail, keep_copy, make_durable
from batch_onboard.ledger.replay import read
from batch_onboard.ledger.rewrite import pays, rewrite
from batch_onboard.ledger.whole import new_header, write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.core.ports import WallClock
    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.scan import Scan


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
            return read(FileSource(descriptor), str(path))[0]
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

    An unfinished tail is cut off and kept beside it (`History.cut`). One with many more lines than
    it takes to say what it knows is compacted, and kept as it was beside it. All that was read is
    on disk when this returns.

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
    check_before_locking(path)
    lock = LedgerLock(path, wall(), lock_timeout)
    try:
        with told_as_unusable(path):
            created = not os.path.lexists(path)
            if created:
                write_whole(path, new_header(manifest_name, tool_version, wall()), ())
            history, appender, warnings = open_locked(path, wall)
            if pays(history, appender.seq):
                history, appender, told = _compacted(path, history, appender, tool_version, wall)
                warnings.append(told)
    except BaseException:
        lock.release()
        raise
    warnings += other_manifest(path, history, manifest_name)
    return Ledger(path, history, appender, lock, wall, created=created, warnings=tuple(warnings))


def check_before_locking(path: Path, *, exists: bool = False) -> None:
    """Refuse what can be no ledger before a lock's file is put beside it.

    Args:
        path: the ledger.
        exists: whether there must be one.

    Raises:
        LedgerUnusableError: it is something else, or not there.
    """
    with told_as_unusable(path):
        os.close(os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        if exists or os.path.lexists(path):
            os.close(open_regular(path, os.O_RDONLY))


def check_new(path: Path) -> None:
    """Refuse to write a new ledger where something is already.

    Raises:
        NothingToSalvageError: there is.
        LedgerUnusableError: its folder can't be used.
    """
    check_before_locking(path)
    if os.path.lexists(path):
        raise NothingToSalvageError(f"{path} exists: nothing was written. Name a new file with -o")


def open_locked(path: Path, wall: WallClock) -> tuple[History, Appender, list[str]]:
    """Make a ledger ready whose lock is held.

    Returns:
        What it knows, what writes to it, and warnings for people.

    Raises:
        OSError: the file can't be used where it is.
        LedgerUnusableError: likewise.
        LedgerFormatError: it is not a ledger, or not one that this version can read.
        LedgerDamagedError: what was durable has been changed.
    """
    descriptor = open_regular(path, os.O_RDWR)
    try:
        warnings = check_private(path, descriptor)
        history, scan = read(FileSource(descriptor), str(path))
        appender = _make_ready(path, descriptor, history, scan, wall)
    except BaseException:
        os.close(descriptor)
        raise
    return history, appender, warnings


def _compacted(
    path: Path, history: History, appender: Appender, tool_version: str, wall: WallClock
) -> tuple[History, Appender, str]:
    """Compact a ledger whose lock is held, and open it again.

    It is no reason not to run if that can't be done, on a disk that is nearly full for example.

    Returns:
        What it knows, what writes to it, and what was done, for people.
    """
    before, cut = appender.seq, history.cut
    appender.close()
    try:
        kept = keep_copy(path, wall())
        after = rewrite(path, history, before, tool_version, wall())
        told = (
            f"{path} was compacted from {before:,} lines to {after:,}, which say the same; as it "
            f"was, it is kept in {kept.name}"
        )
    except OSError as error:
        told = f"{path} has {before:,} lines, and could not be compacted: {explain(error)}"
    history, appender, _ = open_locked(path, wall)
    history.cut = cut
    return history, appender, told


def _make_ready(
    path: Path, descriptor: int, history: History, scan: Scan, wall: WallClock
) -> Appender:
    if scan.tail is not None:
        history.cut = cut_tail(path, descriptor, scan.tail.offset, wall())
    # The run before may have been killed between a write and its fsync, or between the creation
    # of the file and the fsync of its folder: from here on all that was read counts as durable.
    make_durable(descriptor, scan.proven)
    sync_folder(path.parent)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_APPEND)
    appender = Appender(descriptor, scan.seal, scan.seq, scan.trail, scan.checkpoint)
    if history.cut is not None:
        line = CutLine(at=wall(), size=history.cut.size, kept=history.cut.kept.name)
        appender.commit([encode(line)])
        history.cuts.append(line)
    return appender
