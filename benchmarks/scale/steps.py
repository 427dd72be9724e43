"""The steps, each a process whose processor time and highest memory are measured."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from tempfile import TemporaryFile
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from batch_onboard.manifest.load import MAX_MANIFEST_BYTES
from benchmarks.peers.stage import clean_environment
from benchmarks.scale.work import SCENARIO, Files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_GONE_THROUGH = (0, 3)  # 3: jobs are not done, as with --no-wait
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


@dataclass(frozen=True, slots=True)
class Played:
    """What commands have used that ran against one simulator.

    Attributes:
        used: by each of them.
        seconds: from the first one's beginning to the last one's end.
        simulator: what the simulator has used.
    """

    used: list[Use]
    seconds: float
    simulator: Use


@dataclass(frozen=True, slots=True)
class Turns:
    """What opening a ledger takes beside decoding its lines.

    Attributes:
        seconds: of processor time, the median of several openings.
        times: how many times the decoding right before that is, the median as well.
    """

    seconds: float
    times: float


def play(targets: int, folder: Path, *, run: bool, start: bool) -> dict[str, Use]:
    """Take all steps for a batch of so many targets.

    Args:
        targets: how many.
        folder: where its files go.
        run: whether the batch is planned and run too.
        start: whether it is run with one call for each target.

    Returns:
        What each step has used, by its name; yardsticks beside what they are for.
    """
    folder.mkdir()
    files, environment = Files.within(folder), clean_environment(folder)
    measured(write_command(targets, folder), environment, folder)
    used = {name: measured(command, environment, folder) for name, command in _steps(files)}
    for name, command in _run_steps(files) if run else ():
        played = simulated([command], folder)
        (used[name],) = played.used
        used[f"{name}, its simulator"] = played.simulator
    if start:
        played = simulated([run_command(files, "started.jsonl", *ONE_CALL)], folder)
        (used["run, one call"],) = played.used
    return used


def write_command(targets: int, folder: Path) -> list[str]:
    """Return the command that writes a batch's files."""
    return [sys.executable, "-m", "benchmarks.scale.work", str(targets), str(folder)]


def measured(command: list[str], environment: dict[str, str], folder: Path) -> Use:
    """Run a command to its end, which must be a good one."""
    with TemporaryFile() as sink:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=sink
        )
        used = _ended(process)
        if process.returncode not in _GONE_THROUGH:
            sink.seek(0)
            said = sink.read().decode()
            sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    return used


def _steps(files: Files) -> Iterator[tuple[str, list[str]]]:
    manifest, ledger = str(files.manifest), str(files.ledger)
    if files.yaml.stat().st_size <= MAX_MANIFEST_BYTES:
        yield "yaml alone", _yardstick("yaml alone", files.yaml)
        yield "validate, yaml", _command("validate", str(files.yaml))
    yield "validate, jsonl", _command("validate", manifest)
    yield "validate, csv", _command("validate", str(files.table))
    yield (
        "plan, offline",
        _command("plan", manifest, "--ledger", "none.jsonl", "--no-precheck", "-q"),
    )
    yield "lines, typed", _yardstick("lines, typed", files.ledger)
    yield "lines, untyped", _yardstick("lines, untyped", files.ledger)
    yield "opening", _yardstick("opening", files.ledger)
    yield "opening by lines", _yardstick("opening by lines", files.ledger)
    yield "status", _command("status", ledger)
    yield "report", _command("report", ledger, "--format", "jsonl")
    yield "resume", _command("run", manifest, "--ledger", ledger, "--yes", "-q")


def in_turn(folder: Path) -> Turns:
    """Open a batch's ledger and decode its lines in turn, in one process, a few times.

    Args:
        folder: where `play` has put its files.
    """
    command = [sys.executable, "-m", "benchmarks.scale.opening", str(Files.within(folder).ledger)]
    done = subprocess.run(
        command, env=clean_environment(folder), cwd=folder, capture_output=True, check=True
    )
    return msgspec.json.decode(done.stdout, type=Turns)


def _run_steps(files: Files) -> Iterator[tuple[str, list[str]]]:
    """Yield what is played against a simulator, each step against a new one."""
    manifest = str(files.manifest)
    yield "plan", _command("plan", manifest, "--ledger", "plan.jsonl", "-q")
    yield "run", run_command(files, "whole.jsonl")


def run_command(files: Files, ledger: str, *more: str) -> list[str]:
    """Return the command that runs the batch anew."""
    return _command("run", str(files.manifest), "--ledger", ledger, "--yes", "-q", *more)


ONE_CALL = ("--no-wait", "--no-precheck")
"""Options with which a run makes one call for each target, besides AssumeRole."""


def simulated(commands: list[list[str]], folder: Path) -> Played:
    """Run commands side by side against a simulator in a process of its own.

    Its jobs end at once, and it throttles nobody.
    """
    scenario = folder / "scenario.yaml"
    scenario.write_text(SCENARIO)
    environment = clean_environment(folder)
    command = _command("simulate", "--scenario", str(scenario))
    simulator = subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with ThreadPoolExecutor(len(commands)) as pool:
        environment |= _settings(simulator)
        began = monotonic()
        used = list(pool.map(lambda each: measured(each, environment, folder), commands))
        seconds = monotonic() - began
    simulator.terminate()
    return Played(used, seconds, _ended(simulator))


def _settings(simulator: subprocess.Popen[bytes]) -> dict[str, str]:
    """Read the settings that make AWS clients speak to a simulator."""
    settings: dict[str, str] = {}
    while simulator.stdout is not None and "AWS_SECRET_ACCESS_KEY" not in settings:
        line = simulator.stdout.readline().decode()
        if not line:
            sys.exit("the simulator does not start: try `batch-onboard simulate`")
        name, _, value = line.strip().removeprefix("export ").partition("=")
        settings[name] = value
    return settings


def _ended(process: subprocess.Popen[bytes]) -> Use:
    """Wait for a process, and return what it has used."""
    _, status, usage = os.wait4(process.pid, 0)
    # wait4 has taken the status, so Popen must be told, or it would wait for it in vain.
    process.returncode = os.waitstatus_to_exitcode(status)
    return Use(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _UNIT)


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "batch_onboard", *words]


def _yardstick(name: str, path: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.scale.yardsticks", name, str(path)]
