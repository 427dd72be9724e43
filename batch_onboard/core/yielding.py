"""How much to take of a bucket that somebody else uses too.

What passes between two refusals is what the others leave, so a limiter that only measures keeps
whatever share it has, and nothing draws two of them together. Here something does: a refusal cuts
the pace by a factor, and quiet time lets it climb, the faster the longer nothing was refused. Who
is faster is refused more often and has less quiet time; and since the root of the pace climbs
evenly, the slower gains in proportion even where both are refused at once.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from batch_onboard.core.estimate import SLOWEST

if TYPE_CHECKING:
    from collections.abc import Callable


class Yielding:
    """The pace of calls while the bucket seems to be shared; otherwise idle.

    Attributes:
        active: the bucket seems to be shared.
        met: it seemed so before, or seems so now.
        pace: calls a second.
        delay: chance for the next call, from 0 to 1, so that no two keep time with one bucket.
        ready_at: when the next call may go.
    """

    __slots__ = (
        "_chance",
        "_climb",
        "_give",
        "_quiet",
        "_sent_at",
        "active",
        "delay",
        "met",
        "pace",
        "ready_at",
    )

    def __init__(self, chance: Callable[[], float], *, give: float, climb: float) -> None:
        """Make one that is idle.

        Args:
            chance: draws a number from 0 up to 1, for the delays.
            give: the share of the pace that is left after a refusal.
            climb: what is added to the pace's root each second, for each second without a refusal.
        """
        self._chance = chance
        self._give, self._climb = give, climb
        self.delay = chance()
        self._quiet = 0.0
        self._sent_at = self.ready_at = float("-inf")
        self.active = self.met = False
        self.pace = SLOWEST

    def begin(self, now: float, rate: float, *, quiet: float = 0.0) -> None:
        """Somebody else is there: leave them a part of what was ours.

        Args:
            now: the time.
            rate: calls a second until now.
            quiet: seconds to climb as though nothing had been refused for so long.
        """
        self.active = self.met = True
        self.pace = rate
        self._cut(now, quiet)

    def refused(self, now: float, *, alone: bool) -> None:
        """Give way; and end if a bucket of our own explains the refusal as well."""
        self._cut(now, 0.0)
        self.active = not alone

    def sent(self, now: float) -> None:
        """Climb by the time since the last call; time in which there was no work counts little."""
        self.delay = self._chance()
        if not self.active:
            return
        passed = min(now - self._sent_at, 2.0 / self.pace)
        self.pace = (sqrt(self.pace) + self._climb * passed * (self._quiet + passed / 2)) ** 2
        self._quiet += passed
        self._sent_at = now
        self._wait(now)

    def _cut(self, now: float, quiet: float) -> None:
        self.pace = max(SLOWEST, self._give * self.pace)
        self._quiet = quiet
        self._wait(now)

    def _wait(self, now: float) -> None:
        self.ready_at = now + (0.5 + self.delay) / self.pace
