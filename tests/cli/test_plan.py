"""`plan` and `run --plan`, by the real command against a simulator."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from typing import TYPE_CHECKING, Any

from batch_onboard.exits import Exit
from tests.cli.conftest import COMMAND, Shell, Simulated, instance, manifest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORLD = """
defaults: {job_duration: {min: 0.2, max: 0.4}}
throttle: {rate: null}
instances:
  - match: {instance_id: "other*"}
    initial: onboarded
    encryption: {enabled: true, key_arn: "arn:aws:kms:eu-west-2:111111111111:key/bbbb"}
  - {match: {instance_id: "theirs*"}, initial: failed, failure_code: KMS_KEY_NOT_FOUND}
  - {match: {instance_id: "denied*"}, initial: denied}
"""
BATCH = manifest(
    instance("a"),
    instance("b"),
    instance("other"),
    instance("theirs"),
    instance("denied", "222222222222"),
)
QUICK = ("--rate", "200", "--burst", "200")
CHANGING = ("StartInstanceOnboardingJob", "DeleteInstanceOnboardingJob")


def files(folder: Path) -> dict[str, bytes]:
    """Return what stands in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def changes(simulator: Simulated) -> list[int]:
    """Return how many calls there were that change anything."""
    requests = simulator.seen()["requests"]
    return [requests.get(operation, 0) for operation in CHANGING]


def actions(told: Any) -> dict[str, str]:
    """Return the action of each target."""
    return {each["instance_id"]: each["action"] for each in told["targets"]}


