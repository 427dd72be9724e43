"""How fast calls may go out: one limiter per (account, Region, operation).

The service keeps a token bucket per account and Region and answers 429 when it is empty (AWS
service quotas; 2 requests a second with a burst of 5 for the onboarding operations). A limiter
mirrors that bucket, so that the burst is used at once and the rate afterwards, and a 429 is rare.

A limiter is told of each call and of what came back, with the time of each, and is asked when the
next call may go. It never sleeps and never looks at a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

DEFAULT_RATE = 2.0
"""Requests a second: "all other operations" of Connect outbound campaigns (AWS documentation)."""

DEFAULT_BURST = 5.0
"""Requests at once: the same source."""

_LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class LimiterStatistics:
    """What a limiter has seen and does, for people.

    Attributes:
        rate: requests a second that it allows in the long run.
        burst: requests that it allows at once.
        sent: calls so far.
        throttled: calls that were answered with a throttle.
        confidence: how far rate and burst are to be trusted, from 0 to 1.
    """

    rate: float
    burst: float
    sent: int
    throttled: int
    confidence: float = 1.0


class Limiter(Protocol):
    """Decides when calls may go. Times are seconds of one monotonic clock."""

    def ready_at(self, now: float) -> float:
        """Return the time from which the next call may go: `now` or earlier means at once."""
        ...

    def send(self, now: float) -> int:
        """Take note that a call goes out now, and return its ticket."""
        ...

    def accepted(self, ticket: int, now: float) -> None:
        """Take note that the call was let through, whatever else its answer says."""
        ...

    def throttled(self, ticket: int, now: float, retry_after: float | None) -> None:
        """Take note that the call was refused for want of quota.

        Args:
            ticket: the call's.
            now: when the answer came.
            retry_after: seconds that the service asks to wait, where it does.
        """
        ...

    def lost(self, ticket: int, now: float) -> None:
        """Take note that nothing can be learned from the call: a reset, a timeout, a 5xx."""
        ...

    def withdrawn(self, ticket: int, now: float) -> None:
        """Take note that the call was not sent after all, so that its token is still there."""
        ...

    def statistics(self) -> LimiterStatistics:
        """Return what it has seen and does."""
        ...


class BucketLimiter:
    """A token bucket of a known rate and burst, emptied and paused by a throttle.

    The throttles of one flight are one signal: those of calls that were sent before the last
    pause was decided change nothing. Each further one doubles the pause, from the time that one
    token takes up to 30 s; an accepted call ends the series.
    """

    __slots__ = (
        "_at",
        "_burst",
        "_pause",
        "_pause_ticket",
        "_paused_until",
        "_rate",
        "_sent",
        "_throttled",
        "_tokens",
    )

    def __init__(self, rate: float = DEFAULT_RATE, burst: float = DEFAULT_BURST) -> None:
        """Make a full bucket.

        Args:
            rate: requests a second, more than 0.
            burst: requests at once, at least 1.
        """
        if rate <= 0 or burst < 1:
            raise ValueError(f"a bucket needs rate > 0 and burst >= 1, not {rate} and {burst}")
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at: float | None = None
        self._sent = 0
        self._throttled = 0
        self._pause = 0.0
        self._pause_ticket = 0
        self._paused_until = float("-inf")

    def ready_at(self, now: float) -> float:
        """Return the time from which the next call may go."""
        self._refill(now)
        missing = max(0.0, 1.0 - self._tokens) / self._rate
        return max(now + missing if missing > 1e-9 else now, self._paused_until)

    def send(self, now: float) -> int:
        """Spend a token and return the call's ticket."""
        self._refill(now)
        self._tokens -= 1.0
        self._sent += 1
        return self._sent

    def accepted(self, ticket: int, now: float) -> None:
        """End a series of throttles, if the call was sent after the last of them."""
        del now
        if ticket > self._pause_ticket:
            self._pause = 0.0

    def throttled(self, ticket: int, now: float, retry_after: float | None) -> None:
        """Empty the bucket and pause, once for all calls of a flight."""
        self._throttled += 1
        if retry_after is not None:
            self._paused_until = max(self._paused_until, now + retry_after)
        if ticket <= self._pause_ticket:
            return
        self._refill(now)
        self._tokens = min(self._tokens, 0.0)
        self._pause = min(max(1.0 / self._rate, 2 * self._pause), _LONGEST_PAUSE)
        self._pause_ticket = self._sent
        self._paused_until = max(self._paused_until, now + self._pause)

    def lost(self, ticket: int, now: float) -> None:
        """Change nothing: the token counts as spent."""

    def withdrawn(self, ticket: int, now: float) -> None:
        """Put the token back."""
        del ticket
        self._refill(now)
        self._tokens = min(self._burst, self._tokens + 1.0)

    def statistics(self) -> LimiterStatistics:
        """Return the fixed rate and burst, and what was counted."""
        return LimiterStatistics(self._rate, self._burst, self._sent, self._throttled)

    def _refill(self, now: float) -> None:
        if self._at is not None and now > self._at:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now if self._at is None else max(self._at, now)
