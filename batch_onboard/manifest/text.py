"""Bytes to text: UTF-8, without characters that no manifest needs, and without credentials."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from batch_onboard.manifest.leaks import find_secrets
from batch_onboard.manifest.marking import PLAIN
from batch_onboard.manifest.problems import Place

if TYPE_CHECKING:
    from batch_onboard.manifest.problems import Complaints

# What YAML 1.2 does not count as printable (chapter 5.1 of its specification).
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Deleting all printable ASCII characters and seeing what is left is the fastest test there is.
_PRINTABLE_ASCII = bytes([9, 10, 13, *range(0x20, 0x7F)])
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode(data: bytes, file: str, complaints: Complaints) -> str:
    """Return the text of a file, having complained of all credentials in it.

    Raises:
        StopReading: it is not UTF-8 text, or holds control characters.
    """
    if data.startswith(_UTF_16_MARKS):
        complaints.stop(Place(file, 1, 1), "not-utf-8", "the file is UTF-16", "save it as UTF-8")
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        complaints.reads(file, data.decode(errors="replace"), PLAIN)
        place = _after(data[: error.start].decode(), file)
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        complaints.stop(place, "not-utf-8", message, "save the file as UTF-8")
    complaints.reads(file, text, PLAIN)
    if data.translate(None, _PRINTABLE_ASCII) and (odd := _UNPRINTABLE.search(text)):
        message = f"the control character U+{ord(odd[0]):04X} can't stand here"
        place = _after(text[: odd.start()], file)
        complaints.stop(place, "control-character", message, "remove it")
    _refuse_secrets(text, file, complaints)
    return text


def _after(before: str, file: str) -> Place:
    """Return the place of the character that follows a text."""
    return Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _refuse_secrets(text: str, file: str, complaints: Complaints) -> None:
    line, line_start, counted = 1, 0, 0
    for offset, kind in find_secrets(text):
        line += text.count("\n", counted, offset)
        line_start = text.rfind("\n", line_start, offset) + 1 or line_start
        counted = offset
        place = Place(file, line, offset - line_start + 1)
        hint = (
            "remove it, and make it invalid if it is real: credentials come from the AWS "
            "configuration, never from a file like this"
        )
        complaints.error(place, "secret", f"this looks like {kind}", hint)
