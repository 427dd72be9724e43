"""What there is to see of a run at one moment: the same in the run's own process and in another."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from heapq import nlargest
from typing import TYPE_CHECKING, NamedTuple

from batch_onboard.core.calls import Operation
from batch_onboard.core.forecast import ALONE, EXAMPLES, UNKNOWN_LENGTH, forecast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from batch_onboard.core.forecast import Forecast, JobLength, PaceOf, Work
    from batch_onboard.core.lifecycle import State
    from batch_onboard.core.targets import Domain


class Wait(StrEnum):
    """What the targets of a domain wait for."""

    CIRCUIT = "circuit"
    """The account or Region is out of order: only a trial goes now and then."""
    PLACES = "places"
    """The account runs as many jobs at once as it can."""
    THROTTLE = "throttle"
    """The service has refused a call for want of quota, just now."""
    QUOTA = "quota"
    """The next token of the limiter's bucket."""
    ANSWER = "answer"
    """An answer that is on its way, or a free worker."""
    JOB = "job"
    """Jobs that run."""
    BACKOFF = "backoff"
    """The pause before another try."""


class Slow(NamedTuple):
    """A domain of which much is left.

    Attributes:
        domain: the domain.
        left: its targets that are not over.
        seconds: how long they may take, at most, if nothing goes wrong; None while too little is
            known.
        rate: Starts that go in a second.
        wait: what it waits for; None where that can't be seen, as from another process.
    """

    domain: Domain
    left: int
    seconds: float | None
    rate: float
    wait: Wait | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """How long what is left may take.

    Attributes:
        forecast: for all of it; None while too little is known ('learning').
        slowest: the domains that take longest, the slowest first.
    """

    forecast: Forecast | None = None
    slowest: tuple[Slow, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A run at one moment.

    Attributes:
        elapsed: seconds since it began.
        states: targets of the manifest in each state.
        over: targets that are over for this run.
        selected: targets that it is about.
        jobs: of these, those whose jobs run.
        held: those that wait for proof that their Start did not land.
        in_flight: calls that are under way; None where that can't be seen.
        calls: calls that were answered; None where that can't be seen.
        starts: Starts that were answered, from another process: that were sent.
        throttled: 429s.
        rate: calls a second, now; from another process: Starts a second.
        throttles: 429s in the last minute.
        outlook: what is left.
        out: what is out of order now: accounts and Regions.
    """

    elapsed: float
    states: Mapping[State, int]
    over: int
    selected: int
    jobs: int
    held: int
    in_flight: int | None
    calls: int | None
    starts: int
    throttled: int
    rate: float
    throttles: int
    outlook: Outlook
    out: tuple[str, ...] = ()


class Growth:
    """How fast a number grows, from looks at it every now and then.

    Args:
        span: over how many seconds.
    """

    def __init__(self, span: float) -> None:
        self._span = span
        self._seen: deque[tuple[float, int]] = deque()

    def see(self, now: float, number: int) -> None:
        """Take note of the number as it is now."""
        seen = self._seen
        seen.append((now, number))
        # One look of before the span stays, so that all that is in the span counts.
        while len(seen) > 2 and seen[1][0] <= now - self._span:
            seen.popleft()

    @property
    def number(self) -> int:
        """By how much it has grown in the span."""
        return self._seen[-1][1] - self._seen[0][1] if self._seen else 0

    @property
    def rate(self) -> float:
        """By how much it grows in a second."""
        seconds = self._seen[-1][0] - self._seen[0][0] if self._seen else 0.0
        return self.number / seconds if seconds > 0 else 0.0


def look_ahead(
    works: Mapping[Domain, Work],
    pace_of: PaceOf,
    jobs: JobLength | None,
    wait_of: Callable[[Domain], Wait | None],
    alike: Mapping[Domain, int] = ALONE,
) -> Outlook:
    """Say how long what is left may take, and where it takes longest.

    Args:
        works: what is left in each domain.
        pace_of: returns the quota of an operation in a domain.
        jobs: how long jobs take; None while that is not known.
        wait_of: returns what a domain waits for.
        alike: for how many domains one stands, where it is more than itself.
    """
    length = jobs or UNKNOWN_LENGTH
    seconds = {
        domain: forecast({domain: work}, pace_of, length).most for domain, work in works.items()
    }
    slowest = tuple(
        Slow(
            domain,
            _left(works[domain]),
            seconds[domain] if jobs else None,
            pace_of(domain, Operation.START).rate,
            wait_of(domain),
        )
        for domain in nlargest(EXAMPLES, seconds, key=seconds.__getitem__)
    )
    return Outlook(forecast(works, pace_of, length, alike) if jobs else None, slowest)


def _left(work: Work) -> int:
    return work.starts + max(work.reads, work.perhaps) + work.following
