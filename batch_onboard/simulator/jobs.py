"""Onboarding jobs and the instances they work on. Time is an argument: nothing here runs."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.core.calls import JobStatus
from batch_onboard.simulator.settings import Behaviour, Initial

if TYPE_CHECKING:
    from random import Random

    from batch_onboard.core.targets import Domain, Encryption
    from batch_onboard.simulator.settings import Span

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Job:
    """One job. All times are the world's, in seconds.

    Attributes:
        ends_at: when it ends; infinite if never.
        outcome: how it ends.
        encryption: what it was started with.
        failure_code: if it ends FAILED.
        visible_at: from when the status knows it.
    """

    ends_at: float
    outcome: JobStatus
    encryption: Encryption
    failure_code: str | None = None
    visible_at: float = -math.inf

    def status(self, now: float) -> JobStatus:
        """Return its status."""
        return self.outcome if now >= self.ends_at else JobStatus.IN_PROGRESS

    def days_since_end(self, now: float) -> float:
        """Return the days since its end; negative while it runs."""
        return (now - self.ends_at) / DAY


@dataclass(slots=True)
class Instance:
    """One instance, as both versions of the API see it.

    Attributes:
        job: its latest job, unless that was deleted.
        config: its encryption once it is onboarded. Only offboarding removes it, so a second job
            leaves it as it is: the key of an onboarded instance can't be changed.
        jobs_made: jobs that were started.
        settled: what the job brings about has come about.
    """

    job: Job | None = None
    config: Encryption | None = None
    jobs_made: int = 0
    settled: bool = True

    def start(self, job: Job) -> None:
        """Give it a new job."""
        self.job = job
        self.jobs_made += 1
        self.settled = False

    def settle(self, now: float) -> None:
        """Bring about what the job has, if it has ended."""
        if self.settled or self.job is None or now < self.job.ends_at:
            return
        self.settled = True
        if self.job.outcome is JobStatus.SUCCEEDED and self.config is None:
            self.config = self.job.encryption


def first_seen(behaviour: Behaviour, began_at: float, random: Random) -> Instance:
    """Make an instance as it was when the world began."""
    encryption = behaviour.encryption.value
    ended_at = began_at - behaviour.days_ago * DAY
    match behaviour.initial:
        case Initial.IN_PROGRESS:
            instance = Instance()
            instance.start(new_job(behaviour, encryption, 0, began_at, random))
            return instance
        case Initial.ONBOARDED:
            return Instance(Job(ended_at, JobStatus.SUCCEEDED, encryption), encryption)
        case Initial.OFFBOARDED:
            return Instance(Job(ended_at, JobStatus.SUCCEEDED, encryption))
        case Initial.FAILED:
            return Instance(
                Job(ended_at, JobStatus.FAILED, encryption, behaviour.failure_code),
            )
        case _:
            return Instance()


def new_job(
    behaviour: Behaviour, encryption: Encryption, earlier_jobs: int, now: float, random: Random
) -> Job:
    """Make a job that starts now; how long it takes is drawn."""
    fails = earlier_jobs < behaviour.failures or behaviour.outcome is JobStatus.FAILED
    return Job(
        ends_at=now + _draw(behaviour.job_duration, random),
        outcome=JobStatus.FAILED if fails else JobStatus.SUCCEEDED,
        encryption=encryption,
        failure_code=behaviour.failure_code if fails else None,
        visible_at=now + behaviour.visible_after,
    )


def _draw(span: Span, random: Random) -> float:
    return math.inf if math.isinf(span.max) else random.uniform(span.min, span.max)


class JobsInProgress:
    """How many jobs run in each account and Region: a heap of their ends, for each."""

    def __init__(self) -> None:
        self._ends: dict[Domain, list[float]] = {}

    def add(self, domain: Domain, ends_at: float) -> None:
        """Count a job until its end."""
        heapq.heappush(self._ends.setdefault(domain, []), ends_at)

    def count(self, domain: Domain, now: float) -> int:
        """Return how many run now."""
        ends = self._ends.get(domain, [])
        while ends and ends[0] <= now:
            heapq.heappop(ends)
        return len(ends)
