"""`python -m benchmarks.scale.shards`: a batch in one process, and in several side by side.

All speak to one simulator, which takes its share of the cores, as it does beside one process.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.peers.stage import clean_environment
from benchmarks.scale.steps import ONE_CALL, measured, run_command, simulated, write_command
from benchmarks.scale.work import Files

if TYPE_CHECKING:
    from benchmarks.scale.steps import Played


def main() -> None:
    """Play both, and print what they took."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale.shards",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--targets", type=int, default=10_000, metavar="N", help="default: 10000")
    parser.add_argument("--shards", type=int, default=2, metavar="N", help="default: 2")
    parser.add_argument("--one-call", action="store_true", help=f"run with {' '.join(ONE_CALL)}")
    asked = parser.parse_args()
    more = ONE_CALL if asked.one_call else ()
    with TemporaryDirectory() as text:
        folder = Path(text)
        measured(write_command(asked.targets, folder), clean_environment(folder), folder)
        files = Files.within(folder)
        one = simulated([run_command(files, "whole.jsonl", *more)], folder)
        (folder / "shards").mkdir()
        several = simulated(
            [
                run_command(files, "shards", *more, *part(each, asked.shards))
                for each in range(asked.shards)
            ],
            folder,
        )
    print(table(asked.targets, one, several))


def part(index: int, count: int) -> list[str]:
    """Return the options of a run that does one shard."""
    return ["--shard-index", str(index), "--shard-count", str(count)]


def table(targets: int, one: Played, several: Played) -> str:
    """Say what both took, and how they compare."""
    rows = [
        f"{f'{targets:,} targets':14}{'wall':>9}{'CPU/target':>13}{'memory':>20}{'simulator':>12}"
    ]
    for name, each in (("1 process", one), (f"{len(several.used)} shards", several)):
        cpu = sum(use.cpu for use in each.used)
        memory = ", ".join(f"{use.memory / 2**20:,.0f}" for use in each.used)
        rows.append(
            f"{name:14}{each.seconds:>7,.1f} s{cpu / targets * 1e3:>10.2f} ms{memory:>17} MB"
            f"{each.simulator.cpu:>10,.1f} s"
        )
    cpu_one, cpu_several = (sum(use.cpu for use in each.used) for each in (one, several))
    rows.append(
        f"shards: {one.seconds / several.seconds:.2f} x as fast, "
        f"{cpu_several / cpu_one:.2f} x the CPU"
    )
    return "\n".join(rows)


if __name__ == "__main__":
    main()
