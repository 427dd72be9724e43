"""Files that appear whole or not at all: new ledgers, and those that are written anew."""

from __future__ import annotations

import os
import secrets
from itertools import groupby
from typing import TYPE_CHECKING

from batch_onboard.ledger.checkpoint import closing
from batch_onboard.ledger.codec import Seal, encode
from batch_onboard.ledger.known import KnownLine
from batch_onboard.ledger.lines import FORMAT, HeaderLine
from batch_onboard.ledger.opening import open_regular, sync_folder, write_all
from batch_onboard.ledger.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from batch_onboard.ledger.lines import Line

_BATCH = 1 << 20
"""Bytes that are collected before they are written."""


def new_header(manifest_name: str, tool_version: str, now: datetime) -> HeaderLine:
    """Return the header of a new ledger, with an id that no other has."""
    return HeaderLine(
        at=now,
        format=FORMAT,
        id=secrets.token_hex(16),
        tool=tool_version,
        manifest=manifest_name,
    )


def write_whole(path: Path, header: HeaderLine, lines: Iterable[Line]) -> int:
    """Make a ledger appear with all its lines on disk, also in place of one, or do nothing.

    Called with the ledger's lock held, so a file of the temporary name is one that a crash left
    behind, and no run can have made or changed the ledger meanwhile.

    Returns:
        How many lines it has.

    Raises:
        OSError: it can't be written; what was there before is as it was.
    """
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = open_regular(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        written = _write(descriptor, sealed(header, lines))
        os.fsync(descriptor)
        new.rename(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    sync_folder(path.parent)
    return written


def sealed(header: HeaderLine, lines: Iterable[Line]) -> Iterator[bytes]:
    """Yield the lines of a ledger that appears as a whole, as they are written."""
    seal, trail = Seal(header.id), Trail()
    for seq, line in enumerate(_closed(header, lines, trail), start=1):
        # Whoever sees the file under its name sees it whole and synced, so that each line may
        # vouch for all before it: a defect in any of them is then damage, and no unfinished tail.
        raw = seal.line(seq, seq - 1, encode(line))
        trail.add(raw)
        yield raw


def _closed(header: HeaderLine, lines: Iterable[Line], trail: Trail) -> Iterator[Line]:
    """Yield a ledger's lines; what it begins with as known is closed as a checkpoint.

    Args:
        header: its first line.
        lines: the others.
        trail: has each line before the next one is asked for.
    """
    yield header
    begin, latest = trail.size, header.at
    for is_known, group in groupby(lines, lambda line: isinstance(line, KnownLine)):
        for line in group:
            latest = line.at
            yield line
        if is_known and begin:
            yield closing(latest, 2, begin, trail)
        begin = 0


def _write(descriptor: int, lines: Iterable[bytes]) -> int:
    batch, written = bytearray(), 0
    for line in lines:
        batch += line
        written += 1
        if len(batch) >= _BATCH:
            write_all(descriptor, bytes(batch))
            batch.clear()
    write_all(descriptor, bytes(batch))
    return written
