"""The limiters of a run: one for each domain and operation, from the first call to the last."""

from __future__ import annotations

from heapq import nsmallest
from math import inf
from typing import TYPE_CHECKING

from batch_onboard.core.calls import NOT_SENT, Meaning, Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from batch_onboard.core.calls import Answer
    from batch_onboard.core.limiter import Limiter, LimiterStatistics
    from batch_onboard.core.targets import Domain

Scope = tuple["Domain", Operation]

_REMEMBERED = 600
"""Quotas whose statistics are kept when their domains are over: three of each of 200 domains."""


def forgotten(domain: Domain, operation: Operation, limiter: Limiter) -> None:
    """Let a limiter go without a trace."""
    del domain, operation, limiter


class Limiters:
    """The limiters of the domains that have calls left.

    Attributes:
        current: those limiters.
        domains: how many domains have had one, ever.
    """

    def __init__(
        self,
        make: Callable[[Domain, Operation], Limiter],
        let_go: Callable[[Domain, Operation, Limiter], None] = forgotten,
    ) -> None:
        """Begin without any.

        Args:
            make: called once for each domain and operation.
            let_go: takes each limiter when its domain is over.
        """
        self.current: dict[Scope, Limiter] = {}
        self.domains = 0
        self._make = make
        self._let_go = let_go
        self._throttled: dict[Scope, float] = {}  # when, last
        self._calm: dict[Scope, LimiterStatistics] = {}  # of domains that are over
        self._met: dict[Scope, LimiterStatistics] = {}  # likewise, where throttles were met

    def of(self, domain: Domain, operation: Operation) -> Limiter:
        """Return the limiter of a domain and operation, made if it is the first time."""
        limiter = self.current.get((domain, operation))
        if limiter is None:
            self.domains += not self.has(domain)
            limiter = self.current[domain, operation] = self._make(domain, operation)
        return limiter

    def has(self, domain: Domain) -> bool:
        """Say whether a domain has begun, and has calls left."""
        return any((domain, operation) in self.current for operation in Operation)

    def throttled_at(self, domain: Domain, operation: Operation) -> float:
        """Return when a call was last throttled, in monotonic seconds; -inf if none was."""
        return self._throttled.get((domain, operation), -inf)

    def answered(
        self, domain: Domain, operation: Operation, ticket: int, answer: Answer, now: float
    ) -> None:
        """Tell a limiter what came of a call."""
        limiter = self.current[domain, operation]
        if answer.meaning is Meaning.THROTTLED:
            limiter.throttled(ticket, now, answer.retry_after)
            self._throttled[domain, operation] = now
        elif answer.meaning in NOT_SENT:
            limiter.withdrawn(ticket, now)
        elif answer.meaning is Meaning.UNCLEAR:
            limiter.lost(ticket, now)
        else:
            limiter.accepted(ticket, now)

    def forget(self, domain: Domain) -> list[Limiter]:
        """Let the limiters of a domain go that has no calls left, and return them."""
        gone = []
        for operation in Operation:
            scope = domain, operation
            limiter = self.current.pop(scope, None)
            if limiter is None:
                continue
            gone.append(limiter)
            self._let_go(domain, operation, limiter)
            kept = self._calm if self._throttled.pop(scope, None) is None else self._met
            kept[scope] = limiter.statistics()
            if len(kept) > _REMEMBERED:
                del kept[next(iter(kept))]
        return gone

    def slowest(self, number: int) -> list[tuple[Domain, Operation, LimiterStatistics]]:
        """Return what is known of those that met throttles, those of the lowest rate first."""
        met = [(*scope, self.current[scope].statistics()) for scope in self._throttled]
        return nsmallest(number, met, key=lambda each: each[2].rate)

    def statistics(self) -> Mapping[Scope, LimiterStatistics]:
        """Return what is known of each, and of some whose domains are over.

        Those that met throttles come first, those of the lowest rate before the others.
        """
        known = {scope: limiter.statistics() for scope, limiter in self.current.items()}
        met = self._met | {scope: known[scope] for scope in self._throttled}
        calm = {scope: it for scope, it in (known | self._calm).items() if scope not in met}
        return dict(sorted(met.items(), key=lambda each: each[1].rate)) | calm
