"""What holds for every run, whatever the quotas, latencies, job caps and faults."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from batch_onboard.core.adaptive import AdaptiveLimiter
from batch_onboard.core.lifecycle import Event
from batch_onboard.core.limiter import BucketLimiter
from tests.engine.examples import Stage, targets

if TYPE_CHECKING:
    from batch_onboard.core.calls import Answer, Operation
    from batch_onboard.core.targets import Encryption, Target
    from batch_onboard.simulator.memory import MemoryService


class Counting:
    """A service that knows how many calls were under way at most."""

    def __init__(self, memory: MemoryService) -> None:
        self._memory = memory
        self._now = 0
        self.most = 0

    async def prepare(self, target: Target) -> Answer | None:
        """Have credentials ready."""
        return await self._memory.prepare(target)

    async def resolve(self, target: Target) -> Encryption | Answer:
        """Find the key."""
        return await self._memory.resolve(target)

    async def send(self, operation: Operation, target: Target) -> Answer:
        """Make a call, and count it while it lasts."""
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            return await self._memory.send(operation, target)
        finally:
            self._now -= 1


@settings(max_examples=25, deadline=None)
@given(
    rate=st.sampled_from([None, 0.5, 2.0, 20.0]),
    burst=st.integers(1, 20),
    scope=st.sampled_from(["operation", "account"]),
    cap=st.one_of(st.none(), st.integers(1, 3)),
    concurrency=st.integers(1, 12),
    accounts=st.integers(1, 6),
    latency=st.floats(0.01, 2.0),
    flaky=st.sampled_from([0.0, 0.05]),
    seed=st.integers(0, 1000),
)
def test_every_run_ends_within_its_bounds(
    *,
    rate: float | None,
    burst: int,
    scope: str,
    cap: int | None,
    concurrency: int,
    accounts: int,
    latency: float,
    flaky: float,
    seed: int,
) -> None:
    """Never more calls in flight than allowed, never stuck while work waits, nothing started twice."""
    stage = Stage(
        {
            "seed": seed,
            "defaults": {"job_duration": {"min": 2, "max": 20}, "max_jobs_in_progress": cap},
            "throttle": {"rate": rate, "burst": burst, "scope": scope},
            "faults": [{"kind": "drop_after", "probability": flaky}],
        }
    )
    counting: list[Counting] = []

    def counted(memory: MemoryService) -> Counting:
        counting.append(Counting(memory))
        return counting[0]

    stage.run(
        targets(12, accounts=accounts),
        limiter=lambda: AdaptiveLimiter(Random(1).random),
        concurrency=concurrency,
        latency=latency,
        service=counted,
    )
    assert counting[0].most <= concurrency
    states = Counter(stage.states().values())
    assert states["succeeded"] + states["unresolved"] == 12
    assert stage.world.seen.double_starts == 0


@settings(max_examples=15, deadline=None)
@given(rate=st.floats(0.5, 20), burst=st.integers(1, 10), latency=st.floats(0.01, 3.0))
def test_starts_are_never_faster_than_a_fixed_rate(rate: float, burst: int, latency: float) -> None:
    """In any stretch of time one account has no more Starts than burst and rate times its length."""
    stage = Stage({"defaults": {"job_duration": {"min": 2, "max": 5}}, "throttle": {"rate": None}})
    stage.run(targets(25), limiter=lambda: BucketLimiter(rate, burst), latency=latency)
    at = [entry.at for entry in stage.journal.entries if entry.event is Event.INTENDED]
    assert len(at) == 25
    for first in range(len(at)):
        for last in range(first, len(at)):
            passed = (at[last] - at[first]).total_seconds()
            assert last - first + 1 <= burst + rate * passed + 1e-3
