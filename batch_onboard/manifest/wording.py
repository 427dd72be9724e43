"""How messages quote what somebody wrote: short, and without a character that moves a terminal."""

from __future__ import annotations

import json

from batch_onboard.manifest.leaks import redact
from batch_onboard.manifest.scalars import Numeral

_LONGEST = 60


def quoted(text: str) -> str:
    """Quote a text for a message: in double quotes, cut when long, odd characters escaped."""
    text = redact(text)  # before it is cut, since half a secret is not recognised as one
    cut = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return json.dumps(cut, ensure_ascii=not cut.isprintable())


def named(key: str) -> str:
    """Name a key in a message: bare when that reads well, else quoted."""
    return key if key.isidentifier() and len(key) <= _LONGEST else quoted(key)


def described(value: object) -> str:
    """Say in words what a value is, as far as a person needs to know to find and mend it."""
    if value is None:
        return "empty"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Numeral):
        return str(value)
    return "a mapping" if isinstance(value, dict) else "a list"
