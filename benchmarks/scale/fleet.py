"""`python -m benchmarks.scale.fleet`: a batch in one process, and by workers of `--engine dask`.

All speak to a simulator of their own. A batch of one target shows what it takes to begin, and the
difference to it what each further target costs, the coordinator and all workers together. Beside
several workers stand as many processes that do a shard each, without a coordinator: what it costs
that the cores are shared.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.peers.stage import clean_environment
from benchmarks.scale.shards import part
from benchmarks.scale.steps import measured, run_command, simulated, write_command
from benchmarks.scale.work import Files

if TYPE_CHECKING:
    from benchmarks.scale.steps import Played

ALONE = "asyncio, 1"


def main() -> None:
    """Play all of them, and print what they took."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale.fleet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--targets", type=int, default=10_000, metavar="N", help="default: 10000")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], metavar="N")
    asked = parser.parse_args()
    with TemporaryDirectory() as text:
        one, many = (
            played(targets, Path(text) / str(targets), asked.workers)
            for targets in (1, asked.targets)
        )
    print(table(asked.targets, one, many))


def played(targets: int, folder: Path, workers: list[int]) -> dict[str, Played]:
    """Play a batch in one process, by each number of workers, and in as many processes.

    Args:
        targets: how many there are.
        folder: where the files go.
        workers: how many workers there are, for each time.
    """
    folder.mkdir()
    measured(write_command(targets, folder), clean_environment(folder), folder)
    files = Files.within(folder)
    (folder / "scale.ledger.jsonl").rename(folder / "finished.jsonl")  # it is of the whole batch
    found = {ALONE: simulated([run_command(files, "whole.jsonl")], folder)}
    for number in workers:
        more = ("--engine", "dask", "--workers", str(number))
        command = run_command(files, f"ledgers-{number}", *more)
        found[f"dask, {number}"] = simulated([command], folder)
        if number > 1:
            place = folder / f"shards-{number}"
            place.mkdir()
            shards = [
                run_command(files, place.name, *part(index, number)) for index in range(number)
            ]
            found[f"asyncio, {number}"] = simulated(shards, folder)
    return found


def table(targets: int, one: dict[str, Played], many: dict[str, Played]) -> str:
    """Say what each took to begin and for each target, beside one process."""
    alone = _cpu_each(targets, one[ALONE], many[ALONE])
    title = f"{targets:,} targets"
    rows = [f"{title:14}{'begins: CPU':>13}{'wall':>9}{'CPU/target':>13}{'':>9}{'all: wall':>12}"]
    for name, whole in many.items():
        each = _cpu_each(targets, one[name], whole)
        rows.append(
            f"{name:14}{_cpu(one[name]):>11,.1f} s{one[name].seconds:>7,.1f} s"
            f"{each * 1e3:>10.2f} ms{each / alone:>7.2f} x{whole.seconds:>10,.1f} s"
        )
    return "\n".join(rows)


def _cpu_each(targets: int, one: Played, many: Played) -> float:
    return (_cpu(many) - _cpu(one)) / (targets - 1)


def _cpu(played: Played) -> float:
    return sum(each.cpu for each in played.used)


if __name__ == "__main__":
    main()
