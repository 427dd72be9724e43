from __future__ import annotations

from typing import Any

import pytest

from batch_onboard.core.calls import Operation
from batch_onboard.simulator.faults import UNKNOWN_FAILURE_CODE, UNKNOWN_STATUS
from batch_onboard.simulator.protocol import Delivery, Payload
from tests.simulator.helpers import call, instance, outcome, world

START, STATUS, DELETE = Operation.START, Operation.STATUS, Operation.DELETE


def test_a_fault_strikes_the_first_calls_that_match() -> None:
    """`times: 2` strikes twice, counting matching calls only."""
    rule = {"match": {"operation": "Start*"}, "times": 2, "kind": "error"}
    a_world = world(faults=[rule])
    assert a_world.handle(call(STATUS), 0.0).status == 404
    statuses = [a_world.handle(call(START), 0.0).status for _ in range(3)]
    assert statuses == [500, 500, 200]


def test_a_fault_strikes_within_its_window() -> None:
    """From `from` up to, not including, `to`, in seconds since the world began."""
    a_world = world(faults=[{"window": {"from": 10, "to": 20}, "kind": "error"}])
    statuses = [a_world.handle(call(STATUS), at).status for at in (9.9, 10.0, 19.9, 20.0)]
    assert statuses == [404, 500, 500, 404]


def test_a_fault_strikes_by_chance() -> None:
    """About a quarter of calls for `probability: 0.25`, the same ones for the same seed."""

    def struck(seed: int) -> list[bool]:
        a_world = world(seed=seed, faults=[{"probability": 0.25, "kind": "error"}])
        return [a_world.handle(call(STATUS), 0.0).status == 500 for _ in range(1000)]

    assert struck(5) == struck(5)
    assert 200 < sum(struck(5)) < 300


def test_the_first_rule_that_strikes_counts() -> None:
    """Rules are tried in order; one that is used up makes room for the next."""
    rules: list[dict[str, Any]] = [
        {"times": 1, "kind": "error", "status": 503},
        {"times": 1, "kind": "error", "status": 502},
    ]
    a_world = world(faults=rules)
    assert [a_world.handle(call(STATUS), 0.0).status for _ in range(3)] == [503, 502, 404]


@pytest.mark.parametrize(
    ("rule", "status", "code", "delivery"),
    [
        (
            {"kind": "error", "status": 503, "code": "X", "message": "m", "shape": "html"},
            503,
            "X",
            Delivery.ANSWERED,
        ),
        ({"kind": "expired_token"}, 403, "ExpiredTokenException", Delivery.ANSWERED),
        ({"kind": "redirect", "location": "http://x/"}, 307, None, Delivery.ANSWERED),
        ({"kind": "drop_before"}, 200, None, Delivery.DROPPED),
        ({"kind": "hang"}, 200, None, Delivery.NEVER),
    ],
)
def test_a_fault_instead_of_the_call_applies_nothing(
    rule: dict[str, Any], status: int, code: str | None, delivery: Delivery
) -> None:
    """The Start is not accepted, takes no token, and the next one is the first."""
    a_world = world(faults=[{**rule, "times": 1}], throttle={"burst": 1})
    reply = a_world.handle(call(START), 0.0)
    assert (reply.status, reply.code, reply.delivery) == (status, code, delivery)
    assert a_world.seen.targets[call(START).key].starts_accepted == 0
    assert outcome(a_world.handle(call(START), 0.0)) == (200, "IN_PROGRESS")


def test_an_answer_may_be_lost_after_the_call_was_applied() -> None:
    """`drop_after` is the accepted Start that nobody hears of."""
    a_world = world(faults=[{"kind": "drop_after", "times": 1}])
    assert a_world.handle(call(START), 0.0).delivery is Delivery.DROPPED
    assert outcome(a_world.handle(call(STATUS), 1.0)) == (200, "IN_PROGRESS")
    target = a_world.seen.targets[call(START).key]
    assert (target.starts_accepted, target.starts_unanswered) == (1, 1)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [("cut_body", Payload.CUT), ("empty_body", Payload.EMPTY), ("html_body", Payload.HTML)],
)
def test_the_body_of_an_answer_may_be_spoilt(kind: str, payload: Payload) -> None:
    """The call was applied all the same."""
    a_world = world(faults=[{"kind": kind, "times": 1}])
    reply = a_world.handle(call(START), 0.0)
    assert (reply.status, reply.payload) == (200, payload)
    assert outcome(a_world.handle(call(STATUS), 1.0)) == (200, "IN_PROGRESS")


def test_an_answer_may_be_late() -> None:
    """`delay` says by how many seconds."""
    reply = world(faults=[{"kind": "delay", "seconds": 7}]).handle(call(START), 0.0)
    assert reply.delay == 7.0


def test_an_answer_may_be_about_another_instance() -> None:
    """`foreign_id` changes the id and nothing else."""
    a_world = world(faults=[{"kind": "foreign_id"}])
    job = a_world.handle(call(START), 0.0).body["connectInstanceOnboardingJobStatus"]
    assert job["status"] == "IN_PROGRESS"
    assert job["connectInstanceId"] != call(START).key.instance_id


def test_a_job_may_have_values_that_the_model_does_not_know() -> None:
    """`bad_status` and `bad_failure_code` answer as a newer service might."""
    failed = {"initial": "failed"}
    status = world(faults=[{"kind": "bad_status"}]).handle(call(START), 0.0)
    code = world(faults=[{"kind": "bad_failure_code"}], defaults=failed).handle(call(STATUS), 0.0)
    assert status.body["connectInstanceOnboardingJobStatus"]["status"] == UNKNOWN_STATUS
    assert code.body["connectInstanceOnboardingJobStatus"]["failureCode"] == UNKNOWN_FAILURE_CODE


@pytest.mark.parametrize("kind", ["foreign_id", "bad_status", "bad_failure_code"])
def test_a_fault_without_a_place_in_the_answer_does_not_count(kind: str) -> None:
    """Neither errors nor answers without a body use up `times`; the next fit answer is struck."""
    rules = [{"match": {"instance_id": "failed*"}, "initial": "failed"}]
    a_world = world(faults=[{"kind": kind, "times": 1}], instances=rules)
    assert outcome(a_world.handle(call(STATUS), 0.0)) == (404, "ResourceNotFoundException")
    assert dict(a_world.handle(call(DELETE, instance("failed-1")), 0.0).body) == {}
    spoilt, clean = (a_world.handle(call(STATUS, instance("failed-2")), 0.0) for _ in range(2))
    assert spoilt.body != clean.body


def test_faults_about_jobs_leave_configs_alone() -> None:
    """A config has neither status nor failureCode."""
    faults = [{"kind": "bad_status"}, {"kind": "bad_failure_code"}]
    a_world = world(faults=faults, defaults={"initial": "onboarded"})
    reply = a_world.handle(call(Operation.CONFIG), 0.0)
    assert set(reply.body) == {"connectInstanceConfig"}
