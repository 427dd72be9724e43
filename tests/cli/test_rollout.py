"""How far a run goes, through the real command: selections, waves, limits, and their exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from batch_onboard.exits import Exit
from tests.cli.conftest import instance, manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Shell, Simulated

FAST = "defaults: {job_duration: {min: 0.2, max: 0.4}}\nthrottle: {rate: null}\n"
BAD_KEYS = FAST + (
    'instances: [{match: {instance_id: "bad*"}, outcome: FAILED, failure_code: KMS_KEY_NOT_FOUND}]\n'
)
QUICK = ("--yes", "--rate", "200", "--burst", "200")


def states(shell: Shell) -> dict[str, str]:
    """Return the state of each instance of the wave."""
    report = shell.run("report", "wave.ledger.jsonl").json
    return {target["instance_id"]: target["state"] for target in report["targets"]}


def test_a_selection_is_all_that_a_run_is_about(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Exit 0 is about the selected targets, the report about all; states select in a second run."""
    simulate(BAD_KEYS)
    shell.write("wave.yaml", manifest(instance("good"), instance("bad"), instance("other")))
    chosen = shell.run("run", "wave.yaml", *QUICK, "--include", "instance_id=good")
    assert chosen.code == Exit.OK, chosen.err
    assert "1 of 3 targets" in chosen.err
    assert states(shell) == {"good": "succeeded", "bad": "pending", "other": "pending"}
    rest = shell.run("run", "wave.yaml", *QUICK, "--exclude", "state=succeeded")
    assert rest.code == Exit.UNFINISHED
    failed = shell.run("run", "wave.yaml", *QUICK, "--include", "failure_code=KMS_*")
    assert failed.code == Exit.UNFINISHED
    assert "nothing to do" in failed.out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--include", "region=us-*"], "--include region=us-* matches no target"),
        (["--exclude", "api=v1"], "no target is selected"),
        (["--wave", "7"], "--wave 7 matches no target"),
        (["--include", "regoin=x"], "did you mean region?"),
        (["--no-wait", "--canary", "1"], "not with --no-wait"),
        (["--no-wait"], "wave 2 waits for the end of wave 1"),
        (["--max-failures", "many"], "neither a number of targets nor a percentage"),
        (["--max-failures", "101%"], "neither a number of targets nor a percentage"),
    ],
)
def test_what_selects_nothing_or_cannot_go_together_ends_with_2(
    shell: Shell, options: list[str], told: str
) -> None:
    """Nothing is sent, no ledger is left behind, and the message names the cause."""
    shell.write("wave.yaml", manifest(instance("a"), instance("b", wave="2")))
    ended = shell.run("run", "wave.yaml", "--simulate", *options)
    assert ended.code == Exit.USAGE
    assert told in ended.err
    assert "Traceback" not in ended.err
    assert not (shell.folder / "wave.simulated.ledger.jsonl").exists()


def test_a_canary_that_fails_ends_with_4_and_the_rest_is_untouched(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """The reason and the command to go on are told; with a tolerance the next run goes on."""
    simulator = simulate(BAD_KEYS)
    shell.write("wave.yaml", manifest(instance("bad"), instance("good"), instance("other")))
    stopped = shell.run("run", "wave.yaml", *QUICK, "--canary", "1")
    assert stopped.code == Exit.STOPPED
    assert "the canary: 1 target failed" in stopped.out
    assert "check the key's ARN" in stopped.out
    assert "When all that is done: batch-onboard run wave.yaml" in stopped.out
    assert simulator.seen()["requests"]["StartInstanceOnboardingJob"] == 1
    assert states(shell) == {"bad": "failed", "good": "pending", "other": "pending"}
    again = shell.run("run", "wave.yaml", *QUICK, "--canary", "1")
    assert again.code == Exit.UNFINISHED
    assert states(shell) == {"bad": "failed", "good": "succeeded", "other": "succeeded"}


def test_a_failure_limit_in_the_settings_file_ends_with_4(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Lists and limits may stand in the file that --config names."""
    simulate(BAD_KEYS)
    shell.write("wave.yaml", manifest(*(instance(f"bad-{i}") for i in range(5))))
    shell.write("run.yaml", "max-failures: 0\nconcurrency: 1\ninclude: [region=eu-*, api=v1]\n")
    stopped = shell.run("run", "wave.yaml", *QUICK, "--config", "run.yaml")
    assert stopped.code == Exit.STOPPED
    assert "1 target failed, more than --max-failures 0" in stopped.out


def test_a_limit_and_a_longest_duration_end_with_10(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Work that is left is told, and nothing is lost; the last run ends with 0."""
    simulator = simulate("defaults: {job_duration: {min: 3, max: 3}}\nthrottle: {rate: null}\n")
    shell.write("wave.yaml", manifest(*(instance(f"i-{i}") for i in range(6))))
    short = shell.run("run", "wave.yaml", *QUICK, "--max-duration", "1")
    assert short.code == Exit.WORK_LEFT
    assert "--max-duration reached, work left" in short.out
    assert "To go on: batch-onboard run wave.yaml" in short.out
    assert set(states(shell).values()) <= {"in_progress", "pending"}
    shell.write("more.yaml", manifest(*(instance(f"j-{i}") for i in range(6))))
    limited = shell.run("run", "more.yaml", *QUICK, "--limit", "2")
    assert limited.code == Exit.WORK_LEFT
    assert "--limit 2 reached, 4 targets left" in limited.out
    assert shell.run("run", "wave.yaml", *QUICK).code == Exit.OK
    assert simulator.seen()["requests"]["StartInstanceOnboardingJob"] == 8
    assert simulator.seen()["double_starts"] == 0


@pytest.mark.parametrize(
    ("allowed", "told"),
    [
        ("allowed-accounts: ['2222*']", "does not allow 111111111111 (1)"),
        ("allowed_roles: 'arn:aws:iam::*:role/Other'", "allowed_roles does not allow arn:aws:iam"),
        ("allowed_accounts: [[]]", "allowed_accounts must be one value or a list of values"),
        ("allowed_account: [x]", "did you mean allowed-accounts?"),
    ],
)
def test_what_the_operator_does_not_allow_ends_with_2(
    shell: Shell, allowed: str, told: str
) -> None:
    """An allow-list of the settings file holds before anything is sent or written."""
    shell.write("wave.yaml", manifest(instance("a")))
    shell.write("run.yaml", allowed + "\n")
    ended = shell.run("run", "wave.yaml", "--yes", "--config", "run.yaml")
    assert ended.code == Exit.USAGE
    assert told in ended.err
    assert not (shell.folder / "wave.ledger.jsonl").exists()


def test_what_the_operator_allows_runs(shell: Shell, simulate: Callable[[str], Simulated]) -> None:
    """A manifest within the allow-list is none the wiser."""
    simulate(FAST)
    shell.write("wave.yaml", manifest(instance("a")))
    shell.write("run.yaml", "allowed_accounts: ['1*']\nallowed_roles: ['*:role/Onboarder']\n")
    assert shell.run("run", "wave.yaml", *QUICK, "--config", "run.yaml").code == Exit.OK
