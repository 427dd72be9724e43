from __future__ import annotations

import json

from batch_onboard.core.calls import Operation
from batch_onboard.simulator.protocol import OFFBOARD
from tests.simulator.helpers import ACCOUNT, KEY, REGION, call, instance, world

START, STATUS, DELETE = Operation.START, Operation.STATUS, Operation.DELETE


def test_one_start_is_no_double_start() -> None:
    """The usual course of a target shows one accepted Start."""
    a_world = world()
    a_world.handle(call(START), 0.0)
    a_world.handle(call(STATUS), 20.0)
    target = a_world.seen.targets[KEY]
    assert (target.requests, target.starts_received, target.starts_accepted) == (2, 1, 1)
    assert (a_world.seen.double_starts, a_world.seen.repeated_starts) == (0, 0)
    assert a_world.seen.accepted_starts == [(0.0, KEY)]


def test_a_second_accepted_start_is_a_double_start() -> None:
    """Where the service accepts it, it counts as double; where it answers 409, as repeated."""
    accepting = world(defaults={"start_on_in_progress": "accept"})
    refusing = world()
    for a_world in (accepting, refusing):
        for at in (0.0, 1.0):
            a_world.handle(call(START), at)
    assert (accepting.seen.double_starts, accepting.seen.repeated_starts) == (1, 1)
    assert (refusing.seen.double_starts, refusing.seen.repeated_starts) == (0, 1)


def test_a_start_after_the_failed_job_was_deleted_is_no_double_start() -> None:
    """Delete and Start is the contract's way to try again; Start alone is not."""
    a_world = world(defaults={"failures": 2, "failed_sticky_days": 0})
    a_world.handle(call(START), 0.0)
    a_world.handle(call(DELETE), 20.0)
    a_world.handle(call(START), 20.0)
    assert (a_world.seen.double_starts, a_world.seen.repeated_starts) == (0, 0)
    a_world.handle(call(START), 40.0)
    assert (a_world.seen.double_starts, a_world.seen.repeated_starts) == (1, 1)
    assert a_world.seen.targets[KEY].starts_accepted == 3


def test_a_start_after_offboarding_is_no_double_start() -> None:
    """What a person undid may be done again."""
    a_world = world()
    a_world.handle(call(START), 0.0)
    a_world.handle(call(OFFBOARD), 20.0)
    a_world.handle(call(START), 30.0)
    assert a_world.seen.double_starts == 0


def test_a_delete_that_is_refused_clears_nothing() -> None:
    """Only a delete that was carried out makes room for a Start."""
    a_world = world(defaults={"start_on_done": "accept"})
    a_world.handle(call(START), 0.0)
    assert a_world.handle(call(DELETE), 20.0).status == 409
    a_world.handle(call(START), 20.0)
    assert a_world.seen.double_starts == 1


def test_a_start_that_was_never_applied_is_no_start() -> None:
    """A throttled or dropped Start is received, not accepted, and repeats nothing."""
    a_world = world(faults=[{"kind": "drop_before", "times": 1}], throttle={"burst": 1})
    for at in (0.0, 1.0, 1.0):
        a_world.handle(call(START), at)
    target = a_world.seen.targets[KEY]
    assert (target.starts_received, target.starts_accepted, target.repeated_starts) == (3, 1, 1)


def test_it_knows_in_which_accounts_an_instance_was_called_for() -> None:
    """More than one account for an id is a sign of wrong credentials."""
    a_world = world()
    a_world.handle(call(STATUS), 0.0)
    a_world.handle(call(STATUS, instance("other")), 0.0)
    a_world.handle(call(STATUS, instance(KEY.instance_id, account_id="444455556666")), 0.0)
    assert a_world.seen.accounts_of(KEY.instance_id) == {ACCOUNT, "444455556666"}
    assert a_world.seen.as_json()["in_several_accounts"] == {
        KEY.instance_id: [ACCOUNT, "444455556666"]
    }


def test_all_of_it_is_plain_json() -> None:
    """Targets and domains are named by their text, and the figures are the same."""
    a_world = world(throttle={"burst": 1})
    for _ in range(2):
        a_world.handle(call(START), 3.0)
    seen = json.loads(json.dumps(a_world.seen.as_json()))
    assert seen["requests"] == {"StartInstanceOnboardingJob": 2}
    assert seen["errors"] == {"ThrottlingException": 1}
    assert seen["throttles"] == {f"{ACCOUNT}/{REGION}": 1}
    assert seen["most_jobs_in_progress"] == {f"{ACCOUNT}/{REGION}": 1}
    assert seen["targets"][str(KEY)]["starts_accepted"] == 1
    assert seen["accepted_starts"] == [[3.0, str(KEY)]]
