"""A file to its place: whole or not at all, and never over somebody's work unasked."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class UnwritableError(Exception):
    """A file can't be written. `str()` says why, and what to do."""


def write_whole(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Put a file in its place in one step, so that no reader ever sees a part of it.

    Args:
        path: its place.
        data: what stands in it.
        mode: its permissions, from which the umask takes.

    Raises:
        UnwritableError: it can't be written; what was there is still there.
    """
    if path.is_symlink():  # what it leads to is meant, and the link stays
        path = path.resolve()
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise UnwritableError(f"{path} can't be written: {error.strerror}") from error


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """Give a file to write that takes a path's place once all is written, or not at all.

    What it holds is only for its owner to read. A link is not followed: in a folder that others
    write to, it may lead to a file that is worth more than a report.

    Raises:
        UnwritableError: it can't be written; what was there is still there.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        _refuse_what_is_no_file(path)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        beside.replace(path)
    except OSError as error:
        raise UnwritableError(f"{path} can't be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _refuse_what_is_no_file(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise UnwritableError(f"{path} is a symbolic link: name the file itself")
    if not stat.S_ISREG(mode):
        raise UnwritableError(f"{path} is not a regular file: name another one")


def digest_of(path: Path) -> str | None:
    """Return the SHA-256 of a file's bytes in hex, or None if there is none.

    Raises:
        UnwritableError: something else than a file is there.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnwritableError(f"{path} can't be written over: {error.strerror}") from error
