"""A new, whole ledger from what is intact in a damaged one, which is left as it is.

Nothing may be started twice after it. An intent may have stood in any line that is lost, so the new
ledger says that it was cut (`SalvagedLine`): a run then reads all targets before it starts any, and
believes in 'not started' only when the hold has passed, counted from the salvage.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from batch_onboard.ledger.codec import UNREADABLE, decode, unplaced
from batch_onboard.ledger.errors import (
    LedgerDamagedError,
    LedgerFormatError,
    LedgerUnusableError,
    LedgerVersionError,
    NothingToSalvageError,
)
from batch_onboard.ledger.file import check_before_locking, check_new
from batch_onboard.ledger.history import History
from batch_onboard.ledger.lines import HeaderLine, RewrittenLine, SalvagedLine
from batch_onboard.ledger.lock import LedgerLock
from batch_onboard.ledger.mend import Mender
from batch_onboard.ledger.opening import check_private, open_regular, told_as_unusable
from batch_onboard.ledger.reading import lines_of
from batch_onboard.ledger.remains import gather, read_raw
from batch_onboard.ledger.verify import examine_all, find_seal
from batch_onboard.ledger.whole import new_header, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from batch_onboard.core.ports import WallClock
    from batch_onboard.ledger.codec import Seal
    from batch_onboard.ledger.lines import Line
    from batch_onboard.ledger.remains import Remains


@dataclass(frozen=True, slots=True)
class Salvage:
    """What was saved, and what was lost.

    Attributes:
        lines: lines that were taken over, without the header.
        targets: targets of the manifest that are known.
        runs: runs that are known.
        lost: numbers of lines that are missing, as pairs of the first and the last.
        open_end: whether further lines may be missing after the last.
        forked: numbers that stood for several different lines, all of which were taken over.
        loose: bytes of the damaged file that are no part of an intact line.
        named: targets that these bytes name, as far as can be told. Others may be concerned too.
        bridged: targets about which a line is certainly missing.
        dropped: intact lines that say nothing without one that is lost.
        warnings: what is odd about the damaged file but no reason to stop, for people.
    """

    lines: int
    targets: int
    runs: int
    lost: tuple[tuple[int, int], ...]
    open_end: bool
    forked: tuple[int, ...]
    loose: int
    named: tuple[str, ...]
    bridged: tuple[str, ...]
    dropped: int
    warnings: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """No line is missing, as far as can be told."""
        return not (self.lost or self.open_end or self.forked or self.bridged)


def salvage(
    path: Path, new: Path, *, tool_version: str, wall: WallClock, lock_timeout: float = 0.0
) -> Salvage:
    """Build a new ledger from every line of a damaged one that verifies alone.

    Args:
        path: the damaged ledger, which is only read.
        new: the new one, which must not exist. It gets an id of its own.
        tool_version: the version of batch-onboard.
        wall: what time it is.
        lock_timeout: seconds to wait for a run to end.

    Raises:
        LedgerLockedError: a run holds one of them.
        LedgerUnusableError: one of the files can't be read or written.
        LedgerVersionError: only another version of batch-onboard can read it.
        NothingToSalvageError: it is not damaged, or the new one exists.
    """
    check_before_locking(path, exists=True)
    check_new(new)
    with ExitStack() as held:
        for ledger in (path, new):
            lock = LedgerLock(ledger, wall(), lock_timeout)
            held.callback(lock.release)
        check_new(new)  # now that no other can make it
        with told_as_unusable(path):
            descriptor = open_regular(path, os.O_RDONLY)
            held.callback(os.close, descriptor)
            return _Salvaging(path, new, tool_version, wall()).carry_out(descriptor)


class _Salvaging:
    def __init__(self, path: Path, new: Path, tool_version: str, now: datetime) -> None:
        self._path = path
        self._new = new
        self._tool = tool_version
        self._now = now

    def carry_out(self, descriptor: int) -> Salvage:
        warnings = check_private(self._path, descriptor)
        name = str(self._path)
        seal = self._find_seal(descriptor)
        found = examine_all(lines_of(descriptor), seal, name)
        if not found.damage:
            raise NothingToSalvageError(self._why_not(has_tail=found.tail is not None))
        remains = gather(descriptor, seal)
        header = new_header(self._manifest_name(descriptor), self._tool, self._now)
        history = History(header)
        mender = Mender(history, self._now)
        end = RewrittenLine(at=self._now, why="salvage", lines=found.lines, tool=self._tool)
        lines = chain(self._lines(descriptor, remains, mender), [end])
        with told_as_unusable(self._new):
            write_whole(self._new, header, lines)
        return Salvage(
            lines=len(remains.places) - mender.dropped,
            targets=len(history.targets),
            runs=len(history.runs),
            lost=tuple(remains.lost),
            open_end=remains.open_end,
            forked=tuple(remains.forked),
            loose=remains.loose,
            named=tuple(sorted(remains.named)),
            bridged=tuple(sorted(mender.bridged)),
            dropped=mender.dropped,
            warnings=tuple(warnings),
        )

    def _find_seal(self, descriptor: int) -> Seal:
        try:
            return find_seal(lines_of(descriptor), str(self._path))
        except LedgerVersionError:
            raise
        except (LedgerFormatError, LedgerDamagedError):
            raise LedgerUnusableError(
                f"{self._path} can't be salvaged: its first line is not the intact header of a "
                "ledger, and its other lines do not agree on the ledger that they are of. Nothing "
                "was written. Restore the file from a copy."
            ) from None

    def _why_not(self, *, has_tail: bool) -> str:
        if has_tail:
            return (
                f"{self._path} has an unfinished tail, but is not damaged: the next run cuts the "
                "tail off by itself. Nothing was written"
            )
        return f"{self._path} is whole: there is nothing to salvage. Nothing was written"

    def _lines(self, descriptor: int, remains: Remains, mender: Mender) -> Iterator[Line]:
        kept = (
            unplaced(decode(read_raw(descriptor, offset, size)))
            for _, offset, size in remains.places
        )
        yield from mender.mended(kept)
        if mender.bridged or not remains.is_complete:
            yield from mender.cautions()
        yield SalvagedLine(
            at=self._now,
            size=remains.loose,
            kept=self._path.name,
            lost=tuple(remains.lost),
            tool=self._tool,
        )

    def _manifest_name(self, descriptor: int) -> str:
        """Return the name in the header, be it damaged; it serves only to point out mistakes."""
        first = next(lines_of(descriptor), b"")
        try:
            header = decode(first)
        except (*UNREADABLE, msgspec.ValidationError):
            return "unknown"
        return header.manifest if isinstance(header, HeaderLine) else "unknown"
