"""`python -m benchmarks.view`: the package's docstring says what it measures."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING

import benchmarks.view
from benchmarks.peers.stage import clean_environment, serve_simulator
from benchmarks.scale.work import SCENARIO, Files, write_files
from benchmarks.view.terminal import cpu_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMS = ("bar", "none", "none again")


@dataclass(frozen=True, slots=True)
class Cost:
    """What the view costs.

    Attributes:
        seconds: of processor time, by what was shown: the median of the rounds.
        percent: how much more that is with the view, the median of the rounds.
        chance: how much one run without it differs from the other, likewise.
    """

    seconds: dict[str, float]
    percent: float
    chance: float


def cost(rounds: Sequence[dict[str, float]]) -> Cost:
    """Say what rounds come to, each the processor seconds of every form."""
    return Cost(
        {form: median(each[form] for each in rounds) for form in _FORMS},
        median(
            100 * (2 * each["bar"] / (each["none"] + each["none again"]) - 1) for each in rounds
        ),
        median(abs(100 * (each["none again"] / each["none"] - 1)) for each in rounds),
    )


def main() -> None:
    """Play all rounds, and print what the view costs."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.view",
        description=benchmarks.view.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--targets", type=int, default=1500, metavar="N", help="default: 1500")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = cost(asyncio.run(_play(asked.targets, asked.rounds, Path(folder))))
    if asked.json:
        print(json.dumps(asdict(found), indent=2))
        return
    for form, seconds in found.seconds.items():
        print(f"{form:12}{seconds:8.2f} s of CPU")
    print(f"the view: {found.percent:+.1f} %, where chance makes {found.chance:.1f} %")


async def _play(targets: int, rounds: int, folder: Path) -> list[dict[str, float]]:
    write_files(targets, folder)
    scenario = folder / "scenario.yaml"
    scenario.write_text(SCENARIO)
    return [await _round(number, scenario, folder) for number in range(rounds)]


async def _round(number: int, scenario: Path, folder: Path) -> dict[str, float]:
    turn = number % len(_FORMS)
    return {form: await _run(form, scenario, folder) for form in (*_FORMS[turn:], *_FORMS[:turn])}


async def _run(form: str, scenario: Path, folder: Path) -> float:
    """Run the batch from nothing, with a new simulator, and return the processor seconds."""
    ledger = Path(mkdtemp(dir=folder)) / "view.ledger.jsonl"
    manifest = Files.within(folder).manifest
    words = (
        "run",
        str(manifest),
        "--ledger",
        str(ledger),
        "--yes",
        "--progress",
        form.split(maxsplit=1)[0],
    )
    async with serve_simulator(scenario, folder) as settings:
        environment = clean_environment(folder) | settings | {"TERM": "xterm-256color"}
        command = [sys.executable, "-m", "batch_onboard", *words]
        return await asyncio.to_thread(cpu_of, command, environment)


if __name__ == "__main__":
    main()
