"""What is simulated: quotas, batches, latencies, and who else calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Change:
    """A quota that becomes another one: rate a second and burst, from second `at`."""

    at: float
    rate: float
    burst: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """One situation, to be run with many seeds.

    Attributes:
        name: how `--only` finds it.
        rate: the quota's rate, in calls a second.
        burst: its burst; for a window the calls that it holds.
        batch: how many calls are to be let through, for each caller.
        latency: median seconds from a call to its answer.
        window: seconds of a sliding window; 0 for a token bucket.
        change: what the quota becomes midway.
        co_tenant: calls a second of somebody else, who does not adapt.
        copies: how many callers of the same kind share the quota.
        domains: how many callers have such a quota each, and 1 to 5 calls; 0 for one with `batch`.
    """

    name: str
    rate: float
    burst: float
    batch: int
    latency: float = 0.12
    window: float = 0.0
    change: Change | None = None
    co_tenant: float = 0.0
    copies: int = 1
    domains: int = 0

    def ideal(self) -> float:
        """Return the seconds that the batch takes if the quota is used up from first to last."""
        over = self.batch * self.copies - self.burst
        rate = self.rate - self.co_tenant
        time = max(0.0, over / rate)
        if self.change is not None and time > self.change.at:
            rest = over - rate * self.change.at
            time = self.change.at + rest / self.change.rate
        return time + self.latency


QUOTAS = ((0.5, 1), (2.0, 5), (10.0, 20), (20.0, 10), (50.0, 5), (50.0, 100))
LATENCIES = (0.03, 0.12, 0.4)


def scenarios() -> Iterator[Scenario]:
    """Yield all scenarios."""
    for latency in LATENCIES:
        for rate, burst in QUOTAS:
            for factor in (1, 10, 100):
                batch = burst * factor
                name = f"{rate:g}/{burst} N={batch} {latency * 1000:.0f}ms"
                yield Scenario(name, rate, burst, batch, latency)
    yield from _special()


def _special() -> Iterator[Scenario]:
    yield Scenario("1000 domains of 1 to 5, each 2/5", 2.0, 5, 5, domains=1000)
    yield Scenario("1000 domains of 1 to 5, each 10/20", 10.0, 20, 5, domains=1000)
    yield Scenario("window 100 in 2s N=1000", 50.0, 100, 1000, window=2.0)
    yield Scenario("window 10 in 1s N=300", 10.0, 10, 300, window=1.0)
    yield Scenario("raised 10/20 to 50/20 N=1200", 10.0, 20, 1200, change=Change(10.0, 50.0, 20))
    yield Scenario("raised 2/5 to 10/5 N=400", 2.0, 5, 400, change=Change(20.0, 10.0, 5))
    yield Scenario("cut 50/20 to 5/20 N=650", 50.0, 20, 650, change=Change(10.0, 5.0, 20))
    yield Scenario("cut 10/20 to 1/5 N=200", 10.0, 20, 200, change=Change(10.0, 1.0, 5))
    yield Scenario("co-tenant 2.5/s of 10/20 N=300", 10.0, 20, 300, co_tenant=2.5)
    yield Scenario("co-tenant 0.5/s of 2/5 N=100", 2.0, 5, 100, co_tenant=0.5)
    yield Scenario("two copies 10/20 N=300 each", 10.0, 20, 300, copies=2)
    yield Scenario("two copies 2/5 N=100 each", 2.0, 5, 100, copies=2)
