"""Calls that wait for their limiter, and are made again while that may help."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio

from batch_onboard.core.budget import RetryBudget
from batch_onboard.core.calls import NOT_SENT, TRANSIENT, Answer, Meaning
from batch_onboard.core.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from batch_onboard.core.catalogue import Page
    from batch_onboard.core.limiter import Limiter

_ResultT = TypeVar("_ResultT")
_ItemT = TypeVar("_ItemT")

STOPPED = Answer(Meaning.UNSENT, error_code="stopped", message="stopped before it was asked")
"""The answer to a call that is not made any more. Compare by identity."""

_PASSING = TRANSIENT | {Meaning.THROTTLED, Meaning.EXPIRED}


class Paced:
    """Makes calls.

    Attributes:
        calls: how many were made.
        throttled: how many of them were throttled.
    """

    def __init__(self, concurrency: int, chance: Callable[[], float]) -> None:
        """Begin.

        Args:
            concurrency: calls in flight.
            chance: draws a number from 0 up to, not including, 1.
        """
        self.calls = self.throttled = 0
        self._slots = anyio.Semaphore(concurrency)
        self._chance = chance
        self._budget = RetryBudget()
        self._stopping = anyio.Event()

    @property
    def stopping(self) -> bool:
        """No further call begins."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Begin no further call; those under way finish."""
        self._stopping.set()

    async def call(
        self,
        limiter: Limiter | None,
        ask: Callable[[], Awaitable[_ResultT | Answer]],
        goes_on: Callable[[], bool] = lambda: True,
    ) -> _ResultT | Answer:
        """Make a call, again and again where its answer may change; return the last answer.

        Args:
            limiter: of the account, Region and operation; None for what has no quota of its own,
                which isn't counted either.
            ask: makes the call, once.
            goes_on: says after a failure whether another try is wanted.
        """
        patience = Patience()
        while True:
            result = await self._once(limiter, ask)
            if not isinstance(result, Answer) or result is STOPPED:
                return result
            pause = self._pause(patience, result)
            if pause is None or not goes_on():
                return result
            await self.wait(pause)

    async def pages(
        self,
        limiter: Limiter,
        ask: Callable[[str | None], Awaitable[Page[_ItemT] | Answer]],
        goes_on: Callable[[], bool] = lambda: True,
    ) -> list[_ItemT] | Answer:
        """Read a list to its end, or return the answer that has ended it before."""
        items: list[_ItemT] = []
        token: str | None = None
        while True:
            asked = token
            page = await self.call(limiter, partial(ask, asked), goes_on)
            if isinstance(page, Answer):
                return page
            items += page.items
            if page.token is None:
                return items
            if page.token == asked:
                return _ENDLESS
            token = page.token

    async def wait(self, seconds: float) -> None:
        """Let time pass, but not once it stops."""
        with anyio.move_on_after(seconds):
            await self._stopping.wait()

    async def _once(
        self, limiter: Limiter | None, ask: Callable[[], Awaitable[_ResultT | Answer]]
    ) -> _ResultT | Answer:
        ticket = await self._turn(limiter) if limiter is not None else 0
        async with self._slots:
            result = STOPPED if self.stopping else await ask()
        if limiter is not None:
            self._settle(limiter, ticket, result)
        return result

    async def _turn(self, limiter: Limiter) -> int:
        while (at := limiter.ready_at(now := anyio.current_time())) > now and not self.stopping:
            await self.wait(at - now)
        return limiter.send(now)

    def _settle(self, limiter: Limiter, ticket: int, result: object) -> None:
        now = anyio.current_time()
        meaning = result.meaning if isinstance(result, Answer) else Meaning.OK
        self.calls += meaning not in NOT_SENT
        self._budget.earn()
        if isinstance(result, Answer) and meaning is Meaning.THROTTLED:
            self.throttled += 1
            limiter.throttled(ticket, now, result.retry_after)
        elif meaning in NOT_SENT:
            limiter.withdrawn(ticket, now)
        elif meaning is Meaning.UNCLEAR:
            limiter.lost(ticket, now)
        else:
            limiter.accepted(ticket, now)

    def _pause(self, patience: Patience, answer: Answer) -> float | None:
        if answer.meaning not in _PASSING:
            return None
        if answer.meaning in TRANSIENT and not self._budget.spend():
            return None
        return patience.after(answer, self._chance())


_ENDLESS = Answer(
    Meaning.UNCLEAR, error_code="unreadable", message="the list goes on with the same page"
)
