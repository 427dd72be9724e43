"""The page as a whole: what it says without its script, and what it gives the script to draw."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, TextIO

from jinja2 import Environment, PackageLoader, StrictUndefined

from batch_onboard.core.lifecycle import State
from batch_onboard.core.wording import count, duration, safe
from batch_onboard.report.html.overview import bar, durations, places
from batch_onboard.report.html.payload import payload
from batch_onboard.report.html.timeline import describe, timelines
from batch_onboard.report.results import results
from batch_onboard.report.summary import summarize

if TYPE_CHECKING:
    from datetime import datetime

    from batch_onboard.ledger.history import History

_MOST_PLACES = 15
_MOST_RUNS = 30
_STYLES = ("uplot/uPlot.min.css", "report.css")
_SCRIPTS = ("uplot/uPlot.iife.min.js", "charts.js", "targets.js", "report.js")
_ASSETS = files("batch_onboard.report.html").joinpath("assets")
_SIGNS = {
    State.PENDING: "\N{WHITE CIRCLE}",
    State.SUBMITTING: "\N{CIRCLE WITH LEFT HALF BLACK}",
    State.IN_PROGRESS: "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}",
    State.SUCCEEDED: "\N{CHECK MARK}",
    State.ALREADY_ONBOARDED: "\N{IDENTICAL TO}",
    State.DRIFTED: "\N{NOT EQUAL TO}",
    State.FAILED: "\N{MULTIPLICATION X}",
    State.REJECTED: "\N{CIRCLED DIVISION SLASH}",
    State.UNRESOLVED: "?",
}
"""What tells the states apart for those who see no colours, or have printed them in grey."""


def write_page(history: History, out: TextIO, *, removed: bool) -> None:
    """Write the page.

    Args:
        history: what the ledger knows.
        out: where the text goes.
        removed: report also targets that the manifest no longer names.
    """
    found = list(results(history, removed=removed))
    summary, standing = summarize(found), places(found)
    drawn, took = timelines(history, found), durations(found)
    out.write(
        _environment()
        .get_template("report.html.j2")
        .render(
            name=history.header.manifest,
            style=_joined(_STYLES),
            script=_joined(_SCRIPTS),
            licence=_read("uplot/LICENSE"),
            data=payload(found, summary, drawn, took),
            summary=summary,
            bar=bar(summary.states),
            places=standing[:_MOST_PLACES],
            more_places=len(standing) - _MOST_PLACES,
            accounts=len({place.account_id for place in standing}),
            regions=len({place.region for place in standing}),
            latest=history.runs[-1] if history.runs else None,
            runs=history.runs[: -_MOST_RUNS - 1 : -1],
            more_runs=len(history.runs) - _MOST_RUNS,
            drawn=_choices(history, {each.run for each in drawn}),
            took=took,
            quotas=sorted(history.learned.values(), key=lambda line: line.rate)[:10],
        )
    )


def _choices(history: History, drawn: set[str]) -> list[str]:
    """Name the runs that have a timeline, in its order."""
    runs = sorted(history.runs, key=lambda run: run.began.at)
    return [describe(run) for run in runs if run.began.run in drawn]


@cache
def _environment() -> Environment:
    made = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=PackageLoader("batch_onboard.report.html", "assets"),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"safe_text": safe, "count": count, "duration": duration, "moment": _moment}
    made.filters |= {"digest": _digest, "number": "{:,}".format}
    made.globals |= {"states": list(State), "signs": _SIGNS}
    return made


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _digest(text: str) -> str:
    """Return how a content security policy names the one text that it allows."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _joined(names: tuple[str, ...]) -> str:
    return "\n".join(_read(name) for name in names)


def _read(name: str) -> str:
    return _ASSETS.joinpath(name).read_text(encoding="utf-8")
