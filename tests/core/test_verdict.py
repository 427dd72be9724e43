from __future__ import annotations

import pytest

from batch_onboard.core.calls import JobStatus
from batch_onboard.core.lifecycle import State
from batch_onboard.core.opening import Opening, began_at, held_until, is_done, may_clear, opening
from batch_onboard.core.record import Record
from batch_onboard.core.remedies import FAILURE_REMEDIES, next_action
from batch_onboard.core.steps import Rules
from batch_onboard.core.targets import Encryption
from batch_onboard.core.verdict import Finding, Reading, find
from tests.core.examples import ALIAS, ARN, NOON, OTHER, WANTED, at, target

RUNNING, SUCCEEDED, FAILED = JobStatus.IN_PROGRESS, JobStatus.SUCCEEDED, JobStatus.FAILED
FRESH = Record()
OURS = Record(state=State.IN_PROGRESS, ours=True)
FOREIGN = Record(state=State.IN_PROGRESS)
LOST = Record(state=State.SUBMITTING, intent_at=NOON, clean=True)
LOST_UNREAD = Record(state=State.SUBMITTING, intent_at=NOON)
DONE = Record(state=State.SUCCEEDED, ours=True)
DRIFTED = Record(state=State.DRIFTED)
GONE = Record(state=State.DRIFTED, error_code="not_onboarded")


@pytest.mark.parametrize(
    ("job", "config", "record", "expected"),
    [
        # The semantics that a simple client gets wrong, one by one.
        (None, None, FRESH, Finding.STARTABLE),
        (None, WANTED, FRESH, Finding.ONBOARDED),  # 404 of the job: onboarded long ago
        (SUCCEEDED, WANTED, FRESH, Finding.ONBOARDED),
        (SUCCEEDED, None, FRESH, Finding.STARTABLE),  # offboarded since
        (None, OTHER, FRESH, Finding.DRIFT),
        (FAILED, OTHER, FRESH, Finding.DRIFT),  # the config decides, whatever failed later
        (FAILED, None, FRESH, Finding.FAILED),
        (RUNNING, None, FRESH, Finding.RUNNING),
        (RUNNING, OTHER, FRESH, Finding.RUNNING),
        # A Start whose answer was lost.
        (None, None, LOST, Finding.STARTABLE),
        (None, WANTED, LOST, Finding.SUCCEEDED),
        (None, WANTED, LOST_UNREAD, Finding.ONBOARDED),
        (SUCCEEDED, None, LOST, Finding.MISSING),
        (SUCCEEDED, None, LOST_UNREAD, Finding.STARTABLE),
        (FAILED, None, LOST, Finding.FAILED),
        # A job that was followed.
        (SUCCEEDED, WANTED, OURS, Finding.SUCCEEDED),
        (SUCCEEDED, WANTED, FOREIGN, Finding.ONBOARDED),
        (SUCCEEDED, OTHER, FOREIGN, Finding.DRIFT),
        (SUCCEEDED, None, FOREIGN, Finding.STARTABLE),
        (None, None, OURS, Finding.VANISHED),
        # What was done before.
        (None, WANTED, DONE, Finding.ONBOARDED),
        (None, OTHER, DONE, Finding.DRIFT),
        (None, None, DONE, Finding.MISSING),
        (None, None, DRIFTED, Finding.STARTABLE),  # offboarded by hand, so that the key may change
        (None, None, GONE, Finding.MISSING),  # still gone: a person decides
        (None, WANTED, GONE, Finding.ONBOARDED),
    ],
)
def test_the_live_state_is_judged_with_what_the_ledger_knows(
    job: JobStatus | None, config: Encryption | None, record: Record, expected: Finding
) -> None:
    """Job and config together, with what this ledger did, say what is the case."""
    assert find(Reading(job, config), record, WANTED, held=False, recent=False) is expected


def test_nothing_there_counts_only_when_the_hold_is_over() -> None:
    """While an accepted job may still be invisible, 'not started' proves nothing."""
    nothing = Reading(None, None)
    assert find(nothing, LOST, WANTED, held=True, recent=False) is Finding.HELD
    assert find(nothing, LOST, WANTED, held=False, recent=False) is Finding.STARTABLE


