"""How long work will take: quotas bound how fast its calls go, jobs how soon the last one ends.

Each domain works by itself, so the slowest one decides, unless there are so many that the process
is busy longer with all of them together. In a domain each operation has a token bucket of its own,
and all go on at once: while one target is started, the next one is read. So there the bucket that
takes longest decides when the last job begins, and its length when all is over.

Two figures come out, since little of this is known exactly: the least, where all goes well (the
buckets are full, jobs are short, what only may need a Start needs none), and the most, where none
of that holds. Neither knows of other callers' throttles, of outages or of retries.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from batch_onboard.core.calls import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from batch_onboard.core.targets import Domain

    PaceOf = Callable[[Domain, Operation], "Pace"]

Kind = TypeVar("Kind")

EXAMPLES = 3
"""Domains that a picture shows one by one, at most."""

ALONE: Mapping[Domain, int] = MappingProxyType({})
"""Each domain stands for itself."""

OVERALL_RATE = 800.0
"""Calls a second that one process makes, all domains together, on one slow core."""

PACED = (Operation.START, Operation.STATUS, Operation.CONFIG)
"""The operations of which a target may need one call or more."""

_LEAST_POLLS, _MOST_POLLS = 1, 3
"""How often a job is asked how it is: about twice, see `core.polling`."""


class Pace(NamedTuple):
    """A token bucket: `burst` requests at once, and from then on `rate` requests a second."""

    rate: float
    burst: float


@dataclass(frozen=True, slots=True)
class Work:
    """What is left to do in one domain, in numbers of targets.

    Attributes:
        reads: those whose live state is read.
        starts: those that are started for sure.
        perhaps: those that are started if there turns out to be nothing.
        following: those whose jobs run already and are followed.
    """

    reads: int = 0
    starts: int = 0
    perhaps: int = 0
    following: int = 0


class JobLength(NamedTuple):
    """How many seconds jobs take: short ones, and long ones."""

    least: float
    most: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> JobLength:
        """Return what is known from jobs that have ended, leaving out a tenth at each end.

        Args:
            seconds: how long they took; if there are none, what AWS's documentation says counts.
        """
        ordered = sorted(seconds)
        if not ordered:
            return UNKNOWN_LENGTH
        odd = len(ordered) // 10
        return cls(ordered[odd], ordered[-1 - odd])


UNKNOWN_LENGTH = JobLength(20.0, 300.0)
"""From 20 s to a few minutes, by AWS's documentation."""


