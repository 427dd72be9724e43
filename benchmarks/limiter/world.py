"""Virtual time, and a service in it that refuses what is beyond its quota.

The service decides when a request arrives, which is about half of the latency after it was sent;
only the answer takes the rest. Latencies have the given median and a log-normal tail, on the way
there as well as in the work (99 in 100 are below 2.3 times the median).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import exp
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

_TOLERANCE = 1e-9  # of tokens: two refills of half a token are one, whatever floats say


class World:
    """A clock that jumps to whatever is due next."""

    def __init__(self, rng: Random) -> None:
        self.now = 0.0
        self.rng = rng
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Let `action` happen at `when`, in seconds since the beginning."""
        heappush(self._due, (when, next(self._order), action))

    def run(self, until: float, *, over: Callable[[], bool]) -> None:
        """Let time pass until nothing is due, the time is `until`, or `over` says so."""
        while self._due and not over():
            when, _, action = heappop(self._due)
            if when > until:
                return
            self.now = when
            action()


class Quota(Protocol):
    """What a service lets through."""

    def take(self, now: float) -> bool:
        """Let a call through, or refuse it."""
        ...


class Bucket:
    """A token bucket, full at first. Its rate and burst may be changed at any time."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Take a token if there is one."""
        self._refill(now)
        if self._tokens < 1.0 - _TOLERANCE:
            return False
        self._tokens -= 1.0
        return True

    def change(self, rate: float, burst: float, now: float) -> None:
        """Go on with another rate and burst, and the tokens that are there."""
        self._refill(now)
        self._rate, self._burst = rate, burst
        self._tokens = min(self._tokens, burst)

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now


class SlidingWindow:
    """At most `limit` calls in any `seconds`."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._accepted: deque[float] = deque()

    def take(self, now: float) -> bool:
        """Let a call through if fewer than the limit were let through lately."""
        while self._accepted and self._accepted[0] <= now - self._seconds:
            self._accepted.popleft()
        if len(self._accepted) >= self._limit:
            return False
        self._accepted.append(now)
        return True


@dataclass(slots=True)
class Tally:
    """What one caller did, by the service's clock. Times in seconds.

    Attributes:
        sent: when its calls left.
        accepted: when calls were let through.
        refused: when calls were refused.
    """

    sent: list[float] = field(default_factory=list)
    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    @property
    def waste(self) -> float:
        """The share of its calls that was refused."""
        return len(self.refused) / max(1, len(self.sent))


class Line:
    """One caller's way to the service."""

    def __init__(self, world: World, quota: Quota, latency: float) -> None:
        self.world = world
        self.tally = Tally()
        self._quota = quota
        self._latency = latency

    def call(self, answered: Callable[[bool], None]) -> None:
        """Send a call now; `answered` is told later whether it was let through."""
        gauss = self.world.rng.gauss
        there = self._latency * (0.4 + 0.05 * exp(gauss(0.0, 1.0)))
        work = self._latency * 0.1 * exp(gauss(0.0, 1.0))
        self.tally.sent.append(self.world.now)

        def arrive() -> None:
            let_through = self._quota.take(self.world.now)
            (self.tally.accepted if let_through else self.tally.refused).append(self.world.now)
            self.world.at(self.world.now + there + work, lambda: answered(let_through))

        self.world.at(self.world.now + there, arrive)
