"""`python -m benchmarks.scale.fleet`: a batch in one process, and by workers of `--engine dask`.

All speak to a simulator of their own. What a target costs, the coordinator and all workers
together, is what a batch takes more than one of a tenth of its targets, in which every worker and
every shard is at work already: their ledgers are asked whether that was so. So what a worker needs
once, such as imports and clients, is not counted to the targets; it is in what a batch begins with,
which is what is left when its targets are taken off.

Beside several workers stand as many processes that do a shard each, without a coordinator: what it
costs that the cores are shared. Each round plays all of them, one after the other, and compares
what it has played itself.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from batch_onboard.app.several import SUFFIX
from batch_onboard.core.wording import count
from batch_onboard.ledger.file import read_history
from benchmarks.peers.stage import clean_environment
from benchmarks.scale.shards import part
from benchmarks.scale.steps import measured, run_command, simulated, write_command
from benchmarks.scale.work import Files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from batch_onboard.ledger.history import History
    from benchmarks.scale.steps import Played

_SHARE = 10
"""The smaller batch is this part of the larger one."""


class Contender(NamedTuple):
    """Who does a batch: so many processes, each a shard, or so many workers and a coordinator."""

    processes: int
    dask: bool = False

    @property
    def name(self) -> str:
        """What its row is called."""
        return f"{'dask' if self.dask else 'asyncio'}, {self.processes}"

    @property
    def twin(self) -> Contender:
        """As many processes, without a coordinator."""
        return Contender(self.processes)


ALONE = Contender(1)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one contender has taken in one round.

    Attributes:
        begins: seconds of processor time, whatever the number of targets.
        each: seconds of processor time for each target.
        seconds: from the beginning of the larger batch to its end.
    """

    begins: float
    each: float
    seconds: float

    @classmethod
    def of(cls, fewer: int, small: Played, more: int, large: Played) -> Cost:
        """Draw the line through two batches of so many targets."""
        each = (_cpu(large) - _cpu(small)) / (more - fewer)
        return cls(_cpu(small) - fewer * each, each, large.seconds)


Round: TypeAlias = "dict[Contender, Cost]"


def main() -> None:
    """Play all of them, and print what they took."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale.fleet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--targets", type=int, default=6_000, metavar="N", help="default: 6000")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], metavar="N")
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="default: 1")
    asked = parser.parse_args()
    with TemporaryDirectory() as text:
        sizes = asked.targets // _SHARE, asked.targets
        batches = [(size, _write(size, Path(text) / str(size))) for size in sizes]
        rounds: list[Round] = []
        for _ in range(asked.rounds):
            rounds.append(dict(_play(batches, asked.workers)))
            print(f"round {len(rounds)}: {line(rounds[-1])}", file=sys.stderr)
    print(table(asked.targets, rounds))


def _write(targets: int, folder: Path) -> Files:
    folder.mkdir()
    measured(write_command(targets, folder), clean_environment(folder), folder)
    files = Files.within(folder)
    files.ledger.unlink()  # it is of the whole batch, and finished
    return files


def _play(
    batches: list[tuple[int, Files]], workers: Iterable[int]
) -> Iterator[tuple[Contender, Cost]]:
    """Play one round: each contender the smaller batch, then the larger one."""
    plain = {ALONE, *(Contender(number) for number in workers)}
    for contender in sorted(plain | {Contender(number, dask=True) for number in workers}):
        (fewer, small), (more, large) = (
            (size, _played(files, contender)) for size, files in batches
        )
        yield contender, Cost.of(fewer, small, more, large)


def _played(files: Files, contender: Contender) -> Played:
    number, folder = contender.processes, files.manifest.parent
    with TemporaryDirectory(dir=folder) as ledgers:
        shards = [part(index, number) for index in range(number)]
        more = [["--engine", "dask", "--workers", f"{number}"]] if contender.dask else shards
        played = simulated([run_command(files, ledgers, *each) for each in more], folder)
        histories = [read_history(path) for path in Path(ledgers).glob(f"*{SUFFIX}")]
    idle = idle_part(histories, number)
    if idle is not None:
        sys.exit(f"{idle}, which does not show what targets cost: take more --targets")
    return played


def idle_part(histories: list[History], workers: int) -> str | None:
    """Say which part of a fleet had nothing to do, by its ledgers; None if all had.

    Args:
        histories: what the ledgers of its shards know.
        workers: how many processes there were for them.
    """
    busy = {each.shard for each in histories if each.records}
    missing = max(shard.count for shard in busy if shard is not None) - len(busy)
    if missing:
        return f"{count(missing, 'shard')} had no target"
    missing = workers - len({run.began.pid for each in histories for run in each.runs})
    return f"{count(missing, 'worker')} had no shard" if missing else None


def line(played: Round) -> str:
    """Say in a line what each target cost in one round."""
    return ", ".join(f"{each.name} {cost.each * 1e3:.2f} ms" for each, cost in played.items())


def table(targets: int, rounds: list[Round]) -> str:
    """Say what each took to begin and for each target, and how that compares: all medians."""
    title = f"{targets:,} targets"
    heads = (
        f"{'begins: CPU':>12}{'CPU/target':>13}{'beside 1 process':>24}{'as many':>10}{'wall':>12}"
    )
    rows = [f"{title:14}{heads}"]
    for each in rounds[0]:
        alone = _times(each, ALONE, rounds)
        spread = f"{median(alone):.2f} x ({min(alone):.2f} to {max(alone):.2f})"
        rows.append(
            f"{each.name:14}{median(one[each].begins for one in rounds):>10,.1f} s"
            f"{median(one[each].each for one in rounds) * 1e3:>10.2f} ms{spread:>24}"
            f"{median(_times(each, each.twin, rounds)):>8.2f} x"
            f"{median(one[each].seconds for one in rounds):>10,.1f} s"
        )
    return "\n".join(rows)


def _times(one: Contender, other: Contender, rounds: list[Round]) -> list[float]:
    """Return how many times what the other did a target has cost, round by round."""
    return [played[one].each / played[other].each for played in rounds]


def _cpu(played: Played) -> float:
    return sum(each.cpu for each in played.used)


if __name__ == "__main__":
    main()
