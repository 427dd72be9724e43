"""The pace of calls to STS: its quota is per calling account and Region, whatever the role.

A run over thousands of accounts is a burst of AssumeRole by one account. The limiter is the same
that paces the onboarding calls; it begins with the documented quota.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from batch_onboard.core.adaptive import AdaptiveLimiter
from batch_onboard.core.calls import Answer, Meaning
from batch_onboard.core.estimate import Learned

if TYPE_CHECKING:
    from collections.abc import Callable

_QUOTA = Learned(rate=600.0, burst=600.0, confidence=0.5)
"""AssumeRole: 600 a second for each calling account and Region (AWS service quotas)."""


class Pace:
    """Lets calls go one by one, as fast as the service takes them.

    Args:
        chance: draws a number from 0 up to, not including, 1.
    """

    def __init__(self, chance: Callable[[], float]) -> None:
        self._limiter = AdaptiveLimiter(chance, _QUOTA)

    async def turn(self) -> int:
        """Wait until a call may go, and return its ticket."""
        now = anyio.current_time()
        while (ready_at := self._limiter.ready_at(now)) > now:
            await anyio.sleep(ready_at - now)
            now = anyio.current_time()
        return self._limiter.send(now)

    def answered(self, ticket: int, result: object) -> None:
        """Take note of what came of a call."""
        now = anyio.current_time()
        meaning = result.meaning if isinstance(result, Answer) else Meaning.OK
        if isinstance(result, Answer) and meaning is Meaning.THROTTLED:
            self._limiter.throttled(ticket, now, result.retry_after)
        elif meaning is Meaning.UNSENT:
            self._limiter.withdrawn(ticket, now)
        elif meaning is Meaning.UNCLEAR:
            self._limiter.lost(ticket, now)
        else:
            self._limiter.accepted(ticket, now)
