"""Lines and their bytes: what a line says (its body), and what makes it verifiable (its seal).

A line in the file is `{"seq":7,"durable":5,` + body + `,"crc":"1a2b3c4d"}` and a line feed. The
body, which begins with the line's type, does not depend on the line's place: so it can be encoded
when an entry is handed over, and sealed when the place is known. The checksum is the CRC-32 of all
bytes before `,"crc":`, seeded with the ledger's id, so that another ledger's line does not pass.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Self, TypeVar, Union
from zlib import crc32

import msgspec

from batch_onboard.ledger.known import KnownLine
from batch_onboard.ledger.lines import (
    ENTRY_LINES,
    CheckpointLine,
    ClaimLine,
    CutLine,
    GoneLine,
    HeaderLine,
    HeartbeatLine,
    LearnedLine,
    Line,
    MergedLine,
    MovedLine,
    OriginLine,
    PacedLine,
    ReleasedLine,
    RewrittenLine,
    RunEndedLine,
    RunLine,
    SalvagedLine,
    TargetLine,
)

if TYPE_CHECKING:
    from batch_onboard.core.record import Entry

LONGEST_LINE = 1 << 24
"""Bytes. A longer line is never written, and never read as one."""

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding bytes of any origin may raise."""

_LONGEST_BODY = LONGEST_LINE - 100  # the rest is room for the place and the checksum
_CLOSES_WITH = b',"crc":"%08x"}\n'
_CLOSING = len(_CLOSES_WITH % 0)
_TYPES: Any = Union[
    (
        *ENTRY_LINES.values(),
        TargetLine,
        GoneLine,
        RunLine,
        RunEndedLine,
        LearnedLine,
        PacedLine,
        CutLine,
        SalvagedLine,
        MergedLine,
        KnownLine,
        CheckpointLine,
        RewrittenLine,
        ClaimLine,
        HeartbeatLine,
        ReleasedLine,
        MovedLine,
        OriginLine,
        HeaderLine,
    )
]
_L = TypeVar("_L", bound=Line)
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(_TYPES)
_encoder = msgspec.json.Encoder()


class Seal:
    """What gives a line of one ledger its place, and tells whether a line is intact.

    Args:
        ledger_id: the id in the ledger's header.
    """

    __slots__ = ("_seed",)

    def __init__(self, ledger_id: str) -> None:
        self._seed = crc32(ledger_id.encode())

    @classmethod
    def of_seed(cls, seed: int) -> Self:
        """Return the seal that seeds its checksums with a number that is known already."""
        seal = cls("")
        seal._seed = seed
        return seal

    def line(self, seq: int, durable: int, body: bytes) -> bytes:
        """Return the whole line, with its line feed."""
        sealed = b'{"seq":%d,"durable":%d,%b' % (seq, durable, body)
        return sealed + _CLOSES_WITH % crc32(sealed, self._seed)

    def is_intact(self, raw: bytes) -> bool:
        """Say whether every byte of a line, its line feed too, is as this ledger wrote it."""
        return raw[-_CLOSING:] == _CLOSES_WITH % crc32(raw[:-_CLOSING], self._seed)

    def are_intact(self, lines: list[bytes]) -> bool:
        """Say whether all lines are intact, for less than it costs to ask for each."""
        seed = self._seed
        checksums = [crc32(raw[:-_CLOSING], seed) for raw in lines]
        closings = b"".join([raw[-_CLOSING:] for raw in lines])
        return closings == _CLOSES_WITH * len(lines) % tuple(checksums)


decode = _decoder.decode
"""Read a whole line. What is not JSON, or not a line that this version knows, raises
`msgspec.MsgspecError`."""


def encode(line: Line) -> bytes:
    """Return the body of a line.

    Text that is no valid Unicode, such as a file name in another encoding, is written with
    backslash escapes.

    Raises:
        ValueError: it could not be read back.
    """
    if line.at.tzinfo is None:
        raise ValueError(f"{line.at} says no time zone")
    try:
        encoded = _encoder.encode(line)
    except UnicodeEncodeError:
        encoded = _encoder.encode(_escaped(msgspec.to_builtins(line)))
    if len(encoded) > _LONGEST_BODY:
        raise ValueError(f"a line of {len(encoded)} bytes is too long")
    return encoded[1:-1]


def encode_entry(entry: Entry) -> bytes:
    """Return the body of an entry's line.

    Raises:
        ValueError: it could not be read back.
    """
    target = str(entry.key)
    if target.count("/") != 2:
        raise ValueError(f"{entry.key!r} has a slash in a part")
    if entry.hold is not None and not isfinite(entry.hold):
        raise ValueError(f"a hold of {entry.hold} seconds has no end")
    return encode(
        ENTRY_LINES[entry.event](
            at=entry.at,
            target=target,
            failure_code=entry.failure_code,
            error_code=entry.error_code,
            message=entry.message,
            request_id=entry.request_id,
            encryption=entry.encryption,
            alias=entry.alias,
            identity=entry.identity,
            clean=entry.clean,
            hold=entry.hold,
            ours=entry.ours,
            automatic=entry.automatic,
        )
    )


def unplaced(line: _L) -> _L:
    """Return a line that was read as a draft, which can be encoded for another place."""
    return msgspec.structs.replace(line, seq=0, durable=0, crc="")


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, (list, tuple)):
        return [_escaped(item) for item in value]
    if isinstance(value, dict):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    return value
