"""The data that the page's script draws, as text that no browser takes for markup."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

import msgspec

from batch_onboard.core.lifecycle import State
from batch_onboard.core.wording import safe
from batch_onboard.report.summary import number_of_cause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batch_onboard.report.html.overview import Durations
    from batch_onboard.report.html.timeline import Timeline
    from batch_onboard.report.results import Result
    from batch_onboard.report.summary import Summary

_NUMBER = {state: number for number, state in enumerate(State)}
_TEXTS = (
    "account_id",
    "region",
    "instance_id",
    "api",
    "message",
    "request_id",
    "next_action",
)


def payload(
    found: Sequence[Result],
    summary: Summary,
    drawn: Sequence[Timeline],
    took: Durations | None,
) -> str:
    """Return what the script draws: JSON, deflated, in base64.

    A service's message or a label can hold anything, and the alphabet of base64 has neither a
    quote nor an angle bracket; besides, it makes a report of 10,000 targets a third as long.
    """
    cause = number_of_cause(summary)
    targets = _columns(found) | {"cause": [cause(result) for result in found]}
    data = {"targets": targets, "timelines": drawn, "durations": took}
    return base64.b64encode(zlib.compress(msgspec.json.encode(data), 9)).decode()


def _columns(found: Sequence[Result]) -> dict[str, list[Any]]:
    """Return the targets by column, which takes less room than by row."""
    columns: dict[str, list[Any]] = {
        name: [safe(getattr(result, name) or "") for result in found] for name in _TEXTS
    }
    columns["state"] = [_NUMBER[result.state] for result in found]
    columns["code"] = [safe(result.failure_code or result.error_code or "") for result in found]
    columns["labels"] = [
        ", ".join(f"{safe(name)}={safe(value)}" for name, value in result.labels.items())
        for result in found
    ]
    columns["started_here"] = [int(result.started_here) for result in found]
    columns["attempts"] = [result.attempts for result in found]
    columns["wave"] = [result.wave for result in found]
    for name in ("started_at", "finished_at"):
        moments = [getattr(result, name) for result in found]
        columns[name] = [None if at is None else round(at.timestamp()) for at in moments]
    return columns
