from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from batch_onboard.exits import Exit
from tests.cli.conftest import COMMAND, Ended, Shell, Simulated, instance, manifest, shell, simulate

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["shell", "simulate"]  # fixtures, found by their names here

FAST = "defaults: {job_duration: {min: 0.2, max: 0.4}}\nthrottle: {rate: null}\n"
QUICK = ("--yes", "--rate", "200", "--burst", "200")
COVERAGE = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")  # it could not write its data
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


def run_under(shell: Shell, wrapper: list[str], *arguments: str) -> Ended:
    """Run the command beneath another program, to its end."""
    done = subprocess.run(
        [*wrapper, *COMMAND, *arguments],
        cwd=shell.folder,
        env={name: shell.environment[name] for name in shell.environment if name not in COVERAGE},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def lines(shell: Shell, kind: str) -> list[Any]:
    """Return the whole lines of one type in the ledger."""
    whole = (shell.folder / "wave.ledger.jsonl").read_text().split("\n")[:-1]
    return [line for line in map(json.loads, whole) if line["type"] == kind]


def assert_written_ahead(shell: Shell, simulator: Simulated) -> None:
    """Every Start that arrived stands in the ledger."""
    intended = Counter(line["target"] for line in lines(shell, "intended"))
    for key, target in simulator.seen()["targets"].items():
        assert target["starts_received"] <= intended[key]


def wait_for(simulator: Simulated, operation: str) -> None:
    """Return when the simulator has received a call."""
    deadline = time.monotonic() + 30
    while operation not in simulator.seen()["requests"]:
        assert time.monotonic() < deadline, f"no {operation} came"
        time.sleep(0.02)


@pytest.mark.skipif(shutil.which("strace") is None, reason="NOT TESTED HERE: strace is missing")
@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED HERE: strace is of Linux")
def test_a_kill_at_an_fsync_leaves_no_start_that_the_ledger_does_not_know(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Kill -9 in the middle of a group commit: what was sent had been written before."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(*(instance(f"i-{i}") for i in range(12))))
    # Counted for each thread: the journal's third, or at the latest the line that ends the run.
    inject = "inject=fdatasync:signal=KILL:when=3"
    strace = ["strace", "-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", inject]
    ended = run_under(shell, strace, "run", "wave.yaml", *QUICK)
    assert ended.code == -signal.SIGKILL, ended.err
    assert_written_ahead(shell, simulator)
    assert shell.run("status", "wave.ledger.jsonl").code == Exit.OK


def test_a_disk_that_takes_no_more_stops_new_starts_and_ends_with_5(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """What had been sent had been written before, and what could not be written is printed."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(*(instance(f"i-{i}") for i in range(60))))
    limited = ["bash", "-c", 'ulimit -f 24 && exec "$@"', "limited"]
    ended = run_under(shell, limited, "run", "wave.yaml", *QUICK)
    assert ended.code == Exit.LEDGER, ended.err
    assert "ulimit -f" in ended.err
    assert "Traceback" not in ended.err
    assert simulator.seen()["requests"].get("StartInstanceOnboardingJob", 0) < 60
    assert_written_ahead(shell, simulator)
    assert shell.run("status", "wave.ledger.jsonl").code == Exit.OK


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
