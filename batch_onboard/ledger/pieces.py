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

_BEGIN = b'{"seq":'
_END = re.compile(rb',"crc":"([0-9a-f]{8})"\}')
_MOST_ENDS = 8
"""A label may look like the end of a line; more than these are not tried for one beginning."""
_SAMPLE = 1000
"""Lines from which the seed of a ledger is recovered whose header is damaged."""


class Place(msgspec.Struct):
    """The part of a line that every type of line has."""

    seq: int
    durable: int


place_of = msgspec.json.Decoder(Place)


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
        place = place_of.decode(raw)
        yield Piece(place.seq, place.durable, offset, raw)
        return
    begin = raw.find(_BEGIN)
    while begin != -1:
        line = _intact_from(raw, begin, seal)
        if line is not None:
            place = place_of.decode(line)
            yield Piece(place.seq, place.durable, offset + begin, line)
        begin = raw.find(_BEGIN, begin + (1 if line is None else len(line) - 1))


def _intact_from(raw: bytes, begin: int, seal: Seal) -> bytes | None:
    for end in islice(_END.finditer(raw, begin), _MOST_ENDS):
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
    begin = raw.find(_BEGIN)
    ends = list(_END.finditer(raw))
    if begin != -1 and ends:
        yield _seed(raw[begin : ends[-1].start()], int(ends[-1][1], 16))


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


def is_readable(raw: bytes) -> bool:
    """Say whether bytes have at least the form of a line."""
    try:
        place_of.decode(raw)
    except UNREADABLE:
        return False
    return True
