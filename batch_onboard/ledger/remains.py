"""What is left of a damaged ledger: its intact lines in their order, and signs of the others."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batch_onboard.core.targets import TargetKey
from batch_onboard.ledger.pieces import pieces_in
from batch_onboard.ledger.reading import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.ledger.codec import Seal
    from batch_onboard.ledger.pieces import Piece

_TARGET = re.compile(rb'"target":"([!#-\[\]-~]{1,300})"')


@dataclass(slots=True)
class Remains:
    """What is left of a ledger.

    Attributes:
        places: number, offset and size of each intact line but the header, by number. A line that
            stands in the file several times is here once.
        lost: numbers of lines that are missing, as pairs of the first and the last.
        forked: numbers that stand for several different lines, as after a mix of two copies.
        loose: bytes that are no part of an intact line.
        open_end: some of these bytes stand at the end, so that further lines may be lost.
        named: targets that the unreadable bytes name, as far as can be told.
    """

    places: list[tuple[int, int, int]] = field(default_factory=list)
    lost: list[tuple[int, int]] = field(default_factory=list)
    forked: list[int] = field(default_factory=list)
    loose: int = 0
    open_end: bool = False
    named: set[str] = field(default_factory=set)

    @property
    def is_complete(self) -> bool:
        """No line is missing, as far as can be told."""
        return not (self.lost or self.forked or self.open_end)


def gather(descriptor: int, seal: Seal) -> Remains:
    """Read a whole file for what is left of a ledger."""
    remains = Remains()
    found: list[tuple[int, int, int]] = []
    offset = 0
    for raw in lines_of(descriptor):
        pieces = list(pieces_in(raw, offset, seal))
        found += [(piece.seq, piece.offset, len(piece.raw)) for piece in pieces]
        if len(pieces) != 1 or pieces[0].raw != raw:
            _note_loose(raw, offset, pieces, remains)
        else:
            remains.open_end = False
        offset += len(raw)
    found.sort()
    _put_in_order(descriptor, found, remains)
    return remains


def read_raw(descriptor: int, offset: int, size: int) -> bytes:
    """Return an intact line as it was written: what stands for its line feed may be another."""
    return os.pread(descriptor, size - 1, offset) + b"\n"


def _note_loose(raw: bytes, offset: int, pieces: list[Piece], remains: Remains) -> None:
    end = 0
    for piece in pieces:
        begin = piece.offset - offset
        _note_rest(raw[end:begin], remains)
        remains.open_end = False
        end = begin + len(piece.raw)
    _note_rest(raw[end:], remains)


def _note_rest(rest: bytes, remains: Remains) -> None:
    if rest.strip(b"\r\n"):
        remains.loose += len(rest)
        remains.open_end = True
        remains.named.update(_targets(rest))


def _targets(rest: bytes) -> Iterator[str]:
    for match in _TARGET.finditer(rest):
        name = match[1].decode()
        try:
            TargetKey.parse(name)
        except ValueError:
            continue
        yield name


def _put_in_order(descriptor: int, found: list[tuple[int, int, int]], remains: Remains) -> None:
    last = 1
    lines: set[bytes] = set()  # those of the number at hand
    for seq, offset, size in found:
        if seq <= 1:
            continue
        raw = read_raw(descriptor, offset, size)
        if seq == last:
            if raw in lines:
                continue
            remains.forked.append(seq)
        else:
            if seq > last + 1:
                remains.lost.append((last + 1, seq - 1))
            lines.clear()
        lines.add(raw)
        last = seq
        remains.places.append((seq, offset, size))
