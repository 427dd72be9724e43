"""What coordinators have ordered last, in a process that works for them."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

from batch_onboard.fleet.port import Order

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_RUNS = 16
"""A worker that serves many runs, one after the other, forgets the oldest."""


class Standing:
    """The order of each run that stands now. Heard in one thread, asked for in others.

    Args:
        clock: tells seconds that go on while a process is stopped.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._heard: dict[str, tuple[Order, float]] = {}

    def hear(self, run: str, order: Order) -> None:
        """Take note of what the coordinator of a run wants, and that it lives."""
        with self._lock:
            self._heard.pop(run, None)
            self._heard[run] = (order, self._clock())
            while len(self._heard) > _MOST_RUNS:
                del self._heard[next(iter(self._heard))]

    def order(self, run: str) -> Order:
        """Return what it wants: to go on, if it has not said anything yet."""
        with self._lock:
            return self._heard[run][0] if run in self._heard else Order()

    def silent_for(self, run: str, since: float) -> float:
        """Return for how many seconds nothing was heard of the coordinator of a run.

        Args:
            run: its id.
            since: when listening began, by this clock.
        """
        with self._lock:
            heard = self._heard[run][1] if run in self._heard else since
        return self._clock() - max(heard, since)

    def now(self) -> float:
        """Return the time by this clock."""
        return self._clock()
