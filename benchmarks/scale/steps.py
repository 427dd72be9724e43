"""The steps, each a process whose processor time and highest memory are measured."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.manifest.load import MAX_MANIFEST_BYTES
from benchmarks.peers.stage import clean_environment, serve_simulator
from benchmarks.scale.work import SCENARIO, Files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss


@dataclass(frozen=True, slots=True)
class Use:
    """What a process has used.

    Attributes:
        cpu: seconds of processor time.
        memory: bytes of its highest resident memory.
    """

    cpu: float
    memory: int


def play(targets: int, folder: Path, *, run: bool) -> dict[str, Use]:
    """Take all steps for a batch of so many targets.

    Args:
        targets: how many.
        folder: where its files go.
        run: whether the batch is run too.

    Returns:
        What each step has used, by its name; yardsticks beside what they are for.
    """
    folder.mkdir()
    files, environment = Files.within(folder), clean_environment(folder)
    write = [sys.executable, "-m", "benchmarks.scale.work", str(targets), str(folder)]
    measured(write, environment, folder)
    used = {name: measured(command, environment, folder) for name, command in _steps(files)}
    if run:
        used["run"] = asyncio.run(_run(files, folder))
    return used


def measured(command: list[str], environment: dict[str, str], folder: Path) -> Use:
    """Run a command to its end, which must be a good one."""
    output = folder / "output"
    with output.open("wb") as sink:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=sink
        )
        _, status, usage = os.wait4(process.pid, 0)
    # wait4 has taken the status, so Popen must be told, or it would wait for it in vain.
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{output.read_text()}")
    return Use(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _UNIT)


def _steps(files: Files) -> Iterator[tuple[str, list[str]]]:
    manifest, ledger = str(files.manifest), str(files.ledger)
    if files.yaml.stat().st_size <= MAX_MANIFEST_BYTES:
        yield "yaml alone", _yardstick("yaml alone", files.yaml)
        yield "validate, yaml", _command("validate", str(files.yaml))
    yield "validate, jsonl", _command("validate", manifest)
    yield "validate, csv", _command("validate", str(files.table))
    yield "lines, typed", _yardstick("lines, typed", files.ledger)
    yield "lines, untyped", _yardstick("lines, untyped", files.ledger)
    yield "status", _command("status", ledger)
    yield "report", _command("report", ledger, "--format", "jsonl")
    yield "resume", _command("run", manifest, "--ledger", ledger, "--yes", "-q")


async def _run(files: Files, folder: Path) -> Use:
    scenario = folder / "scenario.yaml"
    scenario.write_text(SCENARIO)
    command = _command("run", str(files.manifest), "--ledger", "new.jsonl", "--yes", "-q")
    async with serve_simulator(scenario, folder) as settings:
        environment = clean_environment(folder) | settings
        return await asyncio.to_thread(measured, command, environment, folder)


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "batch_onboard", *words]


def _yardstick(name: str, path: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.scale.yardsticks", name, str(path)]
