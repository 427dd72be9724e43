from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

from batch_onboard.core.lifecycle import Event, State
from batch_onboard.core.record import Entry, Record
from batch_onboard.core.targets import Api, TargetKey
from batch_onboard.ledger.history import History, TargetInfo
from batch_onboard.ledger.lines import HeaderLine
from batch_onboard.report.formats import Format, write_report
from batch_onboard.report.results import results
from batch_onboard.report.summary import summarize

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
INFO = TargetInfo(Api.V1, "disabled")


def key(name: str, account: str = "000000000001") -> TargetKey:
    """The key of an instance."""
    return TargetKey(account, "eu-west-2", name)


def history(**records: Record) -> History:
    """A history of a manifest with one target for each record."""
    header = HeaderLine(at=NOON, format=1, id="0" * 32, tool="0.1.0", manifest="wave")
    made = History(header)
    for name, record in records.items():
        made.targets[key(name)] = INFO
        made.records[key(name)] = record
    return made


def failed(code: str, **facts: object) -> Record:
    """The record of a job of ours that failed."""
    record = Record()
    entry = Entry(Event.JOB_FAILED, key("x"), NOON, failure_code=code, ours=True, **facts)  # type: ignore[arg-type]  # a test names real fields
    record.apply(entry)
    return record


def test_targets_that_nothing_happened_to_are_pending() -> None:
    """A report covers the whole manifest, reached or not."""
    made = history()
    made.targets[key("untouched")] = INFO
    (result,) = results(made)
    assert (result.state, result.attempts, result.next_action) == (
        State.PENDING,
        0,
        "run again to start it",
    )


def test_removed_targets_are_told_on_demand() -> None:
    """What the manifest no longer names is left out, unless it is asked for."""
    made = history(a=Record())
    made.removed[key("gone")] = INFO
    assert [result.instance_id for result in results(made)] == ["a"]
    assert [result.instance_id for result in results(made, removed=True)] == ["a", "gone"]


def test_an_accepted_drift_needs_no_action() -> None:
    """A person has decided, and the report says why."""
    record = Record()
    found = Entry(Event.FOUND_DRIFT, key("a"), NOON, encryption="disabled", message="another key")
    record.apply(found)
    made = history(a=record)
    assert next(results(made)).next_action is not None
    made.targets[key("a")] = TargetInfo(Api.V1, "disabled", accept_drift="CHG-1234")
    accepted = next(results(made))
    assert (accepted.next_action, accepted.message) == (None, "accepted: CHG-1234; another key")
    summary = summarize(results(made))
    assert (summary.causes, summary.accepted) == ((), 1)


def test_causes_come_most_frequent_first_with_their_targets_and_accounts() -> None:
    """Each cause says what it stopped, what to do, and names its first targets."""
    made = history(
        a=failed("KMS_ACCESS_DENIED", message="first"),
        b=failed("KMS_KEY_NOT_FOUND"),
        c=failed("KMS_ACCESS_DENIED", message="second"),
        d=Record(),
    )
    made.targets[key("e", "000000000002")] = INFO
    made.records[key("e", "000000000002")] = failed("KMS_ACCESS_DENIED")
    summary = summarize(results(made))
    first, second = summary.causes
    assert (first.code, first.targets, first.accounts) == ("KMS_ACCESS_DENIED", 3, 2)
    assert (first.message, first.examples[0]) == ("first", "000000000001/eu-west-2/a")
    assert "kms:CreateGrant" in (first.next_action or "")
    assert second.code == "KMS_KEY_NOT_FOUND"
    assert (summary.targets, summary.started_here) == (5, 0)
    assert summary.counts() == "pending=1 failed=4"


def test_the_counts_of_a_report_add_up_to_its_targets() -> None:
    """The summary is of the very targets that the report lists."""
    out = io.StringIO()
    write_report(history(a=failed("X"), b=Record()), Format.JSON, out)
    report = json.loads(out.getvalue())
    assert report["manifest"] == "wave"
    assert sum(report["summary"].values()) == len(report["targets"]) == 2
    assert set(report["targets"][0]) == {
        "account_id", "region", "instance_id", "api", "state", "failure_code", "error_code",
        "message", "attempts", "request_id", "started_here", "started_at", "finished_at",
        "next_action", "labels", "wave",
    }  # fmt: skip


def test_an_empty_manifest_gives_an_empty_report() -> None:
    """All formats stay well-formed without a target."""
    for form in Format:
        out = io.StringIO()
        write_report(history(), form, out)
        text = out.getvalue()
        if form is Format.JSON:
            assert json.loads(text)["targets"] == []
        elif form is not Format.HTML:
            assert text.count("\n") == (form is Format.CSV)


def test_no_cell_of_a_csv_is_a_formula() -> None:
    """What begins like one is quoted, in cells and in the names of label columns."""
    made = history(a=failed("X", message="=cmd|' /C calc'!A0"))
    made.targets[key("a")] = TargetInfo(Api.V2, "disabled", labels=(("@x", "+1"), ("y", "fine")))
    out = io.StringIO()
    write_report(made, Format.CSV, out)
    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert row["message"] == "'=cmd|' /C calc'!A0"
    assert (row["labels.@x"], row["labels.y"]) == ("'+1", "fine")
    assert (row["account_id"], row["api"], row["started_here"]) == ("000000000001", "v2", "false")
