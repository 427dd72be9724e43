"""Words and figures as people read them."""

from __future__ import annotations

from batch_onboard.core.wording import count, duration, safe

__all__ = ["count", "duration", "rounded", "safe", "span"]


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
