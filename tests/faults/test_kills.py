from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from batch_onboard.exits import Exit
from tests.cli.conftest import Shell, Simulated, instance, manifest, shell, simulate
from tests.faults.lab import FAST, HASTY, LEDGER, START, assert_survived, needs
from tests.faults.tracing import assert_left_whole, failed_at, killed_at

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["shell", "simulate"]  # fixtures, found by their names here

LOSSY = f"""{FAST}
faults:
  - {{match: {{operation: Start*}}, kind: drop_after, probability: 0.3}}
  - {{match: {{operation: Start*}}, kind: drop_before, probability: 0.1}}
  - {{match: {{operation: Get*}}, kind: cut_body, probability: 0.1}}
"""


@pytest.mark.long
def test_runs_killed_at_random_are_resumed_though_answers_were_lost_as_well(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Two kill -9 while Starts are accepted and their answers lost: nothing lost, nothing twice."""
    simulator = simulate(LOSSY.replace("rate: null", "rate: 30"))
    shell.write("wave.yaml", manifest(*(instance(f"i-{n}") for n in range(30))))
    chance = random.Random(7)
    for _ in range(2):
        enough = _requests(simulator) + chance.randint(1, 25)
        process = shell.start("run", "wave.yaml", *HASTY)
        while process.poll() is None and _requests(simulator) < enough:
            time.sleep(0.01)
        process.kill()
        process.communicate(timeout=30)
    assert_left_whole(shell, simulator)
    assert_survived(shell, simulator, 30)


def _requests(simulator: Simulated) -> int:
    return sum(simulator.seen()["requests"].values())


# The whole sweep over all points is one of the long forms.
@needs(2, "strace")
@pytest.mark.parametrize(("call", "number"), [("fdatasync", 3), ("rename", 1)])
def test_a_run_killed_before_it_makes_something_durable_has_not_sent_it(
    shell: Shell, simulate: Callable[[str], Simulated], call: str, number: int
) -> None:
    """Kill -9 at an fsync or rename: every Start that arrived stands in the ledger."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(*(instance(f"i-{n}") for n in range(6))))
    assert killed_at(shell, call, number)
    assert_left_whole(shell, simulator)
    ended = shell.run("run", "wave.yaml", *HASTY, "--max-duration", "1s")
    assert ended.code in {Exit.OK, Exit.WORK_LEFT}
    assert simulator.seen()["double_starts"] == 0


@needs(3, "strace")
def test_a_run_killed_at_a_send_reads_before_it_starts_again(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """An intent whose request never left is read live, waited for, and then started once."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(*(instance(f"i-{n}") for n in range(3))))
    assert killed_at(shell, "sendto", 10)
    assert_left_whole(shell, simulator)
    assert_survived(shell, simulator, 3)
    assert simulator.seen()["requests"][START] <= 3 + 3


@needs(8, "strace")
@pytest.mark.parametrize(("call", "number"), [("fdatasync", 3), ("flock", 1)])
def test_an_io_error_at_any_point_ends_with_5_or_not_at_all(
    shell: Shell, simulate: Callable[[str], Simulated], call: str, number: int
) -> None:
    """The cause is told without a traceback, and what is left can be gone on with."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(*(instance(f"i-{n}") for n in range(3))))
    ended = failed_at(shell, call, number)
    assert ended.code == Exit.LEDGER, ended.err
    assert "Traceback" not in ended.err
    assert LEDGER in ended.err
    assert_left_whole(shell, simulator)
