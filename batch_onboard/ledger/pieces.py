"""Intact lines wherever they stand in a file, whatever has become of the bytes between them.

A line can be verified alone. So one that has lost its line feed, got another line end, or follows
zeros or the rest of another line, is as good as any.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import msgspec

from batch_onboard.ledger.codec import UNREADABLE, Seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BEGIN = re.compile(rb'\{"seq":')
_END = re.compile(rb',"crc":"([0-9a-f]{8})"\}')
_MOST = 8
"""Labels may look like the beginning or the end of a line. No more of either are passed over, so
that the time for any bytes is in proportion to their number."""
_SAMPLE = 1000
"""Lines from which the seed of a ledger is recovered whose header is damaged."""


class Place(msgspec.Struct):
    """The part of a line that every type of line has."""

    seq: int = 0
    durable: int = 0


_decoder = msgspec.json.Decoder(Place)


class Piece(NamedTuple):
    """An intact line.

    Attributes:
        seq: its sequence number.
        durable: its durable mark.
        offset: where it begins, in bytes from the beginning of the file.
        raw: the line as it was written, with its line feed.
    """

    seq: int
    durable: int
    offset: int
    raw: bytes


def pieces_in(raw: bytes, offset: int, seal: Seal) -> Iterator[Piece]:
    """Yield the intact lines in a stretch of bytes.

    Args:
        raw: bytes up to a line feed, which is mostly one line.
        offset: where they begin in the file.
        seal: the ledger's seal.
    """
    if seal.is_intact(raw):
        yield _piece(raw, offset)
        return
    begins = [match.start() for match in _BEGIN.finditer(raw)]
    end = 0
    for index, begin in enumerate(begins):
        if begin < end:
            continue
        limit = begins[index + _MOST] if index + _MOST < len(begins) else len(raw)
        line = _intact_from(raw, begin, limit, seal)
        if line is not None:
            yield _piece(line, offset + begin)
            end = begin + len(line) - 1


def _intact_from(raw: bytes, begin: int, limit: int, seal: Seal) -> bytes | None:
    for end in islice(_END.finditer(raw, begin, limit), _MOST):
        line = raw[begin : end.end()] + b"\n"
        if seal.is_intact(line):
            return line
    return None


def recover_seal(lines: Iterable[bytes]) -> Seal | None:
    """Find the seal of a ledger that has lost its header.

    Every line gives the seed away that makes its own checksum right. Two lines that agree on it
    prove it, as long as no other two agree on another.

    Args:
        lines: the ledger's bytes, cut after each line feed.
    """
    seeds = Counter(chain.from_iterable(map(_seeds, islice(lines, _SAMPLE))))
    common = [seed for seed, lines in seeds.items() if lines > 1]
    return Seal.of_seed(common[0]) if len(common) == 1 else None


def _seeds(raw: bytes) -> Iterator[int]:
    begin = _BEGIN.search(raw)
    ends = list(_END.finditer(raw))
    if begin is not None and ends:
        yield _seed(raw[begin.start() : ends[-1].start()], int(ends[-1][1], 16))


# The effect of each byte on a checksum; the highest byte of each entry occurs once.
_TABLE = [crc32(bytes([byte]), 0xFFFFFFFF) ^ 0xFFFFFFFF for byte in range(256)]
_BY_HIGHEST = {entry >> 24: index for index, entry in enumerate(_TABLE)}


def _seed(data: bytes, checksum: int) -> int:
    """Return the seed with which the CRC-32 of `data` is `checksum`, by going backwards."""
    state = checksum ^ 0xFFFFFFFF
    for byte in reversed(data):
        index = _BY_HIGHEST[state >> 24]
        state = ((state ^ _TABLE[index]) << 8 & 0xFFFFFFFF) | (index ^ byte)
    return state ^ 0xFFFFFFFF


def place_of(raw: bytes) -> Place | None:
    """Return where a line says that it stands; None if the bytes have not even a line's form."""
    try:
        return _decoder.decode(raw)
    except UNREADABLE:
        return None


def _piece(raw: bytes, offset: int) -> Piece:
    # What is intact but has no place was written by a tool that this one does not know.
    place = place_of(raw) or Place()
    return Piece(place.seq, place.durable, offset, raw)