@pytest.mark.parametrize("record", [OURS, FOREIGN, LOST, DONE])
def test_a_config_may_lag_behind_a_job_that_has_just_ended(record: Record) -> None:
    """Within the consistency window a missing config is asked for again."""
    reading = Reading(SUCCEEDED, None)
    assert find(reading, record, WANTED, held=False, recent=True) is Finding.LAGGING


def test_an_alias_is_never_called_drift() -> None:
    """What can't be compared counts as onboarded."""
    by_alias = Encryption(enabled=True, key_arn=ALIAS)
    found = find(Reading(None, WANTED), FRESH, by_alias, held=False, recent=False)
    assert found is Finding.ONBOARDED


INSIDE = Record(state=State.FAILED, ours=True, failure_code="INTERNAL_FAILURE")
TWICE = Record(state=State.FAILED, ours=True, failure_code="INTERNAL_FAILURE", automatic_clears=2)
NO_KEY = Record(state=State.FAILED, ours=True, failure_code="KMS_KEY_NOT_FOUND")
THEIRS = Record(state=State.FAILED, failure_code="INTERNAL_FAILURE")
REFUSED = Record(state=State.REJECTED)
UNRESOLVED = Record(state=State.UNRESOLVED)
SAME_KEY = Record(state=State.SUCCEEDED, encryption=ARN)
NEW_KEY = Record(state=State.ALREADY_ONBOARDED, encryption="disabled")
PLAIN, RETRY, CLEAR = Rules(), Rules(retry_failed=True), Rules(clear_failed=True)
BLIND = Rules(precheck=False)


@pytest.mark.parametrize(
    ("record", "rules", "expected"),
    [
        (FRESH, PLAIN, Opening.LOOK),
        (FRESH, BLIND, Opening.START),
        (FRESH, Rules(precheck=False, torn_at=0.0), Opening.LOOK),
        (UNRESOLVED, BLIND, Opening.LOOK),
        (Record(attempts=1), BLIND, Opening.LOOK),
        (LOST_UNREAD, BLIND, Opening.LOOK),
        (OURS, PLAIN, Opening.FOLLOW),
        (OURS, Rules(wait=False), Opening.FOLLOW),
        (SAME_KEY, PLAIN, Opening.NOTHING),
        (NEW_KEY, PLAIN, Opening.LOOK),
        (DRIFTED, PLAIN, Opening.LOOK),
        (SAME_KEY, Rules(recheck=True), Opening.LOOK),
        (SAME_KEY, Rules(restart_missing=True), Opening.NOTHING),
        (INSIDE, PLAIN, Opening.LOOK),
        (TWICE, PLAIN, Opening.NOTHING),
        (TWICE, RETRY, Opening.LOOK),
        (NO_KEY, PLAIN, Opening.NOTHING),
        (NO_KEY, CLEAR, Opening.NOTHING),
        (NO_KEY, RETRY, Opening.LOOK),
        (THEIRS, PLAIN, Opening.NOTHING),
        (THEIRS, CLEAR, Opening.LOOK),
        (THEIRS, RETRY, Opening.LOOK),
        (REFUSED, PLAIN, Opening.NOTHING),
        (REFUSED, RETRY, Opening.LOOK),
    ],
)
def test_a_run_begins_where_the_last_one_left_off(
    record: Record, rules: Rules, expected: Opening
) -> None:
    """Done targets are left, open ones are read, failed ones wait for their flag."""
    assert opening(target(), record, rules) is expected


def test_an_accepted_drift_is_done() -> None:
    """A reason in the manifest settles a drift, but not that the instance is gone."""
    accepted = target(accept_drift="keeps its old key, CHG-1234")
    assert opening(accepted, DRIFTED, PLAIN) is Opening.NOTHING
    assert opening(accepted, DRIFTED, Rules(recheck=True)) is Opening.LOOK
    assert is_done(DRIFTED, "a reason")
    assert not is_done(GONE, "a reason")
    assert not is_done(DRIFTED, None)


