from __future__ import annotations

from heapq import heappop, heappush
from random import Random
from statistics import median

import pytest

from batch_onboard.core.adaptive import AdaptiveLimiter

HALF_WAY = 0.05


class Shared:
    """A token bucket 50 ms away, to which several limiters let calls go at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self.tokens, self.at = burst, 0.0

    def take(self, now: float) -> bool:
        """Decide on a call that arrives now."""
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        passes = self.tokens > 1 - 1e-9
        self.tokens -= passes
        return passes

    def work(self, limiters: list[AdaptiveLimiter], starts: list[float], end: float) -> list[int]:
        """Let all of them send what they may until `end`; return how many each got through."""
        got = [0] * len(limiters)
        wakes = [float("inf")] * len(limiters)
        order = 0
        due: list[tuple[float, int, str, int, int]] = []
        for who, start in enumerate(starts):
            heappush(due, (start, order := order + 1, "wake", who, 0))
        while due and due[0][0] < end:
            now, _, what, who, ticket = heappop(due)
            limiter = limiters[who]
            if what == "arrive":
                answer = "accepted" if self.take(now) else "throttled"
                heappush(due, (now + HALF_WAY, order := order + 1, answer, who, ticket))
                continue
            if what == "wake":
                wakes[who] = float("inf")
            elif what == "accepted":
                got[who] += 1
                limiter.accepted(ticket, now)
            elif what == "throttled":
                limiter.throttled(ticket, now, None)
            while (ready := limiter.ready_at(now)) <= now:
                sent = limiter.send(now)
                heappush(due, (now + HALF_WAY, order := order + 1, "arrive", who, sent))
            if ready < wakes[who]:
                wakes[who] = ready
                heappush(due, (ready, order := order + 1, "wake", who, 0))
        return got


def jain(first: int, second: int) -> float:
    """Return Jain's index of two shares: 1 if equal, one half if one has all."""
    return (first + second) ** 2 / (2 * (first**2 + second**2))


@pytest.mark.parametrize(("rate", "burst"), [(10.0, 20.0), (2.0, 5.0)])
def test_two_copies_share_an_account(rate: float, burst: float) -> None:
    """In most pairs of runs the second, begun a second later, gets its part of the first minute."""
    indices = []
    for seed in range(9):
        limiters = [AdaptiveLimiter(Random(seed + who).random) for who in (0, 100)]
        indices.append(jain(*Shared(rate, burst).work(limiters, [0.0, 1.0], 60.0)))
    assert median(indices) > 0.85


def test_who_is_left_alone_takes_it_all_again() -> None:
    """When the other has stopped for half a minute, nine tenths of the quota are used."""
    shared = Shared(10.0, 20.0)
    limiters = [AdaptiveLimiter(Random(seed).random) for seed in (3, 4)]
    shared.work(limiters, [0.0, 1.0], 60.0)
    shared.work(limiters[:1], [61.0], 90.0)
    got = shared.work(limiters[:1], [91.0], 121.0)
    assert got[0] >= 0.9 * 10 * 30


@pytest.mark.no_cover
@pytest.mark.parametrize(("rate", "burst"), [(2.0, 5.0), (10.0, 20.0), (20.0, 10.0)])
def test_a_lone_caller_uses_all_of_its_rate(rate: float, burst: float) -> None:
    """Over five minutes 98 % of the quota are used, and one call in twenty is refused at most."""
    limiter = AdaptiveLimiter(Random(5).random)
    got = Shared(rate, burst).work([limiter], [0.0], 300.0)
    assert got[0] >= 0.98 * rate * 300
    counted = limiter.statistics()
    assert counted.throttled <= 0.05 * counted.sent


def test_chance_can_be_given() -> None:
    """With the same chance, two runs are the same call by call."""
    runs = [
        Shared(10.0, 20.0).work(
            [AdaptiveLimiter(Random(seed).random) for seed in (6, 7)], [0.0, 1.0], 60.0
        )
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
