"""Opening the files that somebody else has named: nothing but regular files, and never hanging."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class UnusableFileError(Exception):
    """A file can't be used. `str()` says why, without naming it."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes.

    Attributes:
        data: the bytes.
        digest: their SHA-256, in hex.
    """

    data: bytes
    digest: str


def read_regular(path: Path | str, *, max_bytes: int, follow: bool = True) -> Content:
    """Read a regular file as a whole.

    Args:
        path: the file.
        max_bytes: the size that it may have.
        follow: the last part of the path may be a symbolic link.

    Raises:
        UnusableFileError: it is missing, unreadable, larger, or a folder, device or pipe.
    """
    # A pipe without a writer would block the opening, but for O_NONBLOCK.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise UnusableFileError("it is not a regular file; name one")
            if status.st_size > max_bytes:
                raise UnusableFileError(f"it has more than {max_bytes >> 20:,} MiB; split it")
            data = file.read(status.st_size + 1)
    except OSError as error:
        raise UnusableFileError(f"it can't be read: {error.strerror}; check the path") from error
    except ValueError as error:
        raise UnusableFileError("its name holds a NUL character; remove it") from error
    if len(data) != status.st_size:
        raise UnusableFileError("it changed while it was read; try again")
    return Content(data, hashlib.sha256(data).hexdigest())
