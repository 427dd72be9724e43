"""The limiters of a run: fixed, or beginning with what earlier runs have learned."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from batch_onboard.app.clock import now_utc
from batch_onboard.core.adaptive import AdaptiveLimiter
from batch_onboard.core.estimate import Learned
from batch_onboard.core.forecast import Pace
from batch_onboard.core.limiter import DEFAULT_BURST, DEFAULT_RATE, BucketLimiter
from batch_onboard.ledger.lines import LearnedLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from batch_onboard.app.settings import Settings
    from batch_onboard.core.calls import Operation
    from batch_onboard.core.forecast import PaceOf
    from batch_onboard.core.limiter import Limiter
    from batch_onboard.core.targets import Domain
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


def pace_maker(settings: Settings, history: History) -> PaceOf:
    """Return what says how fast a domain's calls will go, before the first of them has gone."""

    def pace_of(domain: Domain, operation: Operation) -> Pace:
        if settings.rate is not None or settings.burst is not None:
            return Pace(settings.rate or DEFAULT_RATE, settings.burst or DEFAULT_BURST)
        known = history.learned.get((str(domain), operation))
        return Pace(known.rate, known.burst) if known else Pace(DEFAULT_RATE, DEFAULT_BURST)

    return pace_of


def learned_lines(
    limiters: Mapping[tuple[Domain, Operation], Limiter],
) -> Iterator[LearnedLine]:
    """Yield what a run has found out about quotas, for the next one."""
    for (domain, operation), limiter in limiters.items():
        if not isinstance(limiter, AdaptiveLimiter) or (known := limiter.learned()) is None:
            continue
        counted = limiter.statistics()
        yield LearnedLine(
            at=now_utc(),
            domain=str(domain),
            operation=operation,
            rate=known.rate,
            burst=known.burst,
            confidence=known.confidence,
            sent=counted.sent,
            throttled=counted.throttled,
        )
