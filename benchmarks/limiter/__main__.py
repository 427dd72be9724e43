"""The command line of the benchmark; the package's docstring tells how to use it."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from benchmarks.limiter.contenders import CONTENDERS, WITHOUT, ablated
from benchmarks.limiter.scenarios import scenarios
from benchmarks.limiter.simulate import simulate
from benchmarks.limiter.table import Cell, heading, line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.limiter.contenders import Launch
    from benchmarks.limiter.scenarios import Scenario

_FIRST_SEED = 90_000  # nothing in the limiter was chosen on these
_QUICK_BATCH = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for, and print a line for each scenario as it is done."""
    asked = _parser().parse_args(arguments)
    launches = _launches(asked)
    seeds = 3 if asked.quick else asked.seeds
    chosen = [one for one in scenarios() if _wanted(one, asked)]
    if not chosen:
        print(f"no scenario's name contains {asked.only!r}", file=sys.stderr)
        return 2
    if not asked.json:
        print(heading(list(launches)))
    for scenario in chosen:
        cells = [_run(scenario, name, launch, seeds) for name, launch in launches.items()]
        if asked.json:
            for cell in cells:
                print(json.dumps(cell.for_json()))
        else:
            print(line(cells), flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limiter", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="runs of each (default: 20)")
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios with this name")
    parser.add_argument("--limiter", action="append", choices=list(CONTENDERS), default=[])
    parser.add_argument("--ablate", action="append", choices=list(WITHOUT), default=[])
    parser.add_argument("--quick", action="store_true", help="small scenarios, three seeds")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser


def _launches(asked: argparse.Namespace) -> dict[str, Launch]:
    names = asked.limiter or (["ours"] if asked.ablate else list(CONTENDERS))
    launches = {name: CONTENDERS[name] for name in names}
    return launches | {f"-{name}": ablated(name) for name in asked.ablate}


def _wanted(scenario: Scenario, asked: argparse.Namespace) -> bool:
    small = max(scenario.batch * scenario.copies, scenario.domains) <= _QUICK_BATCH
    return asked.only in scenario.name and (small or not asked.quick)


def _run(scenario: Scenario, name: str, launch: Launch, seeds: int) -> Cell:
    span = range(_FIRST_SEED, _FIRST_SEED + seeds)
    return Cell(scenario, name, tuple(simulate(scenario, launch, seed) for seed in span))


if __name__ == "__main__":
    sys.exit(main())
