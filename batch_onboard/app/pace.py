"""Samples of how fast a run goes, for the charts of reports: often at first, then once a minute."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from batch_onboard.app.clock import now_utc
from batch_onboard.ledger.lines import PacedLine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from batch_onboard.engine.lanes import Lanes
    from batch_onboard.engine.tally import Tally

_SLOWEST = 8
"""Quotas whose rate a sample has: more lines than these make no chart."""


class Pace:
    """Measures a run, stretch by stretch.

    Args:
        run: the run's id.
        tally: its counts.
        lanes: know its limiters.
        keep: takes each sample.
    """

    def __init__(
        self, run: str, tally: Tally, lanes: Lanes, keep: Callable[[PacedLine], None]
    ) -> None:
        self._run = run
        self._tally = tally
        self._lanes = lanes
        self._keep = keep
        self._began = self._last = anyio.current_time()
        self._calls = self._throttled = 0

    @asynccontextmanager
    async def measured(self) -> AsyncIterator[None]:
        """Take samples while the context lasts, and one at its end."""
        sampling = asyncio.create_task(self._go_on())
        try:
            yield
        finally:
            sampling.cancel()
            self.sample()

    def sample(self) -> None:
        """Measure the stretch since the last sample, unless nothing was answered in it."""
        now, counted = anyio.current_time(), self._tally.statistics()
        calls, throttled = counted.calls - self._calls, counted.throttled - self._throttled
        if calls:
            rates = tuple(
                (str(domain), operation, round(known.rate, 3))
                for domain, operation, known in self._lanes.limiters.slowest(_SLOWEST)
            )
            seconds = round(now - self._last, 3)
            self._keep(
                PacedLine(
                    at=now_utc(),
                    run=self._run,
                    seconds=seconds,
                    calls=calls,
                    throttled=throttled,
                    rates=rates,
                )
            )
        self._last, self._calls, self._throttled = now, counted.calls, counted.throttled

    async def _go_on(self) -> None:
        while True:
            await anyio.sleep(pause(self._last - self._began))
            self.sample()


def pause(elapsed: float) -> float:
    """Return the seconds until the next sample, so that a run of any length has enough to draw.

    Args:
        elapsed: seconds since the run began.
    """
    return min(60.0, max(1.0, elapsed / 30))