class Slowest(NamedTuple):
    """The domain that takes longest, and what takes its time there.

    Attributes:
        domain: the domain.
        operation: whose quota takes longer than a job; None where it is the jobs that take longer.
        number: of those calls, or of jobs, that there may be.
        rate: how many of these calls go in a second; 0 for jobs.
    """

    domain: Domain
    operation: Operation | None
    number: int
    rate: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long work will take.

    Attributes:
        least: seconds, if all goes well.
        most: seconds, if it does not go so well; nothing bounds how ill it can go.
        slowest: where it takes longest; None if nothing is to be done, or if the process is busy
            longer with all domains together than any of them takes.
    """

    least: float = 0.0
    most: float = 0.0
    slowest: Slowest | None = None


def gather(
    kinds: Iterable[tuple[Domain, Kind]], apart: Container[Domain]
) -> tuple[dict[Domain, Kind], dict[Domain, int]]:
    """Gather domains of which nothing but their kind is known: of many, most are like others.

    Args:
        kinds: the domains, and a kind for each.
        apart: domains that stand for themselves alone.

    Returns:
        The kinds of these, and of a few examples of each other kind; and for examples that stand
        for others as well how many domains they stand for.
    """
    found: dict[Domain, Kind] = {}
    examples: defaultdict[Kind, list[Domain]] = defaultdict(list)
    numbers: Counter[Kind] = Counter()
    for domain, kind in kinds:
        if domain in apart:
            found[domain] = kind
            continue
        numbers[kind] += 1
        if numbers[kind] <= EXAMPLES:
            examples[kind].append(domain)
    found.update((domain, kind) for kind, some in examples.items() for domain in some)
    alike = {some[0]: numbers[kind] - len(some) + 1 for kind, some in examples.items()}
    return found, alike


def forecast(
    works: Mapping[Domain, Work],
    pace_of: PaceOf,
    jobs: JobLength = UNKNOWN_LENGTH,
    alike: Mapping[Domain, int] = ALONE,
) -> Forecast:
    """Foretell how long work will take.

    Args:
        works: what is left to do in each domain.
        pace_of: returns the quota of an operation in a domain, learned or by default. Where its
            bucket is not full any more, as in the middle of a run, `burst` is what is left in it.
        jobs: how long jobs take.
        alike: for how many domains one stands, where it is more than itself.
    """
    least = most = 0.0
    at_least = at_most = 0  # calls, of all domains together
    slowest: Slowest | None = None
    for domain, work in works.items():
        at_best, at_worst = _Calls.at_best(work), _Calls.at_worst(work)
        number = alike.get(domain, 1)
        at_least += number * at_best.number
        at_most += number * at_worst.number
        least = max(least, _seconds(domain, at_best, pace_of, jobs.least, full=True))
        seconds = _seconds(domain, at_worst, pace_of, jobs.most, full=False)
        if seconds > most:
            most = seconds
            slowest = _reason(domain, at_worst, pace_of, jobs.most)
    least = max(least, at_least / OVERALL_RATE)
    if at_most / OVERALL_RATE > most:
        return Forecast(least, at_most / OVERALL_RATE)
    return Forecast(least, most, slowest)


class _Calls(NamedTuple):
    """How many calls one domain's work needs.

    Attributes:
        looks: statuses and configs each.
        starts: Starts.
        jobs: jobs that are waited for.
        polls: how often they are asked how they are.
    """

    looks: int
    starts: int
    jobs: int
    polls: int

    @classmethod
    def at_best(cls, work: Work) -> _Calls:
        jobs = work.starts + work.following
        # Those that run already may end at once.
        return cls(work.reads, work.starts, work.starts, _LEAST_POLLS * jobs)

    @classmethod
    def at_worst(cls, work: Work) -> _Calls:
        starts = work.starts + work.perhaps
        jobs = starts + work.following
        return cls(work.reads, starts, jobs, _MOST_POLLS * jobs)

    @property
    def number(self) -> int:
        return 2 * self.looks + self.starts + self.polls

    def of(self, operation: Operation) -> int:
        match operation:
            case Operation.STATUS:
                return self.looks + self.polls
            case Operation.CONFIG:
                return self.looks
            case _:
                return self.starts


def _seconds(domain: Domain, calls: _Calls, pace_of: PaceOf, job: float, *, full: bool) -> float:
    """Return how long one domain takes, with its buckets full or empty at the beginning."""

    def takes(number: int, operation: Operation) -> float:
        pace = pace_of(domain, operation)
        return max(0.0, number - pace.burst if full else number) / pace.rate

    last_begins = max(
        takes(calls.starts, Operation.START),
        takes(calls.looks, Operation.STATUS),
        takes(calls.looks, Operation.CONFIG),
    )
    last_ends = last_begins + job if calls.jobs else last_begins
    return max(last_ends, takes(calls.looks + calls.polls, Operation.STATUS))


def _reason(domain: Domain, calls: _Calls, pace_of: PaceOf, job: float) -> Slowest:
    """Say what takes a domain's time: the calls that take longest, or else the jobs."""
    rates = {operation: pace_of(domain, operation).rate for operation in PACED}
    operation = max(rates, key=lambda each: calls.of(each) / rates[each])
    number = calls.of(operation)
    if calls.jobs and number / rates[operation] < job:
        return Slowest(domain, None, calls.jobs, 0.0)
    return Slowest(domain, operation, number, rates[operation])
