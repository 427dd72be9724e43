"""How numbers and durations are written for people, and text of any origin made harmless."""

from __future__ import annotations

import unicodedata


def safe(text: str) -> str:
    """Escape what would move a terminal's cursor, change its colours or turn text around.

    Messages of the service and labels come from outside.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    hidden = unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return letter.encode("unicode_escape").decode() if hidden else letter


def count(number: int, thing: str) -> str:
    """Return a number of things: `1 target`, `3,120 targets`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a duration as people write it: 8m12s."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes:02}m{left:02}s"
    return f"{minutes}m{left:02}s" if minutes else f"{left}s"
