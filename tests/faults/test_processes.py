from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from batch_onboard.exits import Exit
from tests.cli.conftest import Shell, Simulated, instance, manifest, shell, simulate
from tests.faults.lab import (
    FAST,
    HASTY,
    LEDGER,
    QUICK,
    START,
    assert_survived,
    assert_told,
    assert_written_ahead,
    lines,
    needs,
    run_under,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["shell", "simulate"]  # fixtures, found by their names here

SLOW = "defaults: {job_duration: {min: 1.5, max: 1.5}}\nthrottle: {rate: null}\n"


def wait_for(shell: Shell, kind: str, number: int) -> None:
    """Return when so many lines of a type are in the ledger."""
    deadline = time.monotonic() + 30
    while len(lines(shell, kind)) < number:
        assert time.monotonic() < deadline, f"no {kind}"
        time.sleep(0.02)


def test_a_run_that_was_frozen_past_its_credentials_renews_them_and_goes_on(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """STOP, until the role's session is over, and CONT: the run ends as if nothing had been."""
    simulator = simulate(f"{SLOW}sts: {{session_seconds: 1}}\n")
    shell.write("wave.yaml", manifest(*(instance(f"i-{n}") for n in range(3))))
    process = shell.start("run", "wave.yaml", *QUICK)
    wait_for(shell, "running", 3)
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    time.sleep(1.2)  # of the simulator, which goes by real time
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, "succeeded=3" in out) == (Exit.OK, True), err
    assert simulator.seen()["requests"]["AssumeRole"] > 1
    assert_survived(shell, simulator, 3)


def test_too_few_descriptors_make_a_run_slower_and_nothing_else(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """With 32 files at once 60 targets are done in one run: eight calls at once, as it says."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(*(instance(f"i-{n}") for n in range(60))))
    few = ["bash", "-c", 'ulimit -n 32 && exec "$@"', "few"]
    ended = run_under(shell, few, "run", "wave.yaml", *QUICK)
    assert_told(ended, Exit.OK, "--concurrency is 8 instead of 128", "raise the limit (ulimit -n)")
    assert "succeeded=60" in ended.out
    assert_survived(shell, simulator, 60)


@needs(5, "fiu-run")
def test_a_process_without_memory_leaves_a_ledger_that_can_be_read(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Whatever allocation fails, what was sent stands in a ledger that is whole, and goes on.

    The run may end well, or with what is left, or say that memory ran out; a library in C or Rust
    may end the process itself. No damage is ever seen, and nothing is sent that is not written.
    """
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(*(instance(f"i-{n}") for n in range(6))))
    assert_told(shell.run("run", "wave.yaml", *QUICK, "--limit", "2"), Exit.WORK_LEFT)
    scarce = ["fiu-run", "-x", "-c", "enable_random name=libc/mm/*,probability=0.00002"]
    ended = run_under(shell, scarce, "run", "wave.yaml", *HASTY)
    assert ended.code in _WITHOUT_MEMORY, ended.err
    assert shell.run("status", LEDGER).code == Exit.OK
    assert_written_ahead(shell, simulator)
    assert len(lines(shell, "job_succeeded")) >= 2
    assert_survived(shell, simulator, 6)


_WITHOUT_MEMORY = {
    Exit.OK,
    Exit.ERROR,
    Exit.UNFINISHED,
    Exit.LEDGER,
    -signal.SIGABRT,
    -signal.SIGSEGV,
}


@needs(16, "faketime")
def test_a_wall_clock_set_back_midway_neither_stops_a_run_nor_makes_it_rush(shell: Shell) -> None:
    """Durations do not come from it: the job is polled as before, and its end is seen."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    clock = shell.folder / "clock"
    clock.write_text("+0s\n")
    shell.environment |= {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    shell.write("wave.yaml", manifest(*(instance(f"i-{n}") for n in range(4))))
    # The simulator's clock is set back as well, as signatures are dated.
    with shell.simulator(shell.write("scenario.yaml", SLOW)) as simulator:
        process = shell.start("run", "wave.yaml", *QUICK)
        wait_for(shell, "running", 4)
        clock.write_text("-1h\n")
        out, err = process.communicate(timeout=60)
        assert (process.returncode, "succeeded=4" in out) == (Exit.OK, True), err
        times = [line["at"] for line in lines(shell, "run") + lines(shell, "job_succeeded")]
        assert times[0] > times[-1]
        assert sum(simulator.seen()["requests"].values()) < 60
        assert simulator.seen()["requests"][START] == 4
    assert shell.run("status", LEDGER).code == Exit.OK
