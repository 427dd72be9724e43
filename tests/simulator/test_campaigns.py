from __future__ import annotations

import math
from typing import Any

import pytest

from batch_onboard.core.calls import Operation
from batch_onboard.core.targets import Api
from batch_onboard.simulator.protocol import OFFBOARD, WorldCall
from tests.simulator.helpers import ACCOUNT, DAY, KEY, KMS, call, instance, outcome, world

START, STATUS, CONFIG, DELETE = (
    Operation.START,
    Operation.STATUS,
    Operation.CONFIG,
    Operation.DELETE,
)
NOT_FOUND = (404, "ResourceNotFoundException")
CONFLICT = (409, "ConflictException")
INVALID_STATE = (409, "InvalidStateException")


def test_a_start_makes_a_job_that_runs_and_then_succeeds() -> None:
    """A fresh instance is IN_PROGRESS from its Start until the job's end, then SUCCEEDED."""
    a_world = world()
    assert outcome(a_world.handle(call(START), 0.0)) == (200, "IN_PROGRESS")
    assert outcome(a_world.handle(call(STATUS), 9.9)) == (200, "IN_PROGRESS")
    assert outcome(a_world.handle(call(STATUS), 10.0)) == (200, "SUCCEEDED")


def test_a_fresh_instance_has_neither_job_nor_config() -> None:
    """What was never onboarded is 404 to status, config, delete and offboarding alike."""
    a_world = world()
    for operation in (STATUS, CONFIG, DELETE, OFFBOARD):
        assert outcome(a_world.handle(call(operation), 0.0)) == NOT_FOUND


def test_a_config_exists_from_the_moment_a_job_succeeds() -> None:
    """The config is 404 while the job runs, and has the job's encryption from its end."""
    a_world = world()
    a_world.handle(call(START, encryption=KMS), 0.0)
    assert outcome(a_world.handle(call(CONFIG), 9.9)) == NOT_FOUND
    config = a_world.handle(call(CONFIG), 10.0).body["connectInstanceConfig"]
    assert config["connectInstanceId"] == KEY.instance_id
    assert config["encryptionConfig"] == {
        "enabled": True,
        "encryptionType": "KMS",
        "keyArn": KMS.key_arn,
    }
    assert f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/" in config["serviceLinkedRoleArn"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("conflict", CONFLICT), ("status", (200, "IN_PROGRESS")), ("accept", (200, "IN_PROGRESS"))],
)
def test_a_start_while_a_job_runs_is_answered_as_the_scenario_says(
    answer: str, expected: tuple[int, str]
) -> None:
    """Only `accept` makes a second job."""
    a_world = world(defaults={"start_on_in_progress": answer})
    a_world.handle(call(START), 0.0)
    assert outcome(a_world.handle(call(START), 5.0)) == expected
    ended = outcome(a_world.handle(call(STATUS), 12.0))
    assert ended == (200, "IN_PROGRESS" if answer == "accept" else "SUCCEEDED")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("conflict", CONFLICT), ("status", (200, "SUCCEEDED")), ("accept", (200, "IN_PROGRESS"))],
)
def test_a_start_of_an_onboarded_instance_is_answered_as_the_scenario_says(
    answer: str, expected: tuple[int, str]
) -> None:
    """Even a long-forgotten job counts, since a config is there."""
    a_world = world(defaults={"start_on_done": answer, "initial": "onboarded", "days_ago": 400})
    assert outcome(a_world.handle(call(START), 0.0)) == expected


def test_the_key_of_an_onboarded_instance_never_changes() -> None:
    """A second job, where a scenario allows one, leaves the config's encryption as it was."""
    a_world = world(defaults={"start_on_done": "accept", "initial": "onboarded"})
    a_world.handle(call(START, encryption=KMS), 0.0)
    config = a_world.handle(call(CONFIG), 20.0).body["connectInstanceConfig"]
    assert config["encryptionConfig"] == {"enabled": False}


def test_a_start_after_a_failure_answers_the_old_failure_for_14_days() -> None:
    """A 200 from Start carries FAILED and its failureCode until the record is too old."""
    a_world = world(defaults={"outcome": "FAILED", "failure_code": "KMS_KEY_NOT_FOUND"})
    a_world.handle(call(START), 0.0)
    again = a_world.handle(call(START), 10.0 + 14 * DAY - 1)
    assert outcome(again) == (200, "FAILED")
    job = again.body["connectInstanceOnboardingJobStatus"]
    assert job["failureCode"] == "KMS_KEY_NOT_FOUND"
    assert outcome(a_world.handle(call(START), 10.0 + 14 * DAY)) == (200, "IN_PROGRESS")


