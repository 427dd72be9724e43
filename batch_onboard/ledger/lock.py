"""One run at a time: a lock on a file beside the ledger, which dies with its process.

The lock is on the open file, not on its content; the content only tells others who holds it. The
file is never renamed nor removed, since two runs could then hold two files of one name. A child
shares its parent's open files, and would keep the lock of a dead parent: programs that are started
do not inherit this one, and forks close it.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations while running
from typing import TYPE_CHECKING
from weakref import WeakSet

import msgspec

from batch_onboard.ledger.codec import UNREADABLE
from batch_onboard.ledger.errors import LedgerLockedError
from batch_onboard.ledger.opening import open_regular, told_as_unusable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_STEP = 0.1
"""Seconds between two tries."""

_GLANCE = 0.05
"""Seconds for which a lock may be taken by who only looks whether it is free: see `glance`."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, and since when (UTC)."""

    pid: int
    host: str
    since: datetime


_holder = msgspec.json.Decoder(Holder)
_locks: WeakSet[LedgerLock] = WeakSet()


def _let_go_in_child() -> None:
    for lock in _locks:
        lock.disown()


os.register_at_fork(after_in_child=_let_go_in_child)


class LedgerLock:
    """The lock of a ledger, held until `release` or the end of the process.

    Args:
        ledger: the ledger's path; the lock's file is beside it, with `.lock` added.
        now: the time, told to those who find the ledger locked.
        timeout: seconds to wait for another run to end.
        pause: how to wait.

    Raises:
        LedgerLockedError: another run holds it.
        LedgerUnusableError: the lock's file can't be used.
    """

    def __init__(
        self,
        ledger: Path,
        now: datetime,
        timeout: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        path = _lock_path(ledger)
        with told_as_unusable(path):
            self._descriptor = open_regular(path, os.O_RDWR | os.O_CREAT)
            try:
                self._take(ledger, timeout, pause)
                self._tell(Holder(os.getpid(), socket.gethostname(), now))
            except BaseException:
                os.close(self._descriptor)
                raise
        _locks.add(self)

    def disown(self) -> None:
        """Close the lock without releasing it, in a child whose parent holds it."""
        if self._descriptor != -1:
            os.close(self._descriptor)
            self._descriptor = -1

    def is_certain(self) -> bool:
        """Say whether nobody else can have taken the ledger meanwhile."""
        return self._descriptor != -1

    def release(self) -> None:
        """Let the next run have it. A second call does nothing."""
        if self._descriptor == -1:
            return
        # Until the next holder has told who it is, it must not be taken for this run. That is but
        # a courtesy: it must not keep the lock from being released.
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        self.disown()

    def _take(self, ledger: Path, timeout: float, pause: Callable[[float], None]) -> None:
        left = max(timeout, _GLANCE)
        while not self._try():
            if left <= 0:
                raise self._locked(ledger)
            pause(min(_STEP, left))
            left -= _STEP

    def _try(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _tell(self, holder: Holder) -> None:
        told = msgspec.json.encode(holder)
        os.pwrite(self._descriptor, told, 0)
        os.ftruncate(self._descriptor, len(told))

    def _locked(self, ledger: Path) -> LedgerLockedError:
        holder = _told_holder(self._descriptor)
        if holder is None:
            return LedgerLockedError(str(ledger))
        return LedgerLockedError(str(ledger), holder.pid, holder.host, holder.since)


def glance(ledger: Path) -> tuple[bool, Holder | None]:
    """Look whether a ledger is held now, without keeping anybody from it.

    Args:
        ledger: the ledger's path.

    Returns:
        Whether it is, and by whom, if the holder has told.

    Raises:
        LedgerUnusableError: the lock's file can't be used.
    """
    path = _lock_path(ledger)
    with told_as_unusable(path):
        if not os.path.lexists(path):
            return False, None
        descriptor = open_regular(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True, _told_holder(descriptor)
        finally:
            os.close(descriptor)
    return False, None


def unlock(ledger: Path, now: datetime) -> Holder | None:
    """Clear what a dead holder of a ledger's lock has left. A lock that is held stays held.

    Args:
        ledger: the ledger's path.
        now: the time, told to those who find the ledger locked meanwhile.

    Returns:
        Who it was; None if nobody has left anything.

    Raises:
        LedgerLockedError: a run holds it.
        LedgerUnusableError: the lock's file can't be used.
    """
    path = _lock_path(ledger)
    with told_as_unusable(path):
        if not os.path.lexists(path):
            return None
        descriptor = open_regular(path, os.O_RDWR)
        try:
            left = _told_holder(descriptor)
        finally:
            os.close(descriptor)
    LedgerLock(ledger, now).release()
    return left


def _lock_path(ledger: Path) -> Path:
    return ledger.with_name(f"{ledger.name}.lock")


def _told_holder(descriptor: int) -> Holder | None:
    try:
        return _holder.decode(os.pread(descriptor, 4096, 0))
    except UNREADABLE:
        return None
