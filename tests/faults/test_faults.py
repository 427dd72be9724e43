from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from batch_onboard.exits import Exit
from tests.cli.conftest import Shell, Simulated, instance, manifest, shell, simulate
from tests.faults.lab import FAST, QUICK

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["shell", "simulate"]  # fixtures, found by their names here

ONBOARDING = {
    "StartInstanceOnboardingJob",
    "GetInstanceOnboardingJobStatus",
    "GetConnectInstanceConfig",
    "DeleteInstanceOnboardingJob",
}
# The Start is carried out, but its answer is lost or cannot be believed.
SWALLOWED = (
    "drop_after",
    "cut_body",
    "empty_body",
    "html_body",
    "foreign_id",
    "bad_status",
)


def wait_for(simulator: Simulated, operation: str) -> None:
    """Return when the simulator has received a call."""
    deadline = time.monotonic() + 30
    while operation not in simulator.seen()["requests"]:
        assert time.monotonic() < deadline, f"no {operation} came"
        time.sleep(0.02)


def test_a_start_whose_answer_says_nothing_is_read_and_never_sent_again(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Whatever swallows the answer to an accepted Start, there is one Start, and it is ours."""
    rules = "".join(
        f"  - {{match: {{operation: Start*, instance_id: {kind}}}, times: 1, kind: {kind}}}\n"
        for kind in SWALLOWED
    )
    simulator = simulate(f"{FAST}faults:\n{rules}")
    shell.write("wave.yaml", manifest(*(instance(kind) for kind in SWALLOWED)))
    ended = shell.run("run", "wave.yaml", *QUICK)
    assert ended.code == Exit.OK, ended.out + ended.err
    targets = shell.run("report", "wave.ledger.jsonl").json["targets"]
    told = {(t["state"], t["attempts"], t["started_here"]) for t in targets}
    assert told == {("succeeded", 1, True)}
    assert simulator.seen()["requests"]["StartInstanceOnboardingJob"] == len(SWALLOWED)
    assert simulator.seen()["repeated_starts"] == 0


def test_a_role_that_gives_another_accounts_credentials_is_never_used(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Only the right account's target is called for; the other is unresolved with that cause."""
    simulator = simulate(
        f"{FAST}sts:\n  roles:\n"
        '    - {role_arn: "arn:aws:iam::111111111111:role/*", account_id: "333333333333"}\n'
    )
    shell.write("wave.yaml", manifest(instance("wrong"), instance("right", "222222222222")))
    ended = shell.run("run", "wave.yaml", *QUICK, "--no-precheck")
    assert ended.code == Exit.UNFINISHED, ended.err
    targets = shell.run("report", "wave.ledger.jsonl").json["targets"]
    told = [(t["state"], t["error_code"], t["attempts"]) for t in targets]
    assert told == [("unresolved", "wrong_account", 0), ("succeeded", None, 1)]
    assert simulator.seen()["requests"]["StartInstanceOnboardingJob"] == 1
    assert simulator.seen()["in_several_accounts"] == {}


@pytest.mark.parametrize("operation", ["GetCallerIdentity", "AssumeRole"])
def test_a_second_signal_ends_a_run_at_once_that_waits_for_sts(
    shell: Shell, simulate: Callable[[str], Simulated], operation: str
) -> None:
    """STS hangs, so nothing is in flight for a target: all stay pending, and nothing was sent."""
    simulator = simulate(f"{FAST}faults:\n  - {{match: {{operation: {operation}}}, kind: hang}}\n")
    shell.write("wave.yaml", manifest(instance("a"), instance("b")))
    process = shell.start("run", "wave.yaml", *QUICK, "--drain-timeout", "10m", "--timeout", "10m")
    wait_for(simulator, operation)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "again to stop now" not in process.stderr.readline():
        assert process.poll() is None, "it ended without a word"
    if operation == "AssumeRole":  # the identity of the caller alone is not waited for
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, "pending=2" in out) == (Exit.INTERRUPTED, True), err
    assert not ONBOARDING & simulator.seen()["requests"].keys()


def test_a_manifest_may_shrink_grow_and_be_reordered_between_runs(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """A target is known by its key alone, wherever it stands, so none is started twice."""
    simulator = simulate("defaults: {job_duration: {min: 1, max: 1}}\nthrottle: {rate: null}\n")
    for names in ("abcd", "dca", "eabcd"):
        shell.write("wave.yaml", manifest(*(instance(name) for name in names)))
        wait = "--wait" if names == "eabcd" else "--no-wait"
        ended = shell.run("run", "wave.yaml", *QUICK, wait)
        assert ended.code == Exit.OK, ended.out + ended.err
    targets = shell.run("report", "wave.ledger.jsonl").json["targets"]
    told = {t["instance_id"]: (t["state"], t["attempts"]) for t in targets}
    assert told == dict.fromkeys("abcde", ("succeeded", 1))
    assert simulator.seen()["requests"]["StartInstanceOnboardingJob"] == 5


def test_after_a_cut_tail_all_is_read_even_without_precheck(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Any intent may have stood in the tail, so a target that looks new is not started unread."""
    simulator = simulate(
        f"{FAST}instances:\n  - match: {{instance_id: new}}\n    initial: onboarded\n    encryption: "
        "{enabled: true, key_arn: 'arn:aws:kms:eu-west-2:111111111111:key/aaaa'}\n"
    )
    shell.write("wave.yaml", manifest(instance("old")))
    assert shell.run("run", "wave.yaml", *QUICK).code == Exit.OK
    ledger = shell.folder / "wave.ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-5])
    shell.write("wave.yaml", manifest(instance("old"), instance("new")))
    ended = shell.run("run", "wave.yaml", *QUICK, "--no-precheck")
    assert ended.code == Exit.OK, ended.out + ended.err
    assert "already_onboarded=1" in ended.out
    assert list(shell.folder.glob("wave.ledger.jsonl.tail-*"))
    assert simulator.seen()["requests"]["StartInstanceOnboardingJob"] == 1
