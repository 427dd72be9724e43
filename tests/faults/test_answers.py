from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from batch_onboard.core.steps import Rules
from batch_onboard.exits import Exit
from tests.cli.conftest import Shell, Simulated, instance, manifest, shell, simulate
from tests.engine.examples import Stage, targets
from tests.faults.lab import (
    FAST,
    LEDGER,
    QUICK,
    START,
    assert_survived,
    assert_told,
    lines,
    needs,
    reported,
    run_under,
)
from tests.faults.proxy import Mischief, Rule, proxied

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["shell", "simulate"]  # fixtures, found by their names here

OURS = "{enabled: true, key_arn: 'arn:aws:kms:eu-west-2:111111111111:key/aaaa'}"
SHAPES = ("empty_body", "html", "code_400")
# Each is met by a Start that nothing was read before.
MET = {
    "old-failure": "initial: failed",
    "others-job": f"initial: in_progress, encryption: {OURS}",
    "done-before": f"initial: onboarded, encryption: {OURS}",
}


def test_a_start_that_meets_what_others_left_is_judged_by_reads(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """A 200 with an old FAILED, a 409 for a job, for a config, for the account's other job."""
    rules = "".join(f"  - {{match: {{instance_id: {name}}}, {MET[name]}}}\n" for name in MET)
    full = "  - {match: {account_id: '222222222222'}, max_jobs_in_progress: 1}\n"
    simulator = simulate(f"{FAST}instances:\n{rules}{full}")
    crowd = [instance(f"crowd-{n}", "222222222222") for n in range(3)]
    shell.write("wave.yaml", manifest(*map(instance, MET), *crowd))
    ended = shell.run("run", "wave.yaml", *QUICK, "--no-precheck", "--clear-failed")
    assert_told(ended, Exit.OK, "succeeded=4", "already_onboarded=2")
    assert simulator.seen()["requests"]["DeleteInstanceOnboardingJob"] == 1
    assert_survived(shell, simulator, 6)


def test_a_throttle_is_seen_by_the_limiter_in_whatever_shape_it_comes(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """A 429 without a body, as a web page, or a 400: none is a rejection, all are waited out."""
    faults = "".join(
        f"  - {{match: {{instance_id: {shape}, operation: Start*}}, times: 2, kind: error, "
        f"status: 429, code: ThrottlingException, shape: {shape}}}\n"
        for shape in SHAPES
    )
    simulator = simulate(f"{FAST}faults:\n{faults}")
    accounts = [instance(shape, f"{n + 1:012}") for n, shape in enumerate(SHAPES)]
    shell.write("wave.yaml", manifest(*accounts))
    ended = shell.run("run", "wave.yaml", *QUICK, "--output", "json", "-v")
    assert_told(ended, Exit.OK)
    assert ended.json["summary"] == {"succeeded": 3}
    assert len(lines(shell, "refused")) == 6
    assert simulator.seen()["requests"][START] == 9


@pytest.mark.parametrize("asked", [99999, -1, "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_a_retry_after_out_of_reason_delays_nobody_for_long(asked: int | str) -> None:
    """It is capped at five minutes, or passed over: on virtual time all ends within that."""
    throttle = {"rate": 1, "burst": 1, "retry_after": asked}
    stage = Stage({"defaults": {"job_duration": {"min": 5, "max": 9}}, "throttle": throttle})
    stage.run(targets(2), rules=Rules())
    assert set(stage.states().values()) == {"succeeded"}
    assert stage.world.seen.errors["ThrottlingException"] > 0
    assert stage.now < 3600


def test_words_that_the_service_never_spoke_before_are_kept_and_end_nothing_else(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """An unknown failureCode and a job without end: both told as they are; the others finish."""
    simulator = simulate(
        f"{FAST}instances:\n  - {{match: {{instance_id: odd}}, outcome: FAILED}}\n"
        "  - {match: {instance_id: endless}, job_duration: {min: 9999, max: .inf}}\n"
        "faults:\n  - {match: {instance_id: odd}, kind: bad_failure_code}\n"
    )
    shell.write("wave.yaml", manifest(*map(instance, ("odd", "endless", "plain"))))
    ended = shell.run("run", "wave.yaml", *QUICK, "--job-timeout", "0.3s")
    assert_told(ended, Exit.UNFINISHED, "MOON_IN_THE_WRONG_PHASE", "job_timeout")
    assert [each["state"] for each in reported(shell)] == ["failed", "unresolved", "succeeded"]
    # The one that runs is followed on, and nothing is started again.
    options = ("--job-timeout", "0.1s")
    assert_survived(shell, simulator, 3, *options, code=Exit.UNFINISHED)


def test_an_unknown_status_is_never_taken_for_an_end() -> None:
    """The target is unresolved with what was said; on virtual time, once tries are used up."""
    stage = Stage({"faults": [{"match": {"operation": "GetInst*"}, "kind": "bad_status"}]})
    stage.run(targets(1), rules=Rules(precheck=False))
    assert stage.states() == {"i-0": "unresolved"}
    (record,) = stage.records.values()
    assert (record.error_code, "PAUSED" in (record.message or "")) == ("unknown_status", True)
    assert stage.world.seen.repeated_starts == 0


@pytest.mark.parametrize("operation", ["GetCallerIdentity", "AssumeRole"])
def test_an_identity_that_cannot_be_proved_makes_no_call(
    shell: Shell, simulate: Callable[[str], Simulated], operation: str
) -> None:
    """STS refuses to say whose the credentials are: unresolved, and nothing for a target sent."""
    simulator = simulate(
        f"{FAST}faults:\n  - {{match: {{operation: {operation}}}, kind: error, status: 403, "
        "code: AccessDenied}\n"
    )
    shell.write("wave.yaml", manifest(instance("a"), instance("b", "222222222222")))
    ended = shell.run("run", "wave.yaml", *QUICK, "--no-precheck")
    assert_told(ended, Exit.UNFINISHED, "unresolved=2", "AccessDenied")
    assert simulator.seen()["targets"] == {}


@needs(17, "faketime")
def test_a_clock_that_is_400_days_ahead_is_named_as_the_cause(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """The service refuses the signatures; the run says what to set right, and sends no Start."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(instance("a")))
    ended = run_under(shell, ["faketime", "-f", "+400d"], "run", "wave.yaml", *QUICK)
    assert_told(ended, Exit.UNFINISHED, "clock")
    assert START not in simulator.seen()["requests"]
    # The next run begins in the past of the first, and still finishes.
    assert_survived(shell, simulator, 1)


def test_an_answer_outside_the_model_ends_neither_its_target_nor_any_other(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """JSON of another shape where a status should be is an answer that says nothing."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(*map(instance, ("odd", "even"))))
    rule = Rule(Mischief.NONSENSE, ("GET", "/odd/"), times=3)
    with proxied(simulator.settings["AWS_ENDPOINT_URL"], rule) as proxy:
        shell.environment["AWS_ENDPOINT_URL"] = proxy.url
        assert_told(shell.run("run", "wave.yaml", *QUICK), Exit.OK, "succeeded=2")
        assert_survived(shell, simulator, 2)


def test_whatever_the_time_zone_the_ledger_tells_utc_in_order(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """A zone of half hours and daylight saving, and one that does not exist, change nothing."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(instance("a")))
    shell.environment["TZ"] = "Australia/Lord_Howe"
    assert_told(shell.run("run", "wave.yaml", *QUICK, "--no-wait"), Exit.OK)
    shell.environment["TZ"] = "NOT-A/Zone3,M3.2.0"
    assert_survived(shell, simulator, 1)
    told = [json.loads(line)["at"] for line in (shell.folder / LEDGER).read_text().splitlines()]
    assert all(at.endswith("Z") for at in told)
    assert told == sorted(told)
