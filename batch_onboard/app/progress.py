"""What there is to see of a run while it lasts, from the engine's own counts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from batch_onboard.core.forecast import JobLength, Pace, Work, gather
from batch_onboard.core.lifecycle import State
from batch_onboard.core.picture import Growth, Outlook, Picture, Wait, look_ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from batch_onboard.app.quotas import SupposedPace
    from batch_onboard.core.calls import Operation
    from batch_onboard.core.targets import Domain
    from batch_onboard.engine.lanes import Lanes
    from batch_onboard.engine.tally import Tally

_RATE_SPAN, _THROTTLES_SPAN = 10.0, 60.0
_LEARNING = 30.0
"""Seconds after which a forecast is made even if no job has ended, from what AWS says of jobs."""
COST = 0.005
"""The share of a core that looking ahead may take: the outlook is older where domains are many."""


class Progress:
    """Looks at what the engine does. Times are monotonic seconds.

    Args:
        tally: counts.
        lanes: know what waits, and for what.
        supposed_pace: how fast a domain's calls will go, before the first of them has gone.
        lengths: returns how many seconds jobs took, as far as that is known; None: nothing is
            started or followed, the live state is but read.
        now: when it began.
        cpu: tells the CPU time of this thread, in seconds.
        cost: the share of a core that looking ahead may take.
    """

    def __init__(
        self,
        tally: Tally,
        lanes: Lanes,
        supposed_pace: SupposedPace,
        lengths: Callable[[], Sequence[float]] | None,
        now: float,
        cpu: Callable[[], float] = time.thread_time,
        cost: float = COST,
    ) -> None:
        self._tally = tally
        self._lanes = lanes
        self._supposed_pace = supposed_pace
        self._lengths = lengths
        self._began = self._look_again = now
        self._cpu = cpu
        self._cost = cost
        self._outlook = Outlook()
        self._calls = Growth(_RATE_SPAN)
        self._throttles = Growth(_THROTTLES_SPAN)

    def picture(self, now: float) -> Picture:
        """Return how the run stands, with an outlook that may be a little older."""
        if now >= self._look_again:
            began = self._cpu()
            self._outlook = self._look_ahead(now)
            self._look_again = now + (self._cpu() - began) / self._cost
        counted = self._tally.statistics()
        self._calls.see(now, counted.calls)
        self._throttles.see(now, counted.throttled)
        states = counted.states
        return Picture(
            elapsed=now - self._began,
            states=states,
            over=counted.over,
            selected=counted.selected,
            jobs=states.get(State.IN_PROGRESS, 0),
            held=max(0, states.get(State.SUBMITTING, 0) - counted.in_flight),
            in_flight=counted.in_flight,
            calls=counted.calls,
            starts=counted.starts,
            throttled=counted.throttled,
            rate=self._calls.rate,
            throttles=self._throttles.number,
            outlook=self._outlook,
            out=tuple(self._lanes.out),
        )

    def _look_ahead(self, now: float) -> Outlook:
        """Look at what is left: at each domain that has begun, and at the others all together."""
        begun = (domain for domain, _ in self._lanes.limiters.current)
        left, alike = gather(self._tally.open(), self._supposed_pace.known.union(begun))
        return look_ahead(
            {domain: self._work(domain, *numbers) for domain, numbers in left.items()},
            self._pace_of,
            self._job_length(now),
            lambda domain: self._wait_of(domain, left[domain][1], now),
            alike,
        )

    def _job_length(self, now: float) -> JobLength | None:
        if self._lengths is None:
            return JobLength(0.0, 0.0)
        lengths = self._lengths()
        known = lengths or now - self._began >= _LEARNING
        return JobLength.of(lengths) if known else None

    def _work(self, domain: Domain, number: int, started: int) -> Work:
        if self._lengths is None:
            return Work(reads=number)
        due = self._lanes.starts_due(domain)
        unread = max(0, number - started - due)
        return Work(reads=unread, starts=due, perhaps=unread, following=started)

    def _wait_of(self, domain: Domain, started: int, now: float) -> Wait:
        if not self._lanes.limiters.has(domain):
            return Wait.ANSWER  # it has not begun, for want of a free worker
        wait = self._lanes.wait_of(domain, now)
        return wait or (Wait.JOB if started else Wait.BACKOFF)

    def _pace_of(self, domain: Domain, operation: Operation) -> Pace:
        limiter = self._lanes.limiters.current.get((domain, operation))
        if limiter is None:
            return self._supposed_pace(domain, operation)
        return Pace(limiter.statistics().rate, 0.0)  # the burst is long gone
