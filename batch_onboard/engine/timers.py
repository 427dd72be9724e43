"""What waits for a time: lanes for their limiters, courses for a backoff or a poll."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import TYPE_CHECKING

from batch_onboard.core.steps import Priority

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.core.course import Course
    from batch_onboard.core.polling import PollPlan
    from batch_onboard.core.steps import Next
    from batch_onboard.engine.lane import Lane

    Waiting = Lane | tuple[Course, Next]


class Timers:
    """The heap of all that waits for a time, in monotonic seconds; what came first goes first."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Waiting]] = []
        self._order = count()

    @property
    def first(self) -> float:
        """The earliest of these times; inf if nothing waits."""
        return self._heap[0][0] if self._heap else inf

    def add(self, at: float, waiting: Waiting) -> None:
        """Let something wait: a lane, or a course and what it waits for."""
        heappush(self._heap, (at, next(self._order), waiting))

    def due(self, now: float) -> Iterator[tuple[float, Waiting]]:
        """Yield what is due, with its time, and let it go."""
        while self._heap and self._heap[0][0] <= now:
            at, _, waiting = heappop(self._heap)
            yield at, waiting

    def bring_polls_forward(self, plan: PollPlan, now: float) -> None:
        """Let jobs be asked when the plan now says; this walks over all that waits."""
        for index, (at, order, waiting) in enumerate(self._heap):
            if isinstance(waiting, tuple) and waiting[1].priority is Priority.POLL:
                due = max(now, plan.first(waiting[0].job_began))
                self._heap[index] = (min(at, due), order, waiting)
        heapify(self._heap)
