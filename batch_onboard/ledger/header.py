"""The first line of a ledger, which must vouch for itself."""

from __future__ import annotations

import msgspec

from batch_onboard.ledger.codec import UNREADABLE, Seal, decode
from batch_onboard.ledger.errors import (
    WAY_OUT,
    LedgerDamagedError,
    LedgerFormatError,
    LedgerVersionError,
)
from batch_onboard.ledger.lines import FORMAT, OLDEST_FORMAT, HeaderLine


class _AnyHeader(msgspec.Struct, tag_field="type", tag="ledger"):
    """What the header of every format has, now and later."""

    format: int
    id: str


_any_header = msgspec.json.Decoder(_AnyHeader)


def read_header(raw: bytes, name: str) -> HeaderLine:
    """Read the first line. Its own id seeds its checksum, so it is verified alone.

    Args:
        raw: the line, with its line feed.
        name: the ledger's name, for messages.

    Raises:
        LedgerFormatError: it is no header, or of a format that this version can't read.
        LedgerDamagedError: it is a header, but was changed.
    """
    try:
        found = _any_header.decode(raw)
    except UNREADABLE:
        raise LedgerFormatError(
            f"{name} {_reason(raw)}. Nothing was changed. Name another file with --ledger, "
            "or restore this one from a copy; if it was a ledger, batch-onboard ledger salvage may "
            "save what is left of it."
        ) from None
    if raw.endswith(b"\r\n"):
        raise LedgerFormatError(
            f"{name} has the line ends of Windows (CRLF): it has been through an editor or a text "
            f"transfer. Nothing was changed. {WAY_OUT}."
        )
    if not Seal(found.id).is_intact(raw):
        raise LedgerDamagedError(name, 1, 0, "its checksum is wrong, so it was changed")
    if not OLDEST_FORMAT <= found.format <= FORMAT:
        raise LedgerVersionError(
            f"{name} was written by a newer batch-onboard (format {found.format}; this one reads "
            f"formats {OLDEST_FORMAT} to {FORMAT}). Nothing was changed. Use that newer version."
        )
    try:
        header = decode(raw)
    except msgspec.MsgspecError as error:
        raise LedgerVersionError.unknown_line(name, 1, error) from None
    if not isinstance(header, HeaderLine) or (header.seq, header.durable) != (1, 0):
        raise LedgerDamagedError(name, 1, 0, "it does not stand at the beginning of a ledger")
    return header


def _reason(raw: bytes) -> str:
    if not raw:
        return "is empty, and a ledger never is"
    if raw.startswith(b"\xef\xbb\xbf"):
        return "begins with a byte order mark: it has been through an editor"
    return "is not a ledger of batch-onboard, or its first line is damaged"
