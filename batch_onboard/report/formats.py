"""Results as text: JSON, JSON Lines and CSV, written one target at a time, and a page."""

from __future__ import annotations

import csv
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

import msgspec

from batch_onboard.report.results import Result, results
from batch_onboard.report.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.ledger.history import History, RunSummary
    from batch_onboard.ledger.lines import LearnedLine

_FIELDS = tuple(field for field in Result.__struct_fields__ if field != "labels")
_RUN_FIELDS = (
    "tool",
    "python",
    "botocore",
    "host",
    "pid",
    "user",
    "caller",
    "simulated",
    "shard",
    "change_ref",
    "plan",
    "arguments",
    "manifest",
    "digests",
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """The formats of `report`."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    HTML = "html"


def write_report(history: History, form: Format, out: TextIO, *, removed: bool = False) -> None:
    """Write a report.

    Args:
        history: what the ledger knows.
        form: the format.
        out: where the text goes.
        removed: report also targets that the manifest no longer names.
    """
    _WRITERS[form](history, out, removed)


def _write_json(history: History, out: TextIO, removed: bool) -> None:
    summary = summarize(results(history, removed=removed))
    head = {
        "manifest": history.header.manifest,
        "runs": [run_json(run) for run in history.runs],
        "summary": {state.value: number for state, number in summary.states.items()},
        "quotas": [_quota(line) for line in history.learned.values()],
    }
    out.write(_text(head)[:-1] + ',"targets":[')
    separator = "\n"
    for result in results(history, removed=removed):
        out.write(separator + _text(result))
        separator = ",\n"
    out.write("\n]}\n")


def _write_jsonl(history: History, out: TextIO, removed: bool) -> None:
    out.writelines(_text(result) + "\n" for result in results(history, removed=removed))


def _write_csv(history: History, out: TextIO, removed: bool) -> None:
    names = sorted({name for r in results(history, removed=removed) for name in r.labels})
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*_FIELDS, *(_cell(f"labels.{name}") for name in names)])
    for result in results(history, removed=removed):
        row = [_cell(getattr(result, field)) for field in _FIELDS]
        writer.writerow([*row, *(_cell(result.labels.get(name)) for name in names)])


def _write_html(history: History, out: TextIO, removed: bool) -> None:
    from batch_onboard.report.html.page import write_page  # noqa: PLC0415 - jinja2 is for it alone

    write_page(history, out, removed=removed)


def _cell(value: object) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    text = "" if value is None else msgspec.to_builtins(value, str_keys=True)
    text = str(text).lower() if isinstance(value, bool) else str(text)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def run_json(run: RunSummary) -> dict[str, object]:
    """Return what programs are told of a run."""
    shown = {"run": run.began.run, "began_at": run.began.at}
    for name in _RUN_FIELDS:
        shown[name] = getattr(run.began, name)
    shown["ended_at"] = run.ended.at if run.ended else None
    shown["exit_code"] = run.ended.exit_code if run.ended else None
    shown["reason"] = run.ended.reason if run.ended else None
    return shown


def _quota(line: LearnedLine) -> dict[str, object]:
    account_id, _, region = line.domain.partition("/")
    known = ("operation", "rate", "burst", "confidence", "sent", "throttled", "at")
    shown = {name: getattr(line, name) for name in known}
    return {"account_id": account_id, "region": region, **shown}


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


_WRITERS: dict[Format, Callable[[History, TextIO, bool], None]] = {
    Format.JSON: _write_json,
    Format.JSONL: _write_jsonl,
    Format.CSV: _write_csv,
    Format.HTML: _write_html,
}
