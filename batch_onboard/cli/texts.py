"""Words and figures as people read them, escaped for a terminal."""

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


def span(least: float, most: float) -> str:
    """Return how long something takes, from seconds: `about 45 s`, `9 to 14 min`."""
    short, long = rounded(least), rounded(most)
    if short == long:
        return f"about {long}"
    number, unit = short.split()
    return f"{number if long.endswith(f' {unit}') else short} to {long}"


def rounded(seconds: float) -> str:
    """Return a duration of one or two digits that count: `45 s`, `14 min`, `3.5 h`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
