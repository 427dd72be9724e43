"""`python -m benchmarks.accounts`: the package's docstring says what it measures."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import benchmarks.accounts
from benchmarks.accounts.work import CONCURRENCY, SCENARIO, Work, write_manifest
from benchmarks.peers.stage import clean_environment, serve_simulator, what_was_seen

_STARTED = 3  # the exit codes of ours that mean that it has got through, with the 0 of all
_CONTENDERS = ("ours", "bare", "sessions")


@dataclass(frozen=True, slots=True)
class Play:
    """One process of a contender, and what the simulator saw of it.

    Attributes:
        accounts: how many it was given.
        cpu: seconds of processor time.
        memory: bytes of its highest resident memory.
        connections: that it opened.
    """

    accounts: int
    cpu: float
    memory: int
    connections: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What one more account costs a contender, and its long play.

    Attributes:
        milliseconds: of processor time.
        kilobytes: of memory.
        whole: the long play.
    """

    milliseconds: float
    kilobytes: float
    whole: Play


def cost(one: Play, many: Play) -> Cost:
    """Say what each account beyond the first has cost."""
    more = many.accounts - one.accounts
    return Cost((many.cpu - one.cpu) / more * 1000, (many.memory - one.memory) / more / 1024, many)


def main() -> None:
    """Play all contenders, and print what an account costs them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accounts",
        description=benchmarks.accounts.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--accounts", type=int, default=10_000, metavar="N", help="default: 10000")
    parser.add_argument("--sessions", type=int, default=50, metavar="N", help="default: 50")
    parser.add_argument("--only-start", action="store_true", help="read nothing first")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    if min(asked.accounts, asked.sessions) < 2:
        parser.error("it takes at least 2 accounts to say what one more costs")
    costs = asyncio.run(_play_all(asked.accounts, asked.sessions, asked.only_start))
    if asked.json:
        print(json.dumps({name: asdict(each) for name, each in costs.items()}, indent=2))
    else:
        print(_table(costs))


async def _play_all(accounts: int, sessions: int, only_start: bool) -> dict[str, Cost]:
    costs = {}
    for name in _CONTENDERS:
        many = sessions if name == "sessions" else accounts
        one, all_of_them = Work(1, only_start), Work(many, only_start)
        costs[name] = cost(await _play(name, one), await _play(name, all_of_them))
    return costs


async def _play(name: str, work: Work) -> Play:
    with TemporaryDirectory() as text:
        folder = Path(text)
        scenario = folder / "scenario.yaml"
        scenario.write_text(SCENARIO)
        command = _command(name, work, folder)
        async with serve_simulator(scenario, folder) as settings:
            environment = clean_environment(folder) | settings
            cpu, memory = await asyncio.to_thread(_run, command, environment, folder)
            seen = await what_was_seen(settings["AWS_ENDPOINT_URL"])
    _check(name, work.accounts, seen)
    return Play(work.accounts, cpu, memory, seen["connections"] - 1)  # one was opened to ask for it


def _command(name: str, work: Work, folder: Path) -> list[str]:
    if name != "ours":
        return [sys.executable, "-m", f"benchmarks.accounts.{name}", *work.arguments]
    manifest = str(write_manifest(work.accounts, folder))
    precheck = "--no-precheck" if work.only_start else "--precheck"
    options = ["--yes", "--no-wait", precheck, "--concurrency", str(CONCURRENCY), "-q"]
    return [sys.executable, "-m", "batch_onboard", "run", manifest, *options]


def _run(command: list[str], environment: dict[str, str], folder: Path) -> tuple[float, int]:
    output = folder / "output"
    with output.open("wb") as sink:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=sink, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    # wait4 has taken the status, so Popen must be told, or it would wait for it in vain.
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, _STARTED):
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{output.read_text()}")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit


def _check(name: str, accounts: int, seen: dict[str, Any]) -> None:
    started = sum(target["starts_accepted"] for target in seen["targets"].values())
    if started != accounts:
        sys.exit(f"{name} started {started:,} of {accounts:,} instances: nothing to compare")


def _table(costs: dict[str, Cost]) -> str:
    rows = [
        f"{'':10}{'CPU/account':>14}{'memory/account':>16}{'accounts':>10}{'CPU':>10}{'peak':>10}{'connections':>13}"
    ]
    for name, each in costs.items():
        whole = each.whole
        rows.append(
            f"{name:10}{each.milliseconds:>11.2f} ms{each.kilobytes:>13,.1f} kB"
            f"{whole.accounts:>10,}{whole.cpu:>8.1f} s{whole.memory / 2**20:>7,.0f} MB"
            f"{whole.connections:>13,}"
        )
    ours = costs["ours"]
    rows.append(
        f"ours / bare: {ours.milliseconds / costs['bare'].milliseconds:.2f} x CPU; "
        f"sessions / ours: {costs['sessions'].milliseconds / ours.milliseconds:.0f} x CPU, "
        f"{costs['sessions'].kilobytes / ours.kilobytes:.0f} x memory"
    )
    return "\n".join(rows)


if __name__ == "__main__":
    main()
