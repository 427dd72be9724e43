"""Batches that several workers do, and what is seen of them from outside."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]  # Dask has brought it

from tests.cli.conftest import instance, manifest, shell, simulate
from tests.cli.test_reading_commands import call

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.cli.conftest import Simulated

__all__ = ["shell", "simulate"]  # fixtures, found by their names here

START = "StartInstanceOnboardingJob"
DASK = ("--engine", "dask", "--yes", "--rate", "200", "--burst", "200")


def spread(number: int, accounts: int = 12) -> str:
    """Make a manifest whose targets are of many accounts, so that all shards have some."""
    return manifest(
        *(instance(f"i-{each}", f"{each % accounts + 1:012}") for each in range(number))
    )


def processes(coordinator: subprocess.Popen[str], number: int) -> list[psutil.Process]:
    """Return the processes of a coordinator's workers, once there are so many."""
    for _ in range(600):
        found = [
            each
            for each in psutil.Process(coordinator.pid).children()
            if "spawn_main" in " ".join(each.cmdline())
        ]
        if len(found) == number:
            return found
        time.sleep(0.1)
    raise AssertionError("there are no workers")


def all_gone(found: list[psutil.Process]) -> bool:
    """Wait for processes to end, and say whether they have."""
    return not psutil.wait_procs(found, timeout=30)[1]


def started(simulator: Simulated, number: int) -> None:
    """Wait until so many Starts have arrived."""
    for _ in range(900):
        if simulator.seen()["requests"].get(START, 0) >= number:
            return
        time.sleep(0.1)
    raise AssertionError("nothing is started")


def states(place: Path | str) -> dict[str, int]:
    """Return how many targets stand in which state, as a report of ledgers has it."""
    summary: dict[str, int] = json.loads(call("report", place).stdout)["summary"]
    return {state: number for state, number in summary.items() if number}
