"""All limiters that are compared, and ours without one of its parts."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from batch_onboard.core.adaptive import AdaptiveLimiter
from benchmarks.limiter import boto, peers
from benchmarks.limiter.callers import PacedCaller

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.limiter.scenarios import Scenario
    from benchmarks.limiter.simulate import Caller
    from benchmarks.limiter.world import Line

    Launch = Callable[[Line, Scenario], Caller]

WITHOUT = {
    "REST": 8.0,
    "CAUTION": 1.0,
    "WINDOW": 1.0,
    "SHARE": 1.0,
    "SPACING": 0.0,
    "RESERVE": 0.0,
    "JITTER": 0.0,
    "GIVE": 1.0,
    "CLIMB": 0.0,
    "HASTE": 0.0,
    "WAY": 0.0,
}
"""Each constant of `AdaptiveLimiter`, with the value at which it does nothing, or next to it."""


def ours(line: Line, scenario: Scenario) -> PacedCaller:
    """Pace by the tool's adaptive limiter, which is told nothing."""
    return PacedCaller(line, AdaptiveLimiter(_chance(line)), scenario.batch)


def ablated(name: str) -> Launch:
    """Return ours without one of its constants.

    Raises:
        KeyError: there is no such constant.
    """
    kind = type("Ablated", (AdaptiveLimiter,), {"__slots__": (), name: WITHOUT[name]})

    def launch(line: Line, scenario: Scenario) -> PacedCaller:
        return PacedCaller(line, kind(_chance(line)), scenario.batch)

    return launch


def _chance(line: Line) -> Callable[[], float]:
    return Random(line.world.rng.getrandbits(32)).random


CONTENDERS: dict[str, Launch] = {
    "ours": ours,
    "oracle": peers.oracle,
    "fixed10": peers.fixed,
    "boto-std": boto.standard,
    "boto-adapt": boto.adaptive,
    "aimd": peers.aimd,
}
