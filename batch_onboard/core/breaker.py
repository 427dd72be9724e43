"""When a part of the service is out of order: a circuit breaker with half-open trials.

A breaker counts failures in a row that say nothing about a target: no connection, a timeout, a 5xx.
After some it is *open*: nothing goes but, after each pause, one trial. A trial that brings any
answer at all closes it. Pauses double up to a minute. An outage of more than five minutes is not
waited for: what waits is given up, and left to the next run.

There is a breaker for each account and Region, which one sick account opens, and one for each
Region, which opens only for failures of several accounts: a service that is down, or a network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    from batch_onboard.core.calls import Answer

LONGEST_OUTAGE = 300.0
"""Seconds after which an outage is no longer waited for."""

_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 60.0


class Breaker:
    """The circuit to one part of the service. Times are seconds of one monotonic clock.

    Attributes:
        ready_at: when the pause of an open circuit is over, so that a trial may go.
        given_up: the last failure of an outage that is no longer waited for, else None.
    """

    __slots__ = (
        "_failures",
        "_least_sources",
        "_opened_at",
        "_pause",
        "_sources",
        "_trial",
        "_trips",
        "given_up",
        "ready_at",
    )

    def __init__(self, trips: int, *, sources: int = 1) -> None:
        """Make a closed circuit.

        Args:
            trips: failures in a row that open it.
            sources: how many accounts, at least, they have to come from.
        """
        self._trips = trips
        self._least_sources = sources
        self._failures = 0
        self._sources: set[Hashable] = set()
        self._opened_at: float | None = None
        self._pause = 0.0
        self._trial: object = None
        self.ready_at = float("-inf")
        self.given_up: Answer | None = None

    @property
    def is_open(self) -> bool:
        """Nothing but trials may go."""
        return self._opened_at is not None

    @property
    def on_trial(self) -> bool:
        """A trial is under way, whose answer decides."""
        return self._trial is not None

    def sent(self, caller: object) -> None:
        """Take note that a call goes; if the circuit is open, it is the trial."""
        if self.is_open:
            self._trial = caller

    def withdrawn(self, caller: object) -> None:
        """Take note that a call was not made after all."""
        if self._trial is caller:
            self._trial = None

    def worked(self) -> None:
        """Take note of an answer, whatever it says: the way there is open."""
        self._failures = 0
        self._sources.clear()
        self._opened_at = self._trial = None
        self._pause = 0.0
        self.ready_at = float("-inf")

    def failed(
        self, caller: object, source: Hashable, answer: Answer, now: float, chance: float
    ) -> None:
        """Take note of a failure.

        Args:
            caller: whose call it was.
            source: which account it concerned.
            answer: what came back, or did not; kept if the outage is given up.
            now: when.
            chance: a number from 0 up to, not including, 1.
        """
        self._failures += 1
        self._sources.add(source)
        if self._opened_at is None:
            if self._failures >= self._trips and len(self._sources) >= self._least_sources:
                self._opened_at = now
                self._rest(now, chance)
        elif self._trial is caller:
            self._trial = None
            self._rest(now, chance)
        if self._opened_at is not None and now - self._opened_at >= LONGEST_OUTAGE:
            self.given_up = answer

    def _rest(self, now: float, chance: float) -> None:
        self._pause = min(_LONGEST_PAUSE, 2 * self._pause or _FIRST_PAUSE)
        self.ready_at = now + self._pause * (1 + chance) / 2
