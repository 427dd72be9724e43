"""A plan and the run that it foretells, on virtual time, over the same world."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_onboard.core.lifecycle import Event, State
from batch_onboard.core.planning import PLAN_STALE, Action, BoundCourse, Planned, Survey
from batch_onboard.core.polling import PollPlan
from batch_onboard.core.ports import JournalError
from batch_onboard.core.record import Record
from batch_onboard.core.steps import Rules
from tests.core.examples import NOON
from tests.engine.examples import KEY, Stage, named, targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batch_onboard.core.course import Course
    from batch_onboard.core.record import Entry
    from batch_onboard.core.targets import Target, TargetKey

OTHER_KEY = "arn:aws:kms:eu-west-2:000000000001:key/bbbb"
AS_WANTED = {"enabled": True, "key_arn": KEY.format(account="000000000001")}
WORLD = {
    "defaults": {"job_duration": {"min": 2, "max": 30}},
    "throttle": {"rate": None},
    "instances": [
        {"match": {"instance_id": "running*"}, "initial": "in_progress", "encryption": AS_WANTED},
        {"match": {"instance_id": "done*"}, "initial": "onboarded", "encryption": AS_WANTED},
        {
            "match": {"instance_id": "other*"},
            "initial": "onboarded",
            "encryption": {"enabled": True, "key_arn": OTHER_KEY},
        },
        {"match": {"instance_id": "theirs*"}, "initial": "failed"},
        {"match": {"instance_id": "unknown*"}, "initial": "missing"},
        {"match": {"instance_id": "invalid*"}, "initial": "invalid"},
        {"match": {"instance_id": "denied*"}, "initial": "denied"},
        {
            "match": {"instance_id": "inside*"},
            "outcome": "FAILED",
            "failure_code": "INTERNAL_FAILURE",
        },
        {
            "match": {"instance_id": "key*"},
            "outcome": "FAILED",
            "failure_code": "KMS_KEY_NOT_FOUND",
        },
    ],
}
KINDS = (
    "fresh", "running", "done", "other", "theirs", "unknown", "invalid", "denied", "inside", "key",
    "gone",
)  # fmt: skip


def batch() -> list[Target]:
    """Make one target of each kind; who is denied is so in an account of its own."""
    return [
        named(f"{kind}-1", account="000000000002" if kind == "denied" else "000000000001")
        for kind in KINDS
    ]


def once_onboarded() -> Record:
    """Make what a ledger knows of a target that it has onboarded."""
    return Record(
        state=State.SUCCEEDED,
        ours=True,
        encryption=KEY.format(account="000000000001"),
        attempts=1,
        started_at=NOON - timedelta(hours=1),
        finished_at=NOON - timedelta(hours=1),
    )


def news(after: Stage, before: Stage) -> list[Entry]:
    """Return what was journaled since."""
    return after.journal.entries[len(before.journal.entries) :]


def plan(stage: Stage, what: Sequence[Target], rules: Rules) -> dict[TargetKey, Planned]:
    """Find out what a run would do, on copies of all that it could change."""
    courses: list[Survey] = []

    def survey(target: Target, record: Record, rules: Rules, lengths: PollPlan) -> Course:
        courses.append(Survey(target, record, rules, lengths))
        return courses[-1]

    copied = copy.deepcopy(stage)
    copied.run(what, rules=rules, course=survey)
    for operation in ("StartInstanceOnboardingJob", "DeleteInstanceOnboardingJob"):
        assert copied.world.seen.requests[operation] == stage.world.seen.requests[operation]
    assert not any(entry.event in {Event.INTENDED, Event.CLEARING} for entry in news(copied, stage))
    read = {course.target.key for course in courses}
    for target in what:
        if target.key not in read:  # it is settled
            survey(target, copied.records[target.key], rules, PollPlan())
    return {course.target.key: course.planned for course in courses}


def stands_as_planned(
    planned: Planned, before: Record, record: Record, entries: Sequence[Entry]
) -> bool:
    """Say whether a run has done what was planned for a target."""
    events = [entry.event for entry in entries]
    started = Event.INTENDED in events
    match planned.action:
        case Action.START:
            return started
        case Action.CHECK:
            return True
        case Action.FOLLOW:
            followed = before.state is State.IN_PROGRESS or Event.RUNNING in events
            # Where the job that was followed fails, flags may ask for a Start.
            failed = Event.JOB_FAILED in events[: events.index(Event.INTENDED)] if started else True
            return followed and failed and record.state is not State.PENDING
        case Action.DONE:
            return not started and record.state in {State.SUCCEEDED, State.ALREADY_ONBOARDED}
        case Action.DRIFTED:
            return not started and record.state is State.DRIFTED
        case _:
            cause = record.failure_code or record.error_code
            return not started and cause == planned.cause


RULES = st.builds(
    Rules,
    precheck=st.booleans(),
    wait=st.booleans(),
    retry_failed=st.booleans(),
    clear_failed=st.booleans(),
    recheck=st.booleans(),
    restart_missing=st.booleans(),
)


@settings(max_examples=30, deadline=None)
@given(
    before=st.one_of(st.none(), RULES),
    cut_off_after=st.one_of(st.none(), st.floats(0.1, 8.0)),
    pause=st.floats(0.0, 120.0),
    rules=RULES,
)
def test_a_run_does_what_its_plan_says(
    before: Rules | None, cut_off_after: float | None, pause: float, rules: Rules
) -> None:
    """Whatever an earlier run has left, a plan changes nothing, and the next run does as it says."""
    stage = Stage(WORLD)
    what = batch()
    stage.records[what[-1].key] = once_onboarded()
    if before is not None:
        stage.run(what, rules=before, max_duration=cut_off_after, drain_timeout=0.05)
    stage.now += pause
    planned = plan(stage, what, rules)
    earlier = copy.deepcopy(stage)
    stage.run(what, rules=rules)
    for target in what:
        entries = [entry for entry in news(stage, earlier) if entry.key == target.key]
        record = stage.records[target.key]
        before_it = earlier.records.get(target.key, Record())
        assert stands_as_planned(planned[target.key], before_it, record, entries), (
            f"{target.key.instance_id}: {planned[target.key]}, but it is {record}"
        )


def test_each_kind_of_target_is_planned_with_its_cause() -> None:
    """What is started, followed, done, drifted and blocked, and why."""
    stage = Stage(WORLD)
    what = batch()
    stage.records[what[-1].key] = once_onboarded()
    rules = Rules(clear_failed=True, recheck=True)
    said = {key.instance_id: str(each) for key, each in plan(stage, what, rules).items()}
    assert said == {
        "fresh-1": "start (absent)",
        "running-1": "follow",
        "done-1": "done",
        "other-1": "drifted",
        "theirs-1": "start (INTERNAL_FAILURE)",
        "unknown-1": "start (absent)",
        "invalid-1": "blocked (ValidationException)",
        "denied-1": "blocked (AccessDeniedException)",
        "inside-1": "start (absent)",
        "key-1": "start (absent)",
        "gone-1": "drifted (not_onboarded)",
    }


def run_as_planned(
    stage: Stage,
    what: Sequence[Target],
    approved: dict[TargetKey, Planned],
    rules: Rules,
    **ends: float,
) -> None:
    """Run what was planned at noon."""

    def bound(target: Target, record: Record, rules: Rules, lengths: PollPlan) -> Course:
        planned = approved[target.key]
        return BoundCourse(target, record, rules, lengths, planned=planned, since=NOON)

    stage.run(what, rules=rules, course=bound, **ends)  # type: ignore[arg-type]  # names of `run`


@settings(max_examples=20, deadline=None)
@given(rules=RULES, cut_off_after=st.one_of(st.none(), st.floats(0.1, 8.0)), pause=st.floats(0, 60))
def test_a_bound_run_does_the_same_as_a_free_one_where_nothing_has_changed(
    rules: Rules, cut_off_after: float | None, pause: float
) -> None:
    """It starts what was planned and leaves the rest, also when it was cut off and goes on."""
    stage = Stage(WORLD)
    what = batch()
    stage.records[what[-1].key] = once_onboarded()
    approved = plan(stage, what, rules)
    free = copy.deepcopy(stage)
    free.run(what, rules=rules)
    if cut_off_after is not None:
        stage.now += pause
        ends = {"max_duration": cut_off_after, "drain_timeout": 0.05}
        run_as_planned(stage, what, approved, rules, **ends)
    run_as_planned(stage, what, approved, rules)
    for key, record in stage.records.items():
        assert record.error_code != PLAN_STALE, f"{key}: {record}"
        if approved[key].action is not Action.START:
            assert record.attempts == free.records[key].attempts


def test_what_has_changed_since_the_plan_is_left() -> None:
    """Another team's Start, a job that ended or a new key: `plan_stale`, and nothing is sent."""
    stage = Stage(WORLD)
    what = batch()
    approved = plan(stage, what, Rules())
    stage.now += 1.0
    others = copy.copy(stage)
    others.records = {}
    others.run([target for target in what if target.key.instance_id in {"fresh-1", "key-1"}])
    stage.now = others.now
    sent = stage.world.seen.requests["StartInstanceOnboardingJob"]
    run_as_planned(stage, what, approved, Rules())
    assert stage.world.seen.requests["StartInstanceOnboardingJob"] == sent + 3
    stale = {
        key.instance_id: record.message
        for key, record in stage.records.items()
        if record.error_code == PLAN_STALE
    }
    assert stale == {
        "fresh-1": "the plan says start (absent), and now it would be done",
        "key-1": "the plan says start (absent), and now it would be blocked (KMS_KEY_NOT_FOUND)",
    }
    assert stage.states()["running-1"] == "already_onboarded"
    assert stage.world.seen.double_starts == 0


