"""Reading a whole ledger for everything that is wrong with it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from batch_onboard.ledger.codec import UNREADABLE, Seal, decode
from batch_onboard.ledger.comparison import Comparison
from batch_onboard.ledger.errors import LedgerDamagedError, LedgerFormatError, LedgerVersionError
from batch_onboard.ledger.fold import ContradictionError, Fold
from batch_onboard.ledger.header import read_header
from batch_onboard.ledger.history import History
from batch_onboard.ledger.lines import FORMAT, HeaderLine
from batch_onboard.ledger.opening import open_regular, told_as_unusable
from batch_onboard.ledger.pieces import recover_seal
from batch_onboard.ledger.reading import lines_of
from batch_onboard.ledger.survey import Flaw, Survey

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from batch_onboard.ledger.lines import Line
    from batch_onboard.ledger.pieces import Piece

# Stands for a header in a history of which only the rest is looked at.
_NO_HEADER = HeaderLine(
    at=datetime.min.replace(tzinfo=UTC), format=FORMAT, id="", tool="", manifest=""
)


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found in a ledger.

    Attributes:
        lines: lines of the file.
        intact: lines that verify alone.
        durable: the highest sequence number that an intact line calls durable.
        targets: targets of the manifest as of the latest run; None if the ledger is damaged.
        runs: runs; None if the ledger is damaged.
        damage: all that is wrong at or below the durable mark.
        tail: where an unfinished tail begins, which the next run cuts off.
    """

    lines: int
    intact: int
    durable: int
    targets: int | None
    runs: int | None
    damage: tuple[Flaw, ...]
    tail: Flaw | None


def verify(path: Path) -> Examination:
    """Read a whole ledger, also while a run writes to it. Changes and locks nothing.

    Raises:
        LedgerUnusableError: the file can't be read.
        LedgerFormatError: it is no ledger, or not one that this version can read.
        LedgerDamagedError: its header is damaged, and its lines do not tell whose they are.
    """
    with told_as_unusable(path):
        descriptor = open_regular(path, os.O_RDONLY)
        try:
            seal = find_seal(lines_of(descriptor), str(path))
            return examine_all(lines_of(descriptor), seal, str(path))
        finally:
            os.close(descriptor)


def find_seal(lines: Iterable[bytes], name: str) -> Seal:
    """Return a ledger's seal, though its header may be damaged or missing.

    Args:
        lines: the ledger's bytes, cut after each line feed.
        name: the ledger's name, for messages.

    Raises:
        LedgerFormatError: it is no ledger, or not one that this version can read.
        LedgerDamagedError: its header is damaged, and its lines do not tell whose they are.
    """
    rest = iter(lines)
    first = next(rest, b"")
    try:
        return Seal(read_header(first, name).id)
    except LedgerVersionError:
        raise
    except (LedgerFormatError, LedgerDamagedError):
        seal = recover_seal(chain([first], rest))
        if seal is None:
            raise
        return seal


def examine_all(lines: Iterable[bytes], seal: Seal, name: str) -> Examination:
    """Examine a ledger whose seal is known.

    Raises:
        LedgerVersionError: a line is intact, but only another version can read it.
    """
    fold = Fold(history := History(_NO_HEADER))
    comparison = Comparison(history)

    def take(piece: Piece, sound: bool) -> str | None:
        line = _read(piece.raw, piece.seq, survey.lines, name)
        if not sound:
            return None
        try:
            if line.seq > 1 or not isinstance(line, HeaderLine):
                fold.take(line)
        except ContradictionError as error:
            return str(error)
        return comparison.look(piece.raw, line)

    survey = Survey(seal, take)
    survey.walk(lines)
    damage = tuple(survey.damage)
    return Examination(
        survey.lines,
        survey.intact,
        survey.mark,
        None if damage else len(history.targets),
        None if damage else len(history.runs),
        damage,
        survey.tail,
    )


def _read(raw: bytes, seq: int, number: int, name: str) -> Line:
    if seq == 1:
        return read_header(raw, name)
    try:
        return decode(raw)
    except UNREADABLE as error:
        raise LedgerVersionError.unknown_line(name, number, error) from None
