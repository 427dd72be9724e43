from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from batch_onboard.core.calls import Operation
from batch_onboard.core.lifecycle import TRANSITIONS, State
from batch_onboard.core.record import Entry, Record
from batch_onboard.core.targets import Api, TargetKey
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.history import RunSummary, TargetInfo
from batch_onboard.ledger.lines import CutLine, GoneLine, LearnedLine, RunEndedLine, TargetLine
from tests.ledger.building import AT, HEADER, ID, intent, key, known, raw_ledger, run_line

short = st.sampled_from([None, "", "a", 'é\n"\u2028'])


@st.composite
def lives(draw: st.DrawFn) -> list[Entry]:
    """Draw what may happen to three targets, in any order that the life cycle allows."""
    states = [State.PENDING] * 3
    happened = []
    for _ in range(draw(st.integers(0, 20))):
        number = draw(st.integers(0, 2))
        event = draw(st.sampled_from(sorted(TRANSITIONS[states[number]])))
        states[number] = TRANSITIONS[states[number]][event]
        happened.append(
            Entry(
                event,
                key(number),
                AT + timedelta(seconds=draw(st.integers(0, 9))),
                failure_code=draw(short),
                error_code=draw(short),
                message=draw(short),
                request_id=draw(short),
                encryption=draw(short),
                clean=draw(st.booleans()),
                hold=draw(st.none() | st.floats(0, 1e6)),
                ours=draw(st.booleans()),
                automatic=draw(st.booleans()),
            )
        )
    return happened


@given(lives())
@settings(max_examples=60, deadline=None)
def test_a_replay_knows_what_the_run_knew(happened: list[Entry]) -> None:
    """Records folded from the file equal those that took in the entries as they happened."""
    live: dict[TargetKey, Record] = {}
    for entry in happened:
        live.setdefault(entry.key, Record()).apply(entry)
    assert known(raw_ledger(happened)).records == live


def test_runs_are_told_with_their_ends() -> None:
    """Each run has the line that began it, and its end if it had one."""
    ended = RunEndedLine(at=AT, run="r1", exit_code=3, reason="finished")
    history = known(raw_ledger([run_line("r1"), run_line("r2"), ended]))
    assert [summary.began.run for summary in history.runs] == ["r1", "r2"]
    assert [summary.ended is None for summary in history.runs] == [False, True]
    first = history.runs[0]
    assert isinstance(first, RunSummary)
    assert first.ended is not None
    assert (first.ended.exit_code, first.ended.reason) == (3, "finished")


def test_targets_are_those_of_the_latest_manifest() -> None:
    """A target is known by its latest attributes, and kept apart once it is gone."""
    line = TargetLine(
        at=AT,
        target=str(key(1)),
        api=Api.V2,
        encryption="disabled",
        wave=2,
        labels={"pilot": "yes"},
        accept_drift="CHG-1",
    )
    info = TargetInfo(Api.V2, "disabled", 2, (("pilot", "yes"),), "CHG-1")
    gone = GoneLine(at=AT, target=line.target)
    history = known(raw_ledger([line]))
    assert (history.targets, history.removed) == ({key(1): info}, {})
    history = known(raw_ledger([line, gone]))
    assert (history.targets, history.removed) == ({}, {key(1): info})
    history = known(raw_ledger([line, gone, line]))
    assert (history.targets, history.removed) == ({key(1): info}, {})


def test_targets_of_equal_attributes_share_them() -> None:
    """A million targets that are configured alike hold their attributes once."""
    lines = [
        TargetLine(at=AT, target=str(key(number)), api=Api.V1, encryption="disabled")
        for number in (1, 2)
    ]
    history = known(raw_ledger(lines, [intent(1)]))
    assert history.targets[key(1)] is history.targets[key(2)]


def test_untouched_targets_have_no_record() -> None:
    """A target of the manifest to which nothing happened is pending, without a record."""
    line = TargetLine(at=AT, target=str(key(1)), api=Api.V1, encryption="disabled")
    history = known(raw_ledger([line]))
    assert history.records == {}
    assert history.record(key(1)) == Record()
    assert history.record(key(1)) is history.records[key(1)]


def test_cuts_are_remembered() -> None:
    """A tail that was cut off in an earlier run is told, but is no cut of this opening."""
    history = known(raw_ledger([CutLine(at=AT, size=12, kept="x.tail-1")]))
    assert [(cut.size, cut.kept) for cut in history.cuts] == [(12, "x.tail-1")]
    assert history.cut is None


def test_the_latest_that_was_learned_about_a_quota_counts() -> None:
    """Each quota is known as the last run that met it left it."""
    lines = [
        LearnedLine(
            at=AT,
            domain="000000000001/eu-west-2",
            operation=Operation.START,
            rate=rate,
            burst=5.0,
            confidence=0.5,
            sent=10,
            throttled=1,
        )
        for rate in (2.0, 9.5)
    ]
    history = known(raw_ledger(lines))
    (line,) = history.learned.values()
    assert history.learned == {("000000000001/eu-west-2", Operation.START): line}
    assert line.rate == 9.5


def test_ledgers_of_format_1_stay_readable() -> None:
    """A file of format 1, with every kind of line, is read as it was meant when it was written."""
    history = read_history(Path(__file__).with_name("format1.jsonl"))
    assert history.header.id == ID
    assert history.header.manifest == HEADER.manifest
    assert history.runs[0].began.change_ref == "CHG-1"
    assert list(history.targets) == [key(2)]
    assert list(history.removed) == [key(1)]
    assert history.removed[key(1)].wave == 2
    record = history.records[key(2)]
    assert (record.state, record.failure_code) == (State.FAILED, "KMS_ACCESS_DENIED")
    assert (record.attempts, record.ours, record.intent_hold) == (1, True, 60.0)