def test_only_what_the_contract_allows_is_deleted() -> None:
    """A foreign record needs --clear-failed; one of ours the rule for INTERNAL_FAILURE or a flag."""
    assert [may_clear(THEIRS, r) for r in (PLAIN, RETRY, CLEAR)] == [False, False, True]
    assert [may_clear(NO_KEY, r) for r in (PLAIN, RETRY, CLEAR)] == [False, True, False]
    assert [may_clear(INSIDE, r) for r in (PLAIN, RETRY, CLEAR)] == [True, True, True]
    assert [may_clear(TWICE, r) for r in (PLAIN, RETRY, CLEAR)] == [False, True, False]


def test_the_hold_is_call_timeout_and_window() -> None:
    """A request may land as late as its call lasts, with a margin, and its job stay unseen then."""
    assert Rules(call_timeout=20, consistency_window=60).hold == 85
    assert Rules(call_timeout=70, consistency_window=60).hold == 135


def test_an_intent_of_an_earlier_run_is_held_by_the_wall_clock() -> None:
    """What is left of its hold, by its own values or this run's if longer, is waited for."""
    record = Record(state=State.SUBMITTING, intent_at=NOON, intent_hold=100.0)
    assert held_until(record, PLAIN, at(30)) == pytest.approx(100.0)
    assert held_until(record, PLAIN, at(500)) < 500
    assert held_until(Record(intent_at=NOON, intent_hold=1.0), PLAIN, at(30)) == pytest.approx(85)
    assert held_until(FRESH, PLAIN, at(30)) == float("-inf")


def test_a_clock_that_was_set_back_gives_the_whole_hold() -> None:
    """An intent that seems to lie ahead has an unknown age, so its hold begins anew."""
    record = Record(state=State.SUBMITTING, intent_at=NOON, intent_hold=60.0)
    assert held_until(record, PLAIN, at(-3600)) == pytest.approx(-3515)


def test_a_torn_ledger_holds_every_start_from_its_opening() -> None:
    """After a tail was cut off, any intent may have stood in it."""
    assert Rules(torn_at=10.0).torn_until == 95.0
    assert Rules(torn_at=10.0, torn_hold=600.0).torn_until == 610.0
    assert PLAIN.torn_until == float("-inf")


def test_the_age_of_our_job_counts_from_its_start() -> None:
    """Another team's job counts from when it was first seen."""
    ours = Record(state=State.IN_PROGRESS, ours=True, started_at=NOON)
    assert began_at(ours, at(300)) == pytest.approx(0.0)
    assert began_at(ours, at(-5)) == pytest.approx(-5.0)
    assert began_at(FOREIGN, at(300)) == pytest.approx(300.0)
    after_ours = Record(state=State.IN_PROGRESS, started_at=NOON)
    untold = Record(state=State.IN_PROGRESS, ours=True)
    assert [began_at(each, at(300)) for each in (after_ours, untold)] == [300.0, 300.0]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (Record(), "run again"),
        (LOST, "live state"),
        (OURS, "follow"),
        (DONE, None),
        (DRIFTED, "accept_drift"),
        (GONE, "a person decides"),
        (NO_KEY, "check the key's ARN, Region and state in the manifest, then run --retry-failed"),
        (TWICE, "it failed again and again: ask AWS Support, then run --retry-failed"),
        (Record(state=State.FAILED, ours=True), "look up the failure code in AWS's documentation"),
        (THEIRS, "--clear-failed"),
        (Record(state=State.FAILED, ours=True, failure_code="NEW_ONE"), "look up"),
        (Record(state=State.REJECTED, error_code="ValidationException"), "manifest"),
        (Record(state=State.REJECTED, error_code="Odd"), "--retry-failed"),
        (Record(state=State.UNRESOLVED, error_code="RequestTimeTooSkewed"), "clock"),
        (Record(state=State.UNRESOLVED), "run again"),
    ],
)
def test_whatever_is_not_done_has_a_next_action(record: Record, words: str | None) -> None:
    """Each unfinished target says what a person does next; a finished one says nothing."""
    action = next_action(record)
    assert action is None if words is None else words in (action or "")


def test_each_failure_code_of_the_service_model_has_its_own_remedy() -> None:
    """The six codes of the service model are known, and no two have the same remedy."""
    assert len(set(FAILURE_REMEDIES.values())) == 6
