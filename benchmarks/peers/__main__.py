"""`python -m benchmarks.peers`: the package's docstring says how it is run and what it measures."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

import benchmarks.peers
from benchmarks.peers.roster import roster
from benchmarks.peers.stage import play
from benchmarks.peers.table import as_json, as_table
from benchmarks.peers.work import Work

if TYPE_CHECKING:
    from benchmarks.peers.measures import Measures
    from benchmarks.peers.roster import Peer


def main() -> None:
    """Run the peers that are asked for and can run, and print what they came to."""
    asked = _arguments()
    rate, burst = asked.quota
    work = Work(rate, burst, asked.number, asked.latency)
    chosen = [peer for peer in roster(asked.aws) if not asked.only or peer.name in asked.only]
    present = [peer for peer in chosen if _can_run(peer)]
    if not present:
        sys.exit("none of these peers can run")
    results = asyncio.run(_play_all(present, work, asked.runs))
    if not results:
        sys.exit("nothing was measured")
    print((as_json if asked.json else as_table)(work, results))


def _can_run(peer: Peer) -> bool:
    missing = peer.missing()
    if missing:
        _tell(f"SKIPPED: {peer.name} ({peer.title}): {missing}")
    return not missing


async def _play_all(peers: list[Peer], work: Work, runs: int) -> dict[Peer, list[Measures]]:
    results: dict[Peer, list[Measures]] = {peer: [] for peer in peers}
    for run in range(runs):
        for peer in peers:
            _tell(f"run {run + 1} of {runs}: {peer.name}")
            result = await play(peer, work, seed=run)
            if result.ended.code != 0:
                _tell(f"{peer.name} ended with {result.ended.code}:\n{result.ended.said}")
            if result.measures is None:
                _tell(f"NOT COUNTED: {peer.name} started nothing")
            else:
                results[peer].append(result.measures)
    return {peer: measured for peer, measured in results.items() if measured}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description=benchmarks.peers.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [peer.name for peer in roster(None)]
    add = parser.add_argument
    add("--quota", type=_quota, default=(20.0, 10.0), metavar="RATE/BURST", help="default: 20/10")
    add("--number", type=_positive, default=200, metavar="N", help="instances; default: 200")
    add("--latency", type=_seconds, default=0.05, help="median, such as 50ms; default: 50ms")
    add("--runs", type=_positive, default=3, help="of each peer; default: 3")
    add("--only", action="append", choices=names, help="this peer; may be repeated")
    add("--aws", metavar="PATH", help="the AWS CLI; default: the one on PATH")
    add("--json", action="store_true", help="print JSON, with each run")
    return parser.parse_args()


def _quota(text: str) -> tuple[float, float]:
    rate, _, burst = text.partition("/")
    found = float(rate), float(burst)
    if found[0] <= 0 or found[1] < 1:
        raise argparse.ArgumentTypeError("a quota needs a rate above 0 and a burst of at least 1")
    return found


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it must be at least 1")
    return number


def _seconds(text: str) -> float:
    if text.endswith("ms"):
        return float(text.removesuffix("ms")) / 1000
    return float(text.removesuffix("s"))


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
