"""Opening files that others may have prepared: no links followed, no pipes waited for."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from batch_onboard.ledger.errors import LedgerLockedError, LedgerUnusableError, LostHoldError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from batch_onboard.core.s3place import S3Place

# Without O_NONBLOCK, opening a named pipe would wait for its other end.
_ALWAYS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY

_ADVICE = {
    errno.EACCES: "you have no permission: see the owner and mode of the file and its folder",
    errno.EDQUOT: "your quota of disk space is used up: make room, then run again",
    errno.EFBIG: "the file would exceed the largest size allowed (ulimit -f)",
    errno.EIO: "the disk reports an error: see the system's log before you trust it again",
    errno.EISDIR: "it is a folder: name a file in it",
    errno.ELOOP: "it is a symbolic link, which is not followed: name the file itself",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ENOENT: "the file or its folder does not exist",
    errno.ENOLCK: "its file system has no locks: name another place with --ledger",
    errno.ENOSPC: "the disk is full: make room, then run again",
    errno.ENOTDIR: "a part of its path is not a folder",
    errno.ENXIO: "it is not a regular file",
    errno.EPERM: "you have no permission: see the owner and mode of the file and its folder",
    errno.EROFS: "its file system is read-only: name another place with --ledger",
}


def explain(error: OSError) -> str:
    """Say in words what an operating system error means for a ledger, and what to do."""
    advice = _ADVICE.get(error.errno or 0)
    return advice if advice is not None else error.strerror or str(error)


@contextmanager
def told_as_unusable(path: Path | S3Place) -> Iterator[None]:
    """Turn each operating system error within into a `LedgerError` about `path`."""
    try:
        yield
    except LostHoldError as error:
        raise LedgerLockedError.by(error.claim, str(path)) from error
    except OSError as error:
        raise LedgerUnusableError(f"{path} can't be used: {explain(error)}") from error


def open_regular(path: Path, flags: int) -> int:
    """Open a regular file, created with mode 0600 if `flags` say so, and return its descriptor.

    Raises:
        OSError: it can't be opened.
        LedgerUnusableError: it is something else than a regular file.
    """
    descriptor = os.open(path, flags | _ALWAYS, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise LedgerUnusableError(f"{path} can't be used: it is not a regular file")
    return descriptor


def check_private(path: Path, descriptor: int) -> list[str]:
    """Check that nobody else can write to a file, nor has put it where it is.

    Returns:
        Warnings, for people.

    Raises:
        LedgerUnusableError: someone can.
    """
    status = os.fstat(descriptor)
    if status.st_nlink != 1:
        problem = f"it has {status.st_nlink} names (hard links): copy it, and name the copy"
    elif status.st_uid != os.geteuid():
        problem = f"it belongs to user {status.st_uid}, not to you ({os.geteuid()})"
    elif status.st_mode & stat.S_IWOTH:
        problem = "everybody may write to it: chmod 600 it if you trust what it says"
    elif status.st_mode & stat.S_IWGRP:
        return [f"{path} may be written by its group: chmod 600 it unless that is meant"]
    else:
        return []
    raise LedgerUnusableError(f"{path} can't be used: {problem}")


def sync_folder(folder: Path) -> None:
    """Make names that were made, renamed or removed in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte, however many the operating system takes at a time."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
