"""The real command with workers in real processes, some of which are killed or frozen."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from batch_onboard.exits import Exit
from tests.fleet.conftest import DASK, all_gone, processes, spread, started, states

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Shell, Simulated

LASTING = "defaults: {job_duration: {min: 4, max: 6}}\nthrottle: {rate: null}\n"
ENDLESS = "defaults: {job_duration: {min: 600, max: 600}}\nthrottle: {rate: null}\n"
# Few shards, since each has clients of its own; the shortest hold that an intent can have.
RUN = ("run", "wave.yaml", *DASK, "--shard-count", "4", "--consistency-window", "1s")


def test_a_killed_worker_costs_nothing_but_time(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Kill -9 of one of two workers: its shards go on elsewhere, and nothing is started twice."""
    simulator = simulate(LASTING)
    shell.write("wave.yaml", spread(16))
    process = shell.start(*RUN, "--workers", "2", "--timeout", "3s")
    one, _ = processes(process, 2)
    started(simulator, 8)
    one.kill()
    out, err = process.communicate(timeout=120)
    assert process.returncode == Exit.OK, err + out
    assert "goes to another worker" in err
    assert_clean(shell, simulator, {"succeeded": 16})


def test_a_killed_coordinator_leaves_ledgers_from_which_the_next_one_goes_on(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Its workers end at once; the same command finishes the work, with another limit kept too."""
    simulator = simulate(LASTING)
    shell.write("wave.yaml", spread(16))
    process = shell.start(*RUN, "--workers", "1", "--timeout", "3s")
    workers = processes(process, 1)
    started(simulator, 8)
    process.kill()
    process.communicate(timeout=30)
    assert all_gone(workers)
    ended = shell.run_afresh(*RUN, "--workers", "1", "--timeout", "3s")
    assert ended.code == Exit.OK, ended.err
    assert_clean(shell, simulator, {"succeeded": 16})


def test_a_signal_from_the_terminal_reaches_all_processes_and_the_coordinator_decides(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Ctrl-C goes to the whole group: workers drain when they are told to, and exit 130 follows."""
    simulator = simulate(ENDLESS)
    shell.write("wave.yaml", spread(16))
    with grouped(shell, *RUN, "--workers", "1", "--limit", "6") as process:
        started(simulator, 6)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == Exit.INTERRUPTED, err + out
    assert "interrupted, drained and saved" in out
    assert_clean(shell, simulator, {"pending": 10, "in_progress": 6})


def test_a_frozen_worker_that_wakes_sends_nothing_more(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """SIGSTOP past its time to live: its shards wait for their ledgers, and then go on elsewhere."""
    simulator = simulate(LASTING)
    shell.write("wave.yaml", spread(16))
    address = f"tcp://127.0.0.1:{free_port()}"
    command = (*RUN, "--listen", address, "--worker-timeout", "5s", "--timeout", "3s")
    process = shell.start(*command)
    few = ("--nthreads", "2")  # else the first to join may have all shards
    with joined(shell, address, *few) as one, joined(shell, address, *few):
        started(simulator, 16)
        one.send_signal(signal.SIGSTOP)
        told = until(process, "goes to another worker")
        time.sleep(1)  # its successor has asked for the ledger by then
        one.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=120)
        assert one.wait(timeout=60) is not None
    assert process.returncode == Exit.OK, told + err + out
    assert_clean(shell, simulator, {"succeeded": 16})


def assert_clean(shell: Shell, simulator: Simulated, expected: dict[str, int]) -> None:
    """See that nothing was started twice, and that every ledger is whole."""
    seen = simulator.seen()
    assert seen["double_starts"] == 0
    ledgers = sorted((shell.folder / "wave.ledgers").glob("*.ledger.jsonl"))
    assert len(ledgers) == 4
    for ledger in ledgers:
        verified = shell.run("ledger", "verify", str(ledger))
        assert verified.code == Exit.OK, verified.out
    assert states(shell) == expected


def until(process: subprocess.Popen[str], words: str) -> str:
    """Read what a process says until it says this, and return it."""
    read = []
    for line in process.stderr or pytest.fail("no output"):
        read.append(line)
        if words in line:
            return "".join(read)
    raise AssertionError("".join(read))


@contextmanager
def grouped(shell: Shell, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start the command as a terminal does: in a group of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "batch_onboard", *arguments],
        cwd=shell.folder,
        env=shell.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        yield process


@contextmanager
def joined(
    shell: Shell, address: str, *options: str, folder: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker that joins a scheduler, without a nanny that would kill it when it is silent."""
    command = ("worker", address, "--no-nanny", "--nthreads", "4", "--no-dashboard", *options)
    with subprocess.Popen(
        [sys.executable, "-m", "dask", *command],
        cwd=folder or shell.folder,
        env=shell.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    return port