def test_a_job_that_fails_while_it_is_followed_is_not_started_again_unplanned() -> None:
    """A free run would delete its record and start; one that is bound to follow leaves it."""
    failing = {"initial": "in_progress", "outcome": "FAILED", "failure_code": "KMS_KEY_NOT_FOUND"}
    stage = Stage({"instances": [{"match": {"instance_id": "i*"}, **failing}]})
    what = targets(1)
    rules = Rules(clear_failed=True)
    approved = plan(stage, what, rules)
    free = copy.deepcopy(stage)
    free.run(what, rules=rules)
    assert free.records[what[0].key].attempts == 1
    run_as_planned(stage, what, approved, rules)
    record = stage.records[what[0].key]
    assert (record.attempts, record.error_code) == (0, PLAN_STALE)
    assert record.message == "the plan says follow, and now it would be start (KMS_KEY_NOT_FOUND)"


def test_a_start_that_was_not_planned_is_not_made() -> None:
    """What was done when the plan was made and is gone now is a person's, flags or not."""
    stage = Stage(WORLD)
    (target,) = (each for each in batch() if each.key.instance_id == "gone-1")
    stage.records[target.key] = once_onboarded()
    approved = {target.key: Planned(Action.DONE, None, str(target.encryption))}
    run_as_planned(stage, [target], approved, Rules(recheck=True, restart_missing=True))
    record = stage.records[target.key]
    assert (record.state, record.error_code) == (State.UNRESOLVED, PLAN_STALE)
    assert not stage.world.seen.requests["StartInstanceOnboardingJob"]


def test_a_target_that_is_left_before_its_first_call_is_written_down() -> None:
    """Without prechecks nothing is read; what the plan did not foresee is left, in the ledger too."""
    stage, (target,) = Stage(WORLD), targets(1)
    approved = {target.key: Planned(Action.BLOCKED, "denied", str(target.encryption))}
    run_as_planned(stage, [target], approved, Rules(precheck=False))
    (entry,) = stage.journal.entries
    assert (entry.event, entry.error_code) == (Event.GAVE_UP, PLAN_STALE)
    assert not stage.world.seen.requests
    full = Stage(WORLD)
    full.journal.fails_after = 0
    with pytest.raises(JournalError) as caught:
        run_as_planned(full, [target], approved, Rules(precheck=False))
    assert [lost.event for lost in caught.value.lost] == [Event.GAVE_UP]
