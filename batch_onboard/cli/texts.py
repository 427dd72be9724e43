"""What people read of a batch: its summary and its causes, escaped for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.core.lifecycle import State
from batch_onboard.core.wording import count, duration, safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.report.summary import Cause, Summary

__all__ = ["count", "duration", "safe", "summary_lines"]

_MOST_CAUSES = 20


def summary_lines(summary: Summary) -> Iterator[str]:
    """Tell how many targets stand in which state, and what stopped the others."""
    for state in State:
        if state in summary.states:
            yield f"  {state:<18}{summary.states[state]:>9,}"
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