def test_a_failed_job_can_be_deleted_and_started_again() -> None:
    """Delete, then Start makes a new job; `failures: 1` lets that one succeed."""
    a_world = world(defaults={"failures": 1})
    a_world.handle(call(START), 0.0)
    assert outcome(a_world.handle(call(STATUS), 10.0)) == (200, "FAILED")
    assert outcome(a_world.handle(call(DELETE), 11.0)) == (200, None)
    assert outcome(a_world.handle(call(STATUS), 11.0)) == NOT_FOUND
    assert outcome(a_world.handle(call(DELETE), 11.0)) == NOT_FOUND
    assert outcome(a_world.handle(call(START), 12.0)) == (200, "IN_PROGRESS")
    assert outcome(a_world.handle(call(STATUS), 22.0)) == (200, "SUCCEEDED")


def test_only_failed_jobs_can_be_deleted() -> None:
    """A running or succeeded job is InvalidStateException, and the config stays."""
    a_world = world()
    a_world.handle(call(START), 0.0)
    assert outcome(a_world.handle(call(DELETE), 5.0)) == INVALID_STATE
    assert outcome(a_world.handle(call(DELETE), 15.0)) == INVALID_STATE
    assert outcome(a_world.handle(call(CONFIG), 15.0)) == (200, None)


def test_the_status_forgets_a_job_but_the_config_stays() -> None:
    """From 14 days after its end a job is 404 to the status; the config alone decides then."""
    a_world = world()
    a_world.handle(call(START), 0.0)
    assert outcome(a_world.handle(call(STATUS), 10.0 + 14 * DAY - 1)) == (200, "SUCCEEDED")
    assert outcome(a_world.handle(call(STATUS), 10.0 + 14 * DAY)) == NOT_FOUND
    assert outcome(a_world.handle(call(CONFIG), 10.0 + 14 * DAY)) == (200, None)


def test_a_failed_job_that_still_sticks_can_be_deleted_though_the_status_forgot_it() -> None:
    """Where the two windows differ, there is always a way out of the sticky failure."""
    a_world = world(defaults={"initial": "failed", "days_ago": 5, "status_days": 1})
    assert outcome(a_world.handle(call(STATUS), 0.0)) == NOT_FOUND
    assert outcome(a_world.handle(call(START), 0.0)) == (200, "FAILED")
    assert outcome(a_world.handle(call(DELETE), 0.0)) == (200, None)


def test_the_status_may_deny_an_accepted_job_for_a_while() -> None:
    """With `visible_after`, status is 404 right after Start, while Start itself knows the job."""
    a_world = world(defaults={"visible_after": 5})
    a_world.handle(call(START), 0.0)
    assert outcome(a_world.handle(call(STATUS), 4.9)) == NOT_FOUND
    assert outcome(a_world.handle(call(START), 4.9)) == CONFLICT
    assert outcome(a_world.handle(call(STATUS), 5.0)) == (200, "IN_PROGRESS")


def test_jobs_of_one_account_and_region_can_be_limited() -> None:
    """With `max_jobs_in_progress: 1` a second instance is a 409 until the first job has ended."""
    a_world = world(defaults={"max_jobs_in_progress": 1})
    a_world.handle(call(START, instance("a")), 0.0)
    assert outcome(a_world.handle(call(START, instance("b")), 1.0)) == CONFLICT
    elsewhere = instance("c", region="us-east-1")
    assert outcome(a_world.handle(call(START, elsewhere), 1.0)) == (200, "IN_PROGRESS")
    assert outcome(a_world.handle(call(START, instance("b")), 10.0)) == (200, "IN_PROGRESS")
    assert set(a_world.seen.most_jobs_in_progress.values()) == {1}


def test_a_job_that_runs_from_the_beginning_counts_and_ends() -> None:
    """`initial: in_progress` began with the world, and counts among the account's jobs."""
    rules = [{"match": {"instance_id": "a"}, "initial": "in_progress"}]
    a_world = world(instances=rules, defaults={"max_jobs_in_progress": 1})
    assert outcome(a_world.handle(call(STATUS, instance("a")), 4.0)) == (200, "IN_PROGRESS")
    assert outcome(a_world.handle(call(START, instance("b")), 5.0)) == CONFLICT
    assert outcome(a_world.handle(call(STATUS, instance("a")), 10.0)) == (200, "SUCCEEDED")
    assert outcome(a_world.handle(call(CONFIG, instance("a")), 10.0)) == (200, None)


def test_a_job_may_never_end() -> None:
    """`max: .inf` is a job that is IN_PROGRESS for ever."""
    a_world = world(defaults={"job_duration": {"min": 0, "max": math.inf}})
    a_world.handle(call(START), 0.0)
    assert outcome(a_world.handle(call(STATUS), 1e9)) == (200, "IN_PROGRESS")


