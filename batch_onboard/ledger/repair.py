"""What opening does to a file: an unfinished tail is cut off, the rest made durable, or kept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from batch_onboard.ledger.history import Cut
from batch_onboard.ledger.opening import open_regular, sync_folder, write_all

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_BLOCK = 1 << 20


def cut_tail(path: Path, descriptor: int, offset: int, now: datetime) -> Cut:
    """Keep all bytes from `offset` on in a new file, then cut them off.

    The copy is on disk before anything is cut, so no crash can lose the bytes.

    Args:
        path: the ledger.
        descriptor: the ledger, open for reading and writing.
        offset: where the tail begins, in bytes.
        now: the time, for the new file's name.

    Raises:
        OSError: the copy or the cut failed.
    """
    kept, copy = _new_file(path, "tail", now)
    try:
        size = _copy(descriptor, offset, copy)
        os.fsync(copy)
    finally:
        os.close(copy)
    sync_folder(path.parent)
    os.ftruncate(descriptor, offset)
    os.fsync(descriptor)
    return Cut(size, kept)


def make_durable(descriptor: int, begin: int) -> None:
    """Write all bytes from `begin` on anew, as they are, and return when they are on disk.

    They may be what a failed fsync has left: the system then takes them for written though they
    are only in memory, and a further fsync succeeds falsely. Written anew, they count as changed.

    Args:
        descriptor: the ledger, open for reading and writing, but not for appending, where Linux
            lets `pwrite` append too.
        begin: where what is known to be on disk ends, in bytes.

    Raises:
        OSError: they are not.
    """
    offset = begin
    while block := os.pread(descriptor, _BLOCK, offset):
        offset += os.pwrite(descriptor, block, offset)
    os.fsync(descriptor)


def keep_copy(path: Path, now: datetime) -> Path:
    """Keep a ledger, as it is, in a new file beside it, and return that.

    Raises:
        OSError: the copy failed, and there is none.
    """
    source = open_regular(path, os.O_RDONLY)
    try:
        kept, copy = _new_file(path, "before", now)
        try:
            _copy(source, 0, copy)
            os.fsync(copy)
        except OSError:
            kept.unlink()
            raise
        finally:
            os.close(copy)
    finally:
        os.close(source)
    sync_folder(path.parent)
    return kept


def _new_file(path: Path, kind: str, now: datetime) -> tuple[Path, int]:
    number = 1
    while True:
        kept = path.with_name(f"{path.name}.{kind}-{now:%Y%m%dT%H%M%SZ}-{number}")
        try:
            return kept, open_regular(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            number += 1


def _copy(source: int, offset: int, target: int) -> int:
    size = 0
    while block := os.pread(source, _BLOCK, offset + size):
        write_all(target, block)
        size += len(block)
    return size
