"""What happened when, run by run, for the charts."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batch_onboard.core.lifecycle import State
from batch_onboard.core.shard import Shard, shard_of
from batch_onboard.core.targets import Domain
from batch_onboard.core.wording import duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from batch_onboard.ledger.history import History, RunSummary
    from batch_onboard.ledger.lines import PacedLine
    from batch_onboard.report.results import Result

_MOST_RUNS = 30
_MOST_BINS = 90
_MOST_LINES = 6
_WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)
_STOPPED = frozenset({State.FAILED, State.REJECTED, State.DRIFTED})


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened in one run. Times are seconds since 1970.

    Attributes:
        run: the run's id.
        began: when the first bin begins.
        width: seconds that a bin lasts.
        starts: in each bin, targets whose latest Start was intended in it.
        succeeded: targets whose job was seen to end well in it.
        stopped: targets that failed, were rejected or were seen to drift in it.
        throttled: throttled calls in it, as far as samples tell; None if there are none.
        rate_times: when rates were sampled.
        rates: by account, Region and operation, requests a second at those times.
    """

    run: str
    began: float
    width: int
    starts: list[int]
    succeeded: list[int]
    stopped: list[int]
    throttled: list[float] | None
    rate_times: list[float]
    rates: dict[str, list[float | None]]


@dataclass(slots=True)
class _Happened:
    starts: list[float] = field(default_factory=list)
    succeeded: list[float] = field(default_factory=list)
    stopped: list[float] = field(default_factory=list)
    paced: list[PacedLine] = field(default_factory=list)

    def moments(self) -> list[float]:
        ends = [line.at.timestamp() for line in self.paced]
        return [*self.starts, *self.succeeded, *self.stopped, *ends]


class _Runs:
    """Finds the run that did something. Runs of different shards go on side by side.

    Args:
        runs: in the order in which they began.
    """

    def __init__(self, runs: Sequence[RunSummary]) -> None:
        self._begins: defaultdict[Shard | None, list[tuple[float, int]]] = defaultdict(list)
        for number, run in enumerate(runs):
            self._begins[run.began.shard].append((run.began.at.timestamp(), number))
        self._counts = {shard.count for shard in self._begins if shard is not None}

    def number(self, result: Result, at: float) -> int:
        """Return which run it was that did something about a target at a time; -1: none."""
        shards: list[Shard | None] = [None]
        if self._counts:
            domain = Domain(result.account_id, result.region)
            shards += [Shard(shard_of(domain, count), count) for count in self._counts]
        return max(self._latest(shard, at) for shard in shards)

    def _latest(self, shard: Shard | None, at: float) -> int:
        begins = self._begins.get(shard, ())
        index = bisect_right(begins, at, key=lambda pair: pair[0])
        return begins[index - 1][1] if index else -1


def timelines(history: History, found: Iterable[Result]) -> list[Timeline]:
    """Return what happened in each of the latest runs that did something, the latest last."""
    runs = sorted(history.runs, key=lambda run: run.began.at)
    happened = _by_run(runs, found)
    numbers = {run.began.run: number for number, run in enumerate(runs)}
    for line in history.paced:
        if line.run in numbers:
            happened[numbers[line.run]].paced.append(line)
    return [_timeline(runs[number], happened[number]) for number in sorted(happened)[-_MOST_RUNS:]]


def _by_run(runs: Sequence[RunSummary], found: Iterable[Result]) -> defaultdict[int, _Happened]:
    """Give each Start and each end to the run of its shard that had begun last before it."""
    known_runs = _Runs(runs)
    happened: defaultdict[int, _Happened] = defaultdict(_Happened)
    for result in found:
        if result.started_at is not None:
            at = result.started_at.timestamp()
            if (number := known_runs.number(result, at)) >= 0:
                happened[number].starts.append(at)
        ended_well = result.state is State.SUCCEEDED
        if result.finished_at is not None and (ended_well or result.state in _STOPPED):
            at = result.finished_at.timestamp()
            if (number := known_runs.number(result, at)) >= 0:
                known = happened[number]
                (known.succeeded if ended_well else known.stopped).append(at)
    return happened


def _timeline(run: RunSummary, happened: _Happened) -> Timeline:
    began = run.began.at.timestamp()
    ended = max(happened.moments())
    width = next((width for width in _WIDTHS if (ended - began) / width < _MOST_BINS), _WIDTHS[-1])
    first = began // width * width
    bins = int((ended - first) // width) + 1

    def binned(moments: Iterable[float]) -> list[int]:
        numbers = Counter(int((at - first) // width) for at in moments)
        return [numbers[number] for number in range(bins)]

    return Timeline(
        run=run.began.run,
        began=first,
        width=width,
        starts=binned(happened.starts),
        succeeded=binned(happened.succeeded),
        stopped=binned(happened.stopped),
        throttled=_throttled(happened.paced, first, width, bins) if happened.paced else None,
        rate_times=[line.at.timestamp() for line in happened.paced],
        rates=_rates(happened.paced),
    )


def _throttled(paced: Iterable[PacedLine], first: float, width: int, bins: int) -> list[float]:
    """Spread the throttles of each sample evenly over the stretch that it is about."""
    spread = [0.0] * bins
    for line in paced:
        end = line.at.timestamp()
        begin = max(first, end - line.seconds)
        touched = range(int((begin - first) // width), int((end - first) // width) + 1)
        for number in touched:
            left = first + number * width
            share = min(end, left + width) - max(begin, left)
            whole = end - begin
            spread[number] += line.throttled * (share / whole if whole > 0 else 1 / len(touched))
    return [round(number, 2) for number in spread]


def _rates(paced: Sequence[PacedLine]) -> dict[str, list[float | None]]:
    """Return a line for each of the quotas that were among the slowest most often."""
    often = Counter(rate[:2] for line in paced for rate in line.rates)
    lines = {}
    for which, _ in often.most_common(_MOST_LINES):
        by_line = ({rate[:2]: rate[2] for rate in line.rates} for line in paced)
        domain, operation = which
        lines[f"{domain} {operation}"] = [known.get(which) for known in by_line]
    return lines


def describe(run: RunSummary) -> str:
    """Name a run in a list: when it began, how long it took and how it ended."""
    began = f"{run.began.at:%Y-%m-%d %H:%M} UTC"
    if run.began.shard is not None:
        began = f"{began}, {run.began.shard}"
    if run.ended is None:
        return f"{began}, not ended"
    took = duration((run.ended.at - run.began.at).total_seconds())
    return f"{began}, {took}, exit {run.ended.exit_code}"