@pytest.mark.parametrize(
    ("initial", "status", "config", "start"),
    [
        ("fresh", NOT_FOUND, NOT_FOUND, (200, "IN_PROGRESS")),
        ("in_progress", (200, "IN_PROGRESS"), NOT_FOUND, CONFLICT),
        ("onboarded", (200, "SUCCEEDED"), (200, None), CONFLICT),
        ("offboarded", (200, "SUCCEEDED"), NOT_FOUND, (200, "IN_PROGRESS")),
        ("failed", (200, "FAILED"), NOT_FOUND, (200, "FAILED")),
        ("missing", NOT_FOUND, NOT_FOUND, NOT_FOUND),
        ("denied", *[(403, "AccessDeniedException")] * 3),
        ("invalid", *[(400, "ValidationException")] * 3),
    ],
)
def test_an_instance_is_at_first_what_the_scenario_says(
    initial: str, status: Any, config: Any, start: Any
) -> None:
    """Each `initial` shows in status, config and Start."""
    a_world = world(defaults={"initial": initial})
    for operation, expected in ((STATUS, status), (CONFIG, config), (START, start)):
        assert outcome(a_world.handle(call(operation), 0.0)) == expected


def test_offboarding_removes_the_config_and_leaves_the_job() -> None:
    """Afterwards the status is SUCCEEDED without a config, and Start makes a new job."""
    a_world = world(defaults={"initial": "onboarded"})
    assert outcome(a_world.handle(call(OFFBOARD), 0.0)) == (200, None)
    assert outcome(a_world.handle(call(STATUS), 0.0)) == (200, "SUCCEEDED")
    assert outcome(a_world.handle(call(CONFIG), 0.0)) == NOT_FOUND
    assert outcome(a_world.handle(call(START), 0.0)) == (200, "IN_PROGRESS")


def test_an_instance_with_a_running_job_is_not_offboarded() -> None:
    """Offboarding in the middle of a job is InvalidStateException."""
    a_world = world(defaults={"start_on_done": "accept", "initial": "onboarded"})
    a_world.handle(call(START), 0.0)
    assert outcome(a_world.handle(call(OFFBOARD), 1.0)) == INVALID_STATE


def test_both_versions_see_the_same_instances() -> None:
    """A job started through v1 is there through v2."""
    a_world = world()
    a_world.handle(call(START, api=Api.V1), 0.0)
    assert outcome(a_world.handle(call(STATUS, api=Api.V2), 1.0)) == (200, "IN_PROGRESS")


def test_the_same_id_in_two_accounts_is_two_instances() -> None:
    """Accounts and Regions are worlds of their own."""
    a_world = world()
    a_world.handle(call(START), 0.0)
    elsewhere = instance(KEY.instance_id, account_id="444455556666")
    assert outcome(a_world.handle(call(STATUS, elsewhere), 1.0)) == NOT_FOUND


def test_a_start_without_encryption_is_refused() -> None:
    """`encryptionConfig` is required, also of calls that never were HTTP."""
    reply = world().handle(WorldCall(START, KEY, Api.V1), 0.0)
    assert outcome(reply) == (400, "ValidationException")


def test_rules_are_layered_key_by_key() -> None:
    """The first rule that sets a key wins, keys that it leaves alone come from later rules."""
    rules = [
        {"match": {"instance_id": "inst*", "operation": "*"}, "failure_code": "KMS_ACCESS_DENIED"},
        {"match": {"api": "v2"}, "initial": "missing"},
        {"initial": "failed", "failure_code": "IAM_ACCESS_DENIED"},
    ]
    a_world = world(instances=rules)
    reply = a_world.handle(call(STATUS), 0.0)
    job = reply.body["connectInstanceOnboardingJobStatus"]
    assert (job["status"], job["failureCode"]) == ("FAILED", "KMS_ACCESS_DENIED")
    assert outcome(a_world.handle(call(STATUS, api=Api.V2), 0.0)) == NOT_FOUND


def test_the_same_seed_plays_the_same_world() -> None:
    """Durations are drawn from the seed alone."""
    spread = {"job_duration": {"min": 0, "max": 1000}}

    def states(seed: int) -> list[tuple[int, str | None]]:
        a_world = world(seed=seed, defaults=spread)
        keys = [instance(f"i-{number}") for number in range(20)]
        for key in keys:
            a_world.handle(call(START, key), 0.0)
        return [outcome(a_world.handle(call(STATUS, key), 500.0)) for key in keys]

    assert states(1) == states(1)
    assert states(1) != states(2)
