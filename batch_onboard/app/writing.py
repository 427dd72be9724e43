"""A file to its place: whole or not at all, and never over somebody's work unasked."""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
