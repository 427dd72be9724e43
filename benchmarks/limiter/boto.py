"""botocore's standard and adaptive retry modes, made of botocore's own classes on virtual time.

What is botocore's: the backoff, the retry quota, the rate meter, the cubic curve, the token bucket
and the adaptive mode's handler that binds them. What is ours: that waiting is virtual, and that a
target whose attempts are used up is queued again, where botocore raises and its caller must.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import CapacityNotAvailableError
from botocore.retries.adaptive import ClientRateLimiter, RateClocker
from botocore.retries.bucket import TokenBucket
from botocore.retries.quota import RetryQuota
from botocore.retries.standard import DEFAULT_MAX_ATTEMPTS, ExponentialBackoff, RetryContext
from botocore.retries.throttling import CubicCalculator

from benchmarks.limiter.peers import Workers

if TYPE_CHECKING:
    from benchmarks.limiter.scenarios import Scenario
    from benchmarks.limiter.world import Line, World

_RETRY_COST = 5  # botocore/retries/standard.py, RetryQuotaChecker


class _Clock:
    """botocore's clock, showing virtual time."""

    def __init__(self, world: World) -> None:
        self._world = world

    def current_time(self) -> float:
        return self._world.now


class _Told:
    """botocore's detector of throttles; the simulation says which answer is one."""

    def is_throttling_error(self, *, throttled: bool) -> bool:
        return throttled


class _Standard:
    def __init__(self, line: Line) -> None:
        self._backoff: Any = ExponentialBackoff(random=line.world.rng.random)
        self._quota: Any = RetryQuota()

    def wait(self, attempt: int) -> float:
        del attempt
        return 0.0

    def answered(self, attempt: int, *, let_through: bool) -> float | None:
        if let_through:
            self._quota.release(_RETRY_COST if attempt > 1 else 1)
            return 0.0
        if attempt >= DEFAULT_MAX_ATTEMPTS or not self._quota.acquire(_RETRY_COST):
            return None
        delay: float = self._backoff.delay_amount(RetryContext(attempt_number=attempt))
        return delay


class _Adaptive(_Standard):
    def __init__(self, line: Line) -> None:
        super().__init__(line)
        clock: Any = _Clock(line.world)
        self._bucket: Any = TokenBucket(max_rate=1, clock=clock)
        self._enabled = False
        self._limiter: Any = ClientRateLimiter(
            rate_adjustor=CubicCalculator(starting_max_rate=0, start_time=clock.current_time()),
            rate_clocker=RateClocker(clock),
            token_bucket=self._bucket,
            throttling_detector=_Told(),
            clock=clock,
        )

    def wait(self, attempt: int) -> float:
        del attempt
        if not self._enabled:
            return 0.0
        try:
            self._bucket.acquire(block=False)
        except CapacityNotAvailableError:
            missing = 1.0 - self._bucket.available_capacity
            return max(1e-6, float(missing / self._bucket.max_rate))
        return 0.0

    def answered(self, attempt: int, *, let_through: bool) -> float | None:
        self._limiter.on_receiving_response(throttled=not let_through)
        self._enabled = self._enabled or not let_through
        return super().answered(attempt, let_through=let_through)


def standard(line: Line, scenario: Scenario) -> Workers:
    """Ten threads with a client in standard mode."""
    return Workers(line, _Standard(line), scenario.batch)


def adaptive(line: Line, scenario: Scenario) -> Workers:
    """Ten threads with a client in adaptive mode."""
    return Workers(line, _Adaptive(line), scenario.batch)
