from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from batch_onboard.core.joining import joined
from batch_onboard.core.lifecycle import DONE, State
from batch_onboard.core.opening import Opening, opening
from batch_onboard.core.record import Entry, Record
from batch_onboard.core.steps import Rules
from tests.ledger.building import target
from tests.ledger.test_history import lives

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """A moment of the test's day."""
    return NOON + timedelta(seconds=seconds)


def submitting(at: float, **more: Any) -> Record:
    """A record whose Start may have been sent."""
    facts: dict[str, Any] = {"intent_hold": 85.0, "clean": True, "attempts": 1} | more
    return Record(State.SUBMITTING, intent_at=after(at), started_at=after(at), **facts)


def ended(state: State, at: float, **more: Any) -> Record:
    """A record of a target that came to an end."""
    return Record(state, attempts=1, started_at=after(at - 5), finished_at=after(at), **more)


def test_an_open_intent_outlives_any_end() -> None:
    """Whatever the other ledger saw, and when: the request may still be on its way."""
    one, other = submitting(0), ended(State.SUCCEEDED, 50, ours=True)
    for result in (joined(one, other), joined(other, one)):
        assert (result.state, result.intent_at) == (State.SUBMITTING, after(0))
        assert (result.intent_hold, result.clean, result.attempts) == (85.0, True, 2)
        assert result.started_at == after(45)


def test_of_two_open_intents_the_later_hold_counts() -> None:
    """What is there afterwards is called this ledger's work only if both looked before."""
    result = joined(submitting(0, intent_hold=900.0), submitting(60, clean=False))
    assert (result.intent_at, result.intent_hold) == (after(60), 900.0)
    assert (result.attempts, result.clean) == (2, False)


def test_a_running_job_outlives_an_end() -> None:
    """It is followed, and what it ends with is the truth."""
    result = joined(ended(State.FAILED, 50), Record(State.IN_PROGRESS, attempts=1, ours=True))
    assert (result.state, result.ours) == (State.IN_PROGRESS, True)


def test_of_two_ends_the_later_one_counts() -> None:
    """A job that failed in the one ledger and then went well in the other has gone well."""
    result = joined(ended(State.SUCCEEDED, 50, ours=True), ended(State.FAILED, 20, ours=True))
    assert (result.state, result.attempts) == (State.SUCCEEDED, 2)


def test_what_one_made_and_the_other_found_was_made() -> None:
    """As within one ledger, where a success that is found again stays one."""
    found = ended(State.ALREADY_ONBOARDED, 50)
    result = joined(found, ended(State.SUCCEEDED, 20, ours=True))
    assert (result.state, result.ours) == (State.SUCCEEDED, True)


def test_what_has_not_come_to_an_end_is_read_again() -> None:
    """Which of the two is the later truth can't be told then, and a read costs little."""
    given_up = Record(State.UNRESOLVED, attempts=1, error_code="timeout", started_at=after(0))
    assert joined(ended(State.SUCCEEDED, 50), given_up).state is State.UNRESOLVED


def folded(happened: list[Entry]) -> Record:
    """What happened, all to one target, or as much of it as makes sense."""
    record = Record()
    for entry in happened:
        if entry.key.instance_id == "instance-0":
            record.apply(entry)
    return record


records = lives().map(folded)


@given(records)
def test_nothing_known_changes_nothing(record: Record) -> None:
    """A ledger that was never about a target has no say in it."""
    assert joined(record, Record()) == joined(Record(), record) == record


@given(records, records)
def test_no_open_intent_is_ever_dropped(one: Record, other: Record) -> None:
    """Its hold ends no sooner than in its own ledger, and no run starts the target unread."""
    result = joined(one, other)
    for each in (one, other):
        if each.intent_at is not None:
            assert result.intent_at is not None
            end = result.intent_at + timedelta(seconds=result.intent_hold)
            assert end >= each.intent_at + timedelta(seconds=each.intent_hold)
            assert result.state not in DONE
    assert result.attempts == one.attempts + other.attempts
    if Record() not in (one, other):
        assert opening(target(0), result, Rules(precheck=False)) is not Opening.START or (
            one.attempts == other.attempts == 0
        )


@given(records, records)
def test_it_does_not_matter_which_ledger_is_named_first(one: Record, other: Record) -> None:
    """The state, and all that a Start depends on, are the same."""
    kept = ["state", "intent_at", "intent_hold", "attempts", "automatic_clears"]
    first, second = joined(one, other), joined(other, one)
    if first.intent_at is not None:  # else nobody asks what was there before it
        kept.append("clean")
    assert [getattr(first, name) for name in kept] == [getattr(second, name) for name in kept]


@pytest.mark.parametrize("state", sorted(DONE))
def test_a_target_that_both_have_seen_done_is_left_alone(state: State) -> None:
    """A merge of finished ledgers gives the next run nothing to do."""
    both = joined(
        ended(state, 10, encryption="disabled"), ended(State.SUCCEEDED, 20, encryption="disabled")
    )
    assert opening(target(0), both, Rules()) is Opening.NOTHING
