"""A new, whole ledger from what is intact in a damaged one, which is left as it is.

Nothing may be started twice after it. An intent may have stood in any line that is lost, so the new
ledger says that it was cut (`SalvagedLine`): a run then reads all targets before it starts any, and
believes in 'not started' only when the hold has passed, counted from the salvage.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
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
from batch_onboard.ledger.lines import (
    ClaimLine,
    HeaderLine,
    HeartbeatLine,
    OriginLine,
    ReleasedLine,
    RewrittenLine,
    SalvagedLine,
)
from batch_onboard.ledger.lock import LedgerLock
from batch_onboard.ledger.mend import Mender
from batch_onboard.ledger.newplaces import new_file
from batch_onboard.ledger.opening import check_private, open_regular, told_as_unusable
from batch_onboard.ledger.reading import lines_of
from batch_onboard.ledger.remains import gather, read_raw
from batch_onboard.ledger.verify import examine_all, find_seal
from batch_onboard.ledger.whole import new_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from batch_onboard.core.ports import WallClock
    from batch_onboard.core.s3place import S3Place
    from batch_onboard.ledger.codec import Seal
    from batch_onboard.ledger.lines import Line
    from batch_onboard.ledger.newplaces import Write
    from batch_onboard.ledger.remains import Remains

_OF_HOLDERS = (ClaimLine, HeartbeatLine, ReleasedLine, OriginLine)


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


@dataclass(frozen=True, slots=True)
class Wreck:
    """A damaged ledger as one file, to which nothing is written meanwhile.

    Attributes:
        place: where the ledger is.
        descriptor: of the file.
        has_tails: whether a run cuts off an unfinished tail, so that one is no damage.
        warnings: what is odd about it but no reason to stop, for people.
    """

    place: Path | S3Place
    descriptor: int
    has_tails: bool
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How people name it."""
        return str(self.place)

    def seal(self) -> Seal:
        """Return its seal, which its lines tell if its header does not.

        Raises:
            LedgerVersionError: only another version of batch-onboard can read it.
            LedgerUnusableError: they don't.
        """
        try:
            return find_seal(lines_of(self.descriptor), self.name)
        except LedgerVersionError:
            raise
        except (LedgerFormatError, LedgerDamagedError):
            raise LedgerUnusableError(
                f"{self.name} can't be salvaged: its first line is not the intact header of a "
                "ledger, and its other lines do not agree on the ledger that they are of. Nothing "
                "was written. Restore it from a copy."
            ) from None

    def check_damaged(self, seal: Seal) -> int:
        """Return how many lines it has.

        Raises:
            NothingToSalvageError: it is not damaged.
        """
        found = examine_all(lines_of(self.descriptor), seal, self.name)
        if found.damage or (found.tail is not None and not self.has_tails):
            return found.lines
        if found.tail is not None:
            raise NothingToSalvageError(
                f"{self.name} has an unfinished tail, but is not damaged: the next run cuts the "
                "tail off by itself. Nothing was written"
            )
        raise NothingToSalvageError(
            f"{self.name} is whole: there is nothing to salvage. Nothing was written"
        )


def salvage(
    path: Path, new: Path, *, tool_version: str, wall: WallClock, lock_timeout: float = 0.0
) -> Salvage:
    """Build a new ledger from every line of a damaged one that verifies alone, both in files.

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
    check_new(new)
    with (
        wreck_at(path, wall(), lock_timeout) as wreck,
        new_file(new, wall(), lock_timeout) as write,
    ):
        return carve(wreck, write, tool_version=tool_version, now=wall())


@contextmanager
def wreck_at(path: Path, now: datetime, lock_timeout: float = 0.0) -> Iterator[Wreck]:
    """Open a damaged ledger in a file, and keep runs from it.

    Raises:
        LedgerLockedError: a run holds it.
        LedgerUnusableError: it can't be read.
    """
    check_before_locking(path, exists=True)
    with ExitStack() as held, told_as_unusable(path):
        held.callback(LedgerLock(path, now, lock_timeout).release)
        descriptor = open_regular(path, os.O_RDONLY)
        held.callback(os.close, descriptor)
        warnings = check_private(path, descriptor)
        yield Wreck(path, descriptor, has_tails=True, warnings=tuple(warnings))


def carve(wreck: Wreck, write: Write, *, tool_version: str, now: datetime) -> Salvage:
    """Build a new ledger from every line of a damaged one that verifies alone.

    Raises:
        LedgerError: as `salvage` does.
    """
    return _Salvaging(wreck, tool_version, now).carry_out(write)


class _Salvaging:
    def __init__(self, wreck: Wreck, tool_version: str, now: datetime) -> None:
        self._wreck = wreck
        self._tool = tool_version
        self._now = now
        self._of_holders = 0

    def carry_out(self, write: Write) -> Salvage:
        seal = self._wreck.seal()
        found = self._wreck.check_damaged(seal)
        remains = gather(self._wreck.descriptor, seal)
        header = new_header(self._manifest_name(), self._tool, self._now)
        history = History(header)
        believes = bool(remains.lost) and not remains.forked
        mender = Mender(history, self._now, believes=believes)
        end = RewrittenLine(at=self._now, why="salvage", lines=found, tool=self._tool)
        write(header, chain(self._lines(remains, mender), [end]))
        return Salvage(
            lines=len(remains.places) - mender.dropped - self._of_holders,
            targets=len(history.targets),
            runs=len(history.runs),
            lost=tuple(remains.lost),
            open_end=remains.open_end,
            forked=tuple(remains.forked),
            loose=remains.loose,
            named=tuple(sorted(remains.named)),
            bridged=tuple(sorted(mender.bridged)),
            dropped=mender.dropped,
            warnings=self._wreck.warnings,
        )

    def _lines(self, remains: Remains, mender: Mender) -> Iterator[Line]:
        yield from mender.mended(self._kept(remains))
        if mender.bridged or not remains.is_complete:
            yield from mender.cautions()
        yield SalvagedLine(
            at=self._now,
            size=remains.loose,
            kept=self._wreck.place.name,
            lost=tuple(remains.lost),
            tool=self._tool,
        )

    def _kept(self, remains: Remains) -> Iterator[Line]:
        """Yield the intact lines, but for those that tell who holds the old ledger."""
        for _, offset, size in remains.places:
            line = unplaced(decode(read_raw(self._wreck.descriptor, offset, size)))
            if isinstance(line, _OF_HOLDERS):
                self._of_holders += 1
            else:
                yield line

    def _manifest_name(self) -> str:
        """Return the name in the header, be it damaged; it serves only to point out mistakes."""
        first = next(lines_of(self._wreck.descriptor), b"")
        try:
            header = decode(first)
        except (*UNREADABLE, msgspec.ValidationError):
            return "unknown"
        return header.manifest if isinstance(header, HeaderLine) else "unknown"
