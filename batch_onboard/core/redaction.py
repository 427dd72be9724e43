"""Secrets taken out of text: by value, where they are known, and by shape, where they are not.

Every credential that signs a call is learned before the call leaves, so a service that echoes one
back, or a library that quotes one, is caught by value. What was never in use here, such as a key
that somebody pasted into a setting, is caught by its shape or by the name that stands before it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REDACTED = "[redacted]"

ACCESS_KEY_ID = r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"
"""AWS access key ids have 20 characters and begin with AKIA or ASIA (IAM user guide)."""
SESSION_TOKEN = r"(?<![A-Za-z0-9/+])(?:FwoG|FQoG|IQoJ|AQoD)[A-Za-z0-9/+]{60,}={0,2}"  # noqa: S105 - its shape
"""Session tokens are long base64 with a few known beginnings."""
PRIVATE_KEY = r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"
"""The first line of a private key in PEM (RFC 7468)."""

_SHORTEST = 8
"""Characters: what is shorter cannot be told from an ordinary word."""
_STEP, _PIECE = 4, 5  # 4 - 1 + 5 = 8: see `Secrets._may_have_values`
_FULL = 16
"""Characters from which on a beginning gives a secret away: messages are cut off anywhere."""
_REST = r"[A-Za-z0-9+/=_%.,:@-]*"

_NAMES = (
    r"(?:aws[ _.-]?)?(?:secret[ _-]?(?:access[ _-]?)?key|session[ _-]?token|security[ _-]?token)"
    r"|authorization(?:[ _-]?token)?|external[ _-]?id|password"
)
# Between a name and its value: of JSON (also within JSON), XML, an ini file, a header, a URL.
_BETWEEN = r"(?:\\*[\"'])?\s*(?:[:=>]|%3[dD])\s*(?:\\*[\"'])?"
_VALUE = r"(?:(?:AWS4-[A-Z0-9-]+|Bearer|Basic|Negotiate)\s+)?[^\s\"'\\,;&<>(){}\[\]]+"
_BODY = r"(?:[A-Za-z0-9+/=:,.\s-]|\\[nr])*?"
_SHAPES = (
    rf"{PRIVATE_KEY}(?:{_BODY}-----END [A-Z ]{{0,30}}PRIVATE KEY-----|(?:[A-Za-z0-9+/=\s]|\\[nr])*)"
    rf"|(?P<name>(?i:{_NAMES}){_BETWEEN}){_VALUE}"
    r"|(?P<signature>(?i:signature)(?:\\*[\"'])?\s*(?:[:=]|%3[dD])\s*(?:\\*[\"'])?)[0-9A-Fa-f]{16,}"
    r"|(?P<scheme>://)[^\s/@:\"']*:[^\s/@\"']+(?=@)"
    rf"|{ACCESS_KEY_ID}|{SESSION_TOKEN}"
)
_LONG_BASE64 = r"(?<![A-Za-z0-9+/])[A-Za-z0-9+][A-Za-z0-9+/]{99,}={0,2}"
# Without one of these nothing has a shape. Searching for them first is some hundred times faster.
_HINTS = (
    *("akia", "asia", "fwog", "fqog", "iqoj", "aqod", "private key", "secret", "token"),
    *("authorization", "external", "password", "signature", "@"),
)


class Secrets:
    """What must not be shown, as far as it is known, and the way to take it out of text."""

    def __init__(self) -> None:
        self._whole: dict[str, set[str]] = {}
        self._beginnings: set[str] = set()
        self._pieces: set[str] = set()

    def learn(self, *values: str | None) -> None:
        """Take note of secrets; learning one again costs next to nothing.

        Values of fewer than 8 characters and account ids, which some use as external ids, are
        left out: to take them out of every text would hide what the text is about.
        """
        for value in values:
            if value is None or len(value) < _SHORTEST or _is_account(value):
                continue
            if value[:_FULL] not in self._beginnings:
                for spelling in {value, _quoted(value)}:
                    self._remember(spelling)

    def _remember(self, value: str) -> None:
        if len(value) >= _FULL:
            self._beginnings.add(value[:_FULL])
        self._whole.setdefault(value[:_SHORTEST], set()).add(value[:_FULL])
        self._pieces.update(value[at : at + _PIECE] for at in range(_STEP))

    def redact(self, text: str) -> str:
        """Return the text with `[redacted]` in the place of each secret."""
        if self._may_have_values(text):
            text = "".join(self._without_values(text))
        lowered = text.lower()
        if any(hint in lowered for hint in _HINTS):
            text = _pattern(_SHAPES).sub(_replacement, text)
        return _pattern(_LONG_BASE64).sub(REDACTED, text)

    def _may_have_values(self, text: str) -> bool:
        """Say whether a known secret may stand anywhere: nearly no text has one, and this is fast.

        A look at every fourth place is enough: wherever 8 known characters stand, one of their
        first four pieces of 5 begins at such a place.
        """
        seen = {text[at : at + _PIECE] for at in range(0, len(text), _STEP)}
        return not self._pieces.isdisjoint(seen)

    def _without_values(self, text: str) -> Iterator[str]:
        shown = at = 0
        last = len(text) - _SHORTEST
        while at <= last:
            end = self._end(text, at) if text[at : at + _SHORTEST] in self._whole else None
            if end is None:
                at += 1
                continue
            yield text[shown:at] + REDACTED
            shown = at = end
        yield text[shown:]

    def _end(self, text: str, at: int) -> int | None:
        """Return where a known secret that begins here ends, or None if none begins here."""
        if text[at : at + _FULL] in self._beginnings:
            return next(_pattern(_REST).finditer(text, at + _FULL)).end()
        short = (each for each in self._whole[text[at : at + _SHORTEST]] if len(each) < _FULL)
        ends = (at + len(each) for each in short if text.startswith(each, at))
        return max(ends, default=None)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern when it is first needed: many commands say nothing that could hide one."""
    return re.compile(text)


def _is_account(value: str) -> bool:
    return len(value) == 12 and value.isdecimal()


def _quoted(value: str) -> str:
    """Return a value as it stands in a URL."""
    from urllib.parse import quote  # noqa: PLC0415 - it takes long to import, and few need it

    return quote(value, safe="")


def _replacement(match: re.Match[str]) -> str:
    kept = match["name"] or match["signature"] or match["scheme"] or ""
    return kept + REDACTED
