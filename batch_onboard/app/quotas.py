"""The limiters of a run: fixed, or beginning with what earlier runs have learned."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from batch_onboard.app.clock import now_utc
from batch_onboard.core.adaptive import AdaptiveLimiter
from batch_onboard.core.estimate import Learned
from batch_onboard.core.forecast import PACED, Pace
from batch_onboard.core.limiter import DEFAULT_BURST, DEFAULT_RATE, BucketLimiter
from batch_onboard.core.targets import Domain

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.app.settings import Settings
    from batch_onboard.core.calls import Operation
    from batch_onboard.core.limiter import Limiter
    from batch_onboard.ledger.history import History


def limiter_maker(settings: Settings, history: History) -> Callable[[Domain, Operation], Limiter]:
    """Return what makes the limiter for a domain and operation."""

    def make(domain: Domain, operation: Operation) -> Limiter:
        rate, burst = settings.rate, settings.burst
        if rate is not None or burst is not None:
            return BucketLimiter(rate or DEFAULT_RATE, burst or DEFAULT_BURST)
        known = history.learned.get((str(domain), operation))
        if known is None:
            return AdaptiveLimiter(random.random)
        age = (now_utc() - known.at).total_seconds()
        return AdaptiveLimiter(
            random.random, Learned(known.rate, known.burst, known.confidence).aged(age)
        )

    return make


class SupposedPace:
    """Says how fast a domain's calls will go, before the first of them has gone.

    Attributes:
        known: the domains of which earlier runs have learned something; all others are alike.
    """

    def __init__(self, settings: Settings, history: History) -> None:
        self._learned = history.learned
        self._default = Pace(DEFAULT_RATE, DEFAULT_BURST)
        if settings.rate is not None or settings.burst is not None:
            self._learned = {}
            self._default = Pace(settings.rate or DEFAULT_RATE, settings.burst or DEFAULT_BURST)
        self.known = frozenset(Domain(*text.split("/")) for text, _ in self._learned)

    def __call__(self, domain: Domain, operation: Operation) -> Pace:
        """Return the quota of an operation in a domain."""
        if domain not in self.known:
            return self._default
        known = self._learned.get((str(domain), operation))
        return Pace(known.rate, known.burst) if known else self._default

    def rate_of(self, domain: Domain) -> float:
        """Return how many targets a second a domain's quotas will allow."""
        return min(self(domain, operation).rate for operation in PACED)
