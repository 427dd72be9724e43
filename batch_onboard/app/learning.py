"""What a run has found out about quotas, for the next one: kept when a domain is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.app.clock import now_utc
from batch_onboard.core.adaptive import AdaptiveLimiter
from batch_onboard.ledger.lines import LearnedLine

if TYPE_CHECKING:
    from batch_onboard.core.calls import Operation
    from batch_onboard.core.limiter import Limiter
    from batch_onboard.core.targets import Domain
    from batch_onboard.engine.limiters import Limiters
    from batch_onboard.ledger.journal import FileJournal
    from batch_onboard.ledger.ledger import Ledger


class Learning:
    """Keeps what limiters have learned in a ledger.

    Attributes:
        journal: where it goes while the run lasts; None before.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.journal: FileJournal | None = None
        self._ledger = ledger

    def let_go(self, domain: Domain, operation: Operation, limiter: Limiter) -> None:
        """Keep what was found out about the quota of a domain that is over."""
        line = learned_line(domain, operation, limiter)
        if line is not None and self.journal is not None:
            self._ledger.keep_learned_soon(line, self.journal)

    def end(self, limiters: Limiters) -> None:
        """Keep what was found out about the quotas of domains that are not over.

        Raises:
            LedgerUnusableError: it can't be written.
        """
        lines = (learned_line(*scope, limiter) for scope, limiter in limiters.current.items())
        self._ledger.keep_learned([line for line in lines if line is not None])


def learned_line(domain: Domain, operation: Operation, limiter: Limiter) -> LearnedLine | None:
    """Return what was found out about a quota; None if that is nothing."""
    if not isinstance(limiter, AdaptiveLimiter) or (known := limiter.learned()) is None:
        return None
    counted = limiter.statistics()
    return LearnedLine(
        at=now_utc(),
        domain=str(domain),
        operation=operation,
        rate=known.rate,
        burst=known.burst,
        confidence=known.confidence,
        sent=counted.sent,
        throttled=counted.throttled,
    )
