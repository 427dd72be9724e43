from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from batch_onboard.app.ledgers import open_any_ledger, read_any_history, unlock_any
from batch_onboard.exits import Exit
from batch_onboard.report.results import results
from tests.cli.conftest import Ended, Shell, Simulated, instance, manifest, shell, simulate
from tests.faults.lab import FAST, HASTY, QUICK, START, assert_told
from tests.ledger.building import run_line, wall

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.s3 import Bucket

__all__ = ["shell", "simulate"]  # fixtures, found by their names here

LEDGER = "waves/emea"


@pytest.fixture
def on_s3(shell: Shell, bucket: Bucket) -> str:
    """The place of a ledger that the shell's commands can reach."""
    shell.environment |= {"AWS_ENDPOINT_URL_S3": bucket.url}
    return str(bucket.place(LEDGER))


def prepare(shell: Shell, number: int) -> None:
    """Write a manifest of so many targets."""
    shell.write("wave.yaml", manifest(*(instance(f"i-{n}") for n in range(number))))


def ended(process: subprocess.Popen[str]) -> Ended:
    """Wait for a process."""
    out, err = process.communicate(timeout=60)
    return Ended(process.returncode, out, err)


def wait_until(holds: Callable[[], object]) -> None:
    """Return when something holds."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def assert_done_once(bucket: Bucket, simulator: Simulated, number: int) -> None:
    """Each target has one end, and had one accepted Start."""
    found = results(read_any_history(bucket.place(LEDGER)))
    assert sorted(each.state for each in found) == ["succeeded"] * number
    seen = simulator.seen()
    assert seen["double_starts"] == 0
    assert {each["starts_accepted"] for each in seen["targets"].values()} == {1}


def test_a_batch_without_a_disk_is_run_resumed_and_reported(
    shell: Shell, simulate: Callable[[str], Simulated], bucket: Bucket, on_s3: str
) -> None:
    """The commands take the place as they take a file, and nothing is left beside the manifest."""
    simulator = simulate(FAST)
    prepare(shell, 3)
    first = shell.run("run", "wave.yaml", *QUICK, "--limit", "1", BATCH_ONBOARD_LEDGER=on_s3)
    assert_told(first, Exit.WORK_LEFT, f"ledger {on_s3}")
    assert_told(shell.run("run", "wave.yaml", *QUICK, "--ledger", on_s3), Exit.OK)
    assert_done_once(bucket, simulator, 3)
    assert simulator.seen()["requests"][START] == 3
    report = shell.run("report", on_s3)
    assert report.json["summary"]["succeeded"] == 3
    assert_told(shell.run("ledger", "verify", on_s3), Exit.OK, f"{on_s3} is whole: ")
    assert_told(shell.run("ledger", "unlock", on_s3), Exit.OK, f"nobody holds {on_s3}")
    assert_told(shell.run("ledger", "compact", on_s3), Exit.USAGE, "ever rewritten")
    assert not list(shell.folder.glob("*ledger*"))


def test_a_second_run_finds_the_holder_alive_and_ends(
    shell: Shell, simulate: Callable[[str], Simulated], bucket: Bucket, on_s3: str
) -> None:
    """It says what it waits for and, at the first sign of life, who holds the ledger: exit 11."""
    simulator = simulate(FAST)
    prepare(shell, 1)
    settings: dict[str, Any] = {"manifest_name": "wave", "tool_version": "0", "wall": wall}
    with open_any_ledger(bucket.place(LEDGER), **settings) as holder:
        second = shell.start("run", "wave.yaml", *QUICK, "--ledger", on_s3)
        assert second.stderr is not None
        assert "sign of life" in second.stderr.readline()
        holder.begin_run(run_line())
        told = ended(second)
    assert_told(told, Exit.LOCKED, f"pid {os.getpid()}")
    assert simulator.seen()["requests"].get(START, 0) == 0


def test_of_two_runs_the_second_ends_and_the_first_does_all(
    shell: Shell, simulate: Callable[[str], Simulated], bucket: Bucket, on_s3: str
) -> None:
    """Two commands on one ledger: exit 11 with the first one's pid, and each target once."""
    simulator = simulate(FAST)
    prepare(shell, 12)
    slowly = ("--yes", "--rate", "2", "--burst", "1", "--ledger", on_s3)
    first = shell.start("run", "wave.yaml", *slowly)
    wait_until(lambda: simulator.seen()["requests"].get(START, 0) >= 1)
    second = shell.run("run", "wave.yaml", *QUICK, "--ledger", on_s3)
    assert_told(second, Exit.LOCKED, f"pid {first.pid}")
    assert_told(ended(first), Exit.OK)
    assert_done_once(bucket, simulator, 12)
    assert simulator.seen()["requests"][START] == 12


def test_a_frozen_holder_that_wakes_after_a_takeover_sends_no_start(
    shell: Shell, simulate: Callable[[str], Simulated], bucket: Bucket, on_s3: str
) -> None:
    """STOP amid the Starts, another run does the rest, CONT: the first ends with 11."""
    simulator = simulate(FAST.replace("null", "5"))
    prepare(shell, 12)
    slowly = [*HASTY[:1], "--rate", "5", "--burst", "1", *HASTY[5:], "--ledger", on_s3]
    frozen = shell.start("run", "wave.yaml", *slowly)
    wait_until(lambda: simulator.seen()["requests"].get(START, 0) >= 3)
    frozen.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, frozen.pid, os.WSTOPPED)
    left = unlock_any(bucket.place(LEDGER))
    assert left is not None
    assert left.pid == frozen.pid
    assert_told(shell.run("run", "wave.yaml", *HASTY, "--ledger", on_s3), Exit.OK)
    assert_done_once(bucket, simulator, 12)
    starts = simulator.seen()["requests"][START]
    frozen.send_signal(signal.SIGCONT)
    told = ended(frozen)
    assert_told(told, Exit.LOCKED, "has taken it over")
    assert simulator.seen()["requests"][START] == starts
    assert_done_once(bucket, simulator, 12)


def test_runs_killed_at_random_are_resumed_on_s3(
    shell: Shell, simulate: Callable[[str], Simulated], bucket: Bucket, on_s3: str
) -> None:
    """Two kill -9, each ledger taken from its dead holder: nothing lost, nothing twice."""
    simulator = simulate(FAST.replace("null", "30"))
    prepare(shell, 12)
    chance = random.Random(7)
    for _ in range(2):
        enough = sum(simulator.seen()["requests"].values()) + chance.randint(1, 25)
        process = shell.start("run", "wave.yaml", *HASTY, "--ledger", on_s3)
        wait_until(
            lambda p=process, n=enough: (  # type: ignore[misc]  # mypy does not see their types
                p.poll() is not None or sum(simulator.seen()["requests"].values()) >= n
            )
        )
        process.kill()
        process.communicate(timeout=30)
        unlock_any(bucket.place(LEDGER))
    assert_told(shell.run("run", "wave.yaml", *HASTY, "--ledger", on_s3), Exit.OK)
    assert_done_once(bucket, simulator, 12)
