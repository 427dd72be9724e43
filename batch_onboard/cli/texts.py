"""What people read of a batch: its summary and its causes, escaped for a terminal."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from batch_onboard.core.lifecycle import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.report.summary import Cause, Summary

_MOST_CAUSES = 20


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


def summary_lines(summary: Summary) -> Iterator[str]:
    """Tell how many targets stand in which state, and what stopped the others."""
    for state in State:
        if state in summary.states:
            yield f"  {state:<18}{summary.states[state]:>9,}"
    yield from cause_lines(summary)


def cause_lines(summary: Summary) -> Iterator[str]:
    """Tell what stopped targets, and what to do; nothing if none was."""
    if not summary.causes:
        return
    yield ""
    yield "What stopped targets, and what to do:"
    for cause in summary.causes[:_MOST_CAUSES]:
        yield from _cause_lines(cause)
    more = len(summary.causes) - _MOST_CAUSES
    if more > 0:
        yield f"  and {more} more causes: see batch-onboard report"


def _cause_lines(cause: Cause) -> Iterator[str]:
    state = f" ({cause.state})" if cause.code != cause.state else ""
    where = f"{count(cause.targets, 'target')} in {count(cause.accounts, 'account')}"
    yield f"  {safe(cause.code)}{state}: {where}"
    if cause.message:
        yield f"    why:  {safe(cause.message)}"
    if cause.next_action:
        yield f"    do:   {cause.next_action}"
    more = cause.targets - len(cause.examples)
    shown = ", ".join(cause.examples)
    yield f"    e.g.  {shown}{f' and {more:,} more' if more > 0 else ''}"


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