def test_a_plan_of_what_no_ledger_knows_can_do_without_aws(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """With --no-precheck nothing is sent to anyone, and what would be started is told."""
    simulator = simulate(WORLD)
    shell.write("wave.yaml", BATCH)
    ended = shell.run("plan", "wave.yaml", "--no-precheck", "--output", "json")
    assert ended.code == Exit.OK, ended.err
    assert ended.json["counts"] == {"start": 5}
    assert {each["cause"] for each in ended.json["targets"]} == {"unread"}
    assert not any(simulator.seen()["requests"].values())


def test_a_plan_changes_nothing_and_tells_what_the_next_run_does(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Before a run and after it, drift included; the ledger stays as it is, or is not made."""
    simulator = simulate(WORLD)
    shell.write("wave.yaml", BATCH)
    before = files(shell.folder)
    ended = shell.run("plan", "wave.yaml", *QUICK, "--detailed-exitcode", "--output", "json")
    assert ended.code == Exit.WORK_TO_DO, ended.err
    assert actions(ended.json) == {
        "a": "start",
        "b": "start",
        "other": "drifted",
        "theirs": "blocked",
        "denied": "blocked",
    }
    assert ended.json["counts"] == {"start": 2, "drifted": 1, "blocked": 2}
    assert ended.json["next"] == "To do that: batch-onboard run wave.yaml --rate 200 --burst 200"
    assert files(shell.folder) == before
    assert changes(simulator) == [0, 0]

    shell.run("run", "wave.yaml", *QUICK, "--yes", "-q")
    assert changes(simulator) == [2, 0]
    before = files(shell.folder)
    after = shell.run("plan", "wave.yaml", *QUICK, "--detailed-exitcode")
    assert (after.code, files(shell.folder)) == (Exit.OK, before)
    assert after.out.startswith("Plan: 2 done, 1 drifted, 2 blocked.\n")
    assert "AccessDeniedException (unresolved): 1 target in 1 account" in after.out
    assert after.out.splitlines()[-1].startswith("When that is mended: batch-onboard plan")
    assert changes(simulator) == [2, 0]


def test_a_run_does_what_its_plan_says_and_leaves_what_has_changed(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """What another ledger's run has started meanwhile is `plan_stale`; the rest goes as planned."""
    simulator = simulate(WORLD)
    shell.write("wave.yaml", BATCH)
    planned = shell.run("plan", "wave.yaml", *QUICK, "--clear-failed", "-o", "p.json")
    assert planned.code == Exit.OK, planned.err
    assert planned.out.splitlines()[-1].endswith("--clear-failed --plan p.json")
    assert "have a FAILED job (KMS_KEY_NOT_FOUND), deleted first" in planned.out
    digest = json.loads((shell.folder / "p.json").read_text())["digest"]
    assert f"Kept in p.json, digest {digest}" in planned.out

    others = ("--ledger", "others.jsonl", "--include", "instance_id=a", "-q")
    assert shell.run("run", "wave.yaml", *QUICK, "--yes", *others).code == Exit.OK
    ended = shell.run("run", "wave.yaml", *QUICK, "--yes", "--plan", "p.json")
    assert ended.code == Exit.UNFINISHED, ended.err
    assert changes(simulator) == [3, 1]
    report = shell.run("report", "wave.ledger.jsonl").json
    stands = {each["instance_id"]: each for each in report["targets"]}
    assert stands["a"]["error_code"] == "plan_stale"
    assert stands["a"]["message"] == "the plan says start (absent), and now it would be done"
    assert stands["b"]["state"] == stands["theirs"]["state"] == "succeeded"
    assert report["runs"][0]["plan"] == digest
    assert simulator.seen()["double_starts"] == 0


def test_a_plan_that_does_not_fit_is_refused_before_anything_is_sent(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """A manifest that has changed since; and a plan is not put in its manifest's place."""
    simulator = simulate(WORLD)
    shell.write("wave.yaml", BATCH)
    assert shell.run("plan", "wave.yaml", *QUICK, "--limit", "1", "-o", "p.json", "-q").code == 0
    shell.write("wave.yaml", BATCH + "# reviewed\n")
    changed = shell.run("run", "wave.yaml", "--yes", "--plan", "p.json")
    assert (changed.code, "wave.yaml has changed since" in changed.err) == (Exit.USAGE, True)
    itself = shell.run("plan", "wave.yaml", "-o", "wave.yaml")
    assert (itself.code, "is the manifest itself" in itself.err) == (Exit.USAGE, True)
    assert changes(simulator) == [0, 0]
    assert not (shell.folder / "wave.ledger.jsonl").exists()


def test_a_plan_that_can_not_be_made_says_why(shell: Shell) -> None:
    """A damaged ledger, a selector for nothing, and an interruption each end with their code."""
    shell.write("wave.yaml", BATCH)
    nothing = shell.run("plan", "wave.yaml", "--simulate", "--include", "region=us-*")
    assert (nothing.code, "matches no target" in nothing.err) == (Exit.USAGE, True)
    shell.write("bad.jsonl", "no ledger\n")
    damaged = shell.run("plan", "wave.yaml", "--simulate", "--ledger", "bad.jsonl")
    assert damaged.code == Exit.LEDGER
    shell.write("hangs.yaml", "faults: [{kind: delay, seconds: 60}]\n")
    waits = shell.start(
        "plan", "wave.yaml", "--simulate", "--scenario", "hangs.yaml", "--progress", "json",
        "--progress-every", "50ms", "--drain-timeout", "0",
    )  # fmt: skip
    assert waits.stderr is not None
    while '"in_flight": 0' in (line := waits.stderr.readline()) or "in_flight" not in line:
        assert line
    waits.send_signal(signal.SIGINT)
    out, err = waits.communicate(timeout=60)
    assert (waits.returncode, out) == (Exit.INTERRUPTED, "")
    assert "there is no plan" in err


def test_a_terminal_is_asked_with_what_will_be_done(shell: Shell) -> None:
    """Targets, accounts and the time that it takes; no is the default, and sends nothing."""
    shell.write("wave.yaml", BATCH)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "run", "wave.yaml"],
        cwd=shell.folder,
        env=shell.environment,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.write(ours, b"\n")
    process.communicate(timeout=60)
    shown = os.read(ours, 65536).decode()
    assert process.returncode == Exit.USAGE
    assert "wave: 5 targets in 2 accounts and 1 Region\r\n" in shown
    assert "  5 to read, and to start if nothing is there\r\n" in shown
    assert "takes 1 s to 5 min" in shown
    assert "Go ahead? [y/N]" in shown
    assert "nothing was sent" in shown
    assert not (shell.folder / "wave.ledger.jsonl").exists()
