"""One run of one peer: a new simulator, a slow wire to it, and the peer's process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Timer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp

from benchmarks.peers.measures import Measures, measure
from benchmarks.peers.wire import Latency, slow_wire
from benchmarks.peers.work import REGION, write_files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from benchmarks.peers.roster import Peer
    from benchmarks.peers.work import Work

_PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ended:
    """A peer's process that has ended.

    Attributes:
        code: its exit code.
        cpu: seconds of processor time, of its children too.
        said: the end of what it wrote.
    """

    code: int
    cpu: float
    said: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to, None if nothing was started, and how the peer's process ended."""

    measures: Measures | None
    ended: Ended


async def play(peer: Peer, work: Work, seed: int) -> Result:
    """Let a peer do the work once.

    Args:
        peer: which.
        work: what it has to do.
        seed: decides the latencies.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = write_files(work, folder)
        async with serve_simulator(files.scenario, folder) as settings:
            url = settings["AWS_ENDPOINT_URL"]
            latency = Latency(work.latency, Random(seed))
            async with slow_wire(urlsplit(url).port or 0, latency) as port:
                environment = clean_environment(folder) | settings
                environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
                command = peer.command(work, files)
                ended = await asyncio.to_thread(_run, command, environment, folder, work.patience)
            return Result(measure(work, await what_was_seen(url), ended.cpu), ended)


def clean_environment(folder: Path) -> dict[str, str]:
    """Return this process's environment without its settings for AWS, the tool and coverage."""
    ours = ("AWS_", "BATCH_ONBOARD_", "COVERAGE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = os.pathsep.join(filter(None, [str(_PROJECT), os.environ.get("PYTHONPATH")]))
    return kept | {
        "PYTHONPATH": path,
        "AWS_CONFIG_FILE": str(folder / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": REGION,
    }


@asynccontextmanager
async def serve_simulator(scenario: Path, folder: Path) -> AsyncIterator[dict[str, str]]:
    """Serve a simulator, and yield the settings that make AWS clients speak to it."""
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "batch_onboard", "simulate", "--scenario", str(scenario)],
        cwd=folder,
        env=clean_environment(folder),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield await _settings(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _settings(process: asyncio.subprocess.Process) -> dict[str, str]:
    settings: dict[str, str] = {}
    while process.stdout is not None and "AWS_SECRET_ACCESS_KEY" not in settings:
        line = (await process.stdout.readline()).decode()
        if not line:
            raise SystemExit("the simulator does not start: try `batch-onboard simulate`")
        name, _, value = line.strip().removeprefix("export ").partition("=")
        settings[name] = value
    return settings


def _run(command: list[str], environment: dict[str, str], folder: Path, patience: float) -> Ended:
    output = folder / "output"
    with output.open("wb") as sink:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=sink, stderr=subprocess.STDOUT
        )
        watch = Timer(patience, os.kill, (process.pid, signal.SIGKILL))
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        watch.cancel()
    # wait4 has taken the status, so Popen must be told, or it would wait for it in vain.
    process.returncode = os.waitstatus_to_exitcode(status)
    said = output.read_text(errors="replace")[-2000:]
    return Ended(process.returncode, usage.ru_utime + usage.ru_stime, said)


async def what_was_seen(url: str) -> Any:
    """Return what a simulator says that it saw."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/_simulator/seen") as answer:
        return await answer.json()
