"""Credentials that have strayed into a manifest: found, refused, and never repeated.

The shapes are those of the AWS documentation: access key ids begin with AKIA or ASIA and have 20
characters; a secret key has 40 characters of base64, which alone prove nothing, so it is known by
the name beside it; session tokens are long base64 with a few known beginnings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from batch_onboard.core.redaction import ACCESS_KEY_ID, PRIVATE_KEY, REDACTED, SESSION_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = (
    r"(?i:(?<![A-Za-z0-9])(?:aws[ _.-]?)?(?:secret[_-]?(?:access[_-]?)?key|session[_-]?token"
    r"|security[_-]?token))(?=[\"']?[ \t]*(?:[:=,]|$))"
)
_SECRET = re.compile(
    f"(?P<access>{ACCESS_KEY_ID})|(?P<token>{SESSION_TOKEN})|(?P<private>{PRIVATE_KEY})"
    f"|(?P<name>{_NAME})",
    re.MULTILINE,
)
_VALUE = re.compile(f"{ACCESS_KEY_ID}|{SESSION_TOKEN}|{PRIVATE_KEY}")
# Searching for these first is some fifty times faster than the expression.
_HINTS = ("akia", "asia", "fwog", "fqog", "iqoj", "aqod", "private key", "secret", "token")
_KINDS = {
    "access": "an AWS access key id",
    "token": "an AWS session token",
    "private": "a private key",
    "name": "a secret",
}


class Secret(NamedTuple):
    """What looks like a credential, but for its text: its offset in a text and what it is."""

    offset: int
    kind: str


def find_secrets(text: str) -> Iterator[Secret]:
    """Find what looks like a credential, or like the name of one that has a value."""
    lowered = text.lower()
    if not any(hint in lowered for hint in _HINTS):
        return
    for match in _SECRET.finditer(text):
        yield Secret(match.start(), _KINDS[match.lastgroup or "name"])


def redact(message: str) -> str:
    """Take what looks like a credential out of a message that quotes a manifest."""
    return _VALUE.sub(REDACTED, message)
