"""Token buckets: what the service throttles with, seen from its own side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from batch_onboard.simulator.matching import Layers
from batch_onboard.simulator.protocol import RefusalError, Reply, shaped
from batch_onboard.simulator.settings import ThrottleScope, ThrottleSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from batch_onboard.simulator.matching import Place
    from batch_onboard.simulator.settings import ThrottleRule

_TOLERANCE = 1e-9  # of tokens: ten refills of 0.1 are one token, whatever floats say


class TokenBucket:
    """A bucket that is full at first, loses a token a call and gains `rate` tokens a second."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, now: float) -> bool:
        """Take a token if there is one."""
        gained = max(0.0, now - self._at) * self._rate
        self._tokens = min(self._burst, self._tokens + gained)
        self._at = max(self._at, now)
        if self._tokens < 1.0 - _TOLERANCE:
            return False
        self._tokens -= 1.0
        return True


class Throttles:
    """The buckets of all accounts and Regions.

    A bucket keeps the rate and burst of the call that it was made for. So rules that tell
    operations apart need the scope `operation`.
    """

    def __init__(self, throttle: ThrottleSettings, overrides: Iterable[ThrottleRule] = ()) -> None:
        self._layers: Layers[ThrottleSettings] = Layers(throttle, overrides)
        self._buckets: dict[tuple[str, str, str], TokenBucket] = {}

    def refuse(self, place: Place, now: float) -> Reply | None:
        """Return the throttle that a call meets, or None if it may pass."""
        settings = self._layers.at(place)
        if settings.rate is None:
            return None
        shared = "" if settings.scope is ThrottleScope.ACCOUNT else place.operation
        scope = (place.account_id, place.region, shared)
        bucket = self._buckets.get(scope)
        if bucket is None:
            bucket = self._buckets[scope] = TokenBucket(settings.rate, settings.burst, now)
        return None if bucket.take(now) else _refusal(settings)


def _refusal(settings: ThrottleSettings) -> Reply:
    headers: list[tuple[str, str]] = []
    if settings.retry_after is not None:
        headers.append(("Retry-After", str(settings.retry_after)))
    if settings.retry_after_ms is not None:
        headers.append(("x-amz-retry-after", str(settings.retry_after_ms)))
    reply = RefusalError("ThrottlingException", "Too Many Requests").reply
    return shaped(replace(reply, headers=tuple(headers)), settings.shape)
