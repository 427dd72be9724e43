"""Runs one scenario once, and says what came of it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from math import ceil
from random import Random
from typing import TYPE_CHECKING, Protocol

from benchmarks.limiter.callers import Metronome
from benchmarks.limiter.world import Bucket, Line, SlidingWindow, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.limiter.scenarios import Change, Scenario
    from benchmarks.limiter.world import Quota, Tally

_PATIENCE = 20.0  # times the ideal: who is not done by then is stuck
_LATEST_START = 2.0  # seconds by which the second copy begins after the first


class Caller(Protocol):
    """Somebody who works a batch through."""

    def go_on(self) -> None:
        """Begin."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one run.

    Attributes:
        ratio: time to the last acceptance, over the ideal.
        waste: share of calls that were refused.
        adapted: seconds until a changed quota was obeyed, or used; 0 where none changed.
        unfair: 1 minus Jain's index of what copies got while both ran.
        harm: share of the co-tenant's calls that were refused.
        round_trips: latencies from the first call sent to the last, rounded up, and one.
    """

    ratio: float
    waste: float
    adapted: float = 0.0
    unfair: float = 0.0
    harm: float = 0.0
    round_trips: float = 1.0


def simulate(scenario: Scenario, launch: Callable[[Line, Scenario], Caller], seed: int) -> Result:
    """Run a scenario.

    Args:
        scenario: what to simulate.
        launch: makes a caller of the kind that is measured.
        seed: of all chance in it.
    """
    if scenario.domains:
        return _fleet(scenario, launch, seed)
    world = World(Random(seed))
    quota = _quota(scenario, world)
    lines = [Line(world, quota, scenario.latency) for _ in range(scenario.copies)]
    for copy, line in enumerate(lines):
        caller = launch(line, scenario)
        world.at(copy * world.rng.uniform(0.0, _LATEST_START), caller.go_on)
    tenant = Line(world, quota, scenario.latency)
    if scenario.co_tenant:
        Metronome(tenant, scenario.co_tenant).go_on()
    world.run(
        _PATIENCE * scenario.ideal(),
        over=lambda: all(len(line.tally.accepted) >= scenario.batch for line in lines),
    )
    return _result(scenario, [line.tally for line in lines], tenant.tally, world.now)


def _fleet(scenario: Scenario, launch: Callable[[Line, Scenario], Caller], seed: int) -> Result:
    """Run many small domains, which do not meet; the slowest decides."""
    rng = Random(seed)
    results = [
        simulate(replace(scenario, domains=0, batch=rng.randint(1, 5)), launch, rng.getrandbits(32))
        for _ in range(scenario.domains)
    ]
    return Result(
        ratio=max(one.ratio for one in results),
        waste=sum(one.waste for one in results) / len(results),
        round_trips=max(one.round_trips for one in results),
    )


def _quota(scenario: Scenario, world: World) -> Quota:
    if scenario.window:
        return SlidingWindow(int(scenario.burst), scenario.window)
    bucket = Bucket(scenario.rate, scenario.burst)
    if (change := scenario.change) is not None:
        world.at(change.at, lambda: bucket.change(change.rate, change.burst, change.at))
    return bucket


def _result(scenario: Scenario, tallies: list[Tally], tenant: Tally, now: float) -> Result:
    refused = sum(len(tally.refused) for tally in tallies)
    sent = sum(len(tally.sent) for tally in tallies)
    return Result(
        ratio=(now + scenario.latency / 2) / scenario.ideal(),
        waste=refused / max(1, sent),
        adapted=_adapted(scenario.change, scenario.rate, tallies[0]) if scenario.change else 0.0,
        unfair=1.0 - _jain(tallies),
        harm=tenant.waste,
        round_trips=1.0 + ceil((tallies[0].sent[-1] - tallies[0].sent[0]) / scenario.latency),
    )


def _adapted(change: Change, rate_before: float, tally: Tally) -> float:
    """Return how long after the change calls fit it.

    A cut is obeyed from when on a second sees at most twice the calls of the new rate, and one;
    a raise is used from when on two seconds see 9 of 10 calls of the new rate accepted.
    """
    cut = change.rate < rate_before
    times, span = (tally.sent, 1.0) if cut else (tally.accepted, 2.0)
    for index in range(bisect_left(times, change.at), len(times)):
        begin = times[index]
        seen = bisect_left(times, begin + span) - index
        if seen <= 2 * change.rate + 1 if cut else seen >= 0.9 * span * change.rate:
            return begin - change.at
    return float("inf")


def _jain(tallies: list[Tally]) -> float:
    begin = max(tally.sent[0] for tally in tallies)
    end = min(tally.accepted[-1] for tally in tallies)
    shares = [bisect_left(t.accepted, end) - bisect_left(t.accepted, begin) for t in tallies]
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 1.0
