"""When to ask a running job how it is: about two questions a job, and an end noticed soon.

How long jobs take is not known beforehand (20 s to a few minutes, by AWS's documentation), and
each question costs quota. So a handful of scouts are asked early and often, from 1 s on, each time
half as long again; the others wait for what the scouts learn, 20 s at most. From then on a job is
first asked when half of the recent jobs had ended, and after that each tenth of its age.
"""

from __future__ import annotations

from collections import deque

SCOUTS = 5
"""Jobs that are asked early while nothing is known."""

_FIRST = 1.0
_GROWTH = 1.5
_PATIENCE = 20.0
_REMEMBERED = 64


class PollPlan:
    """Learns how long jobs take, and says when to ask one. Times are monotonic seconds."""

    __slots__ = ("_expected", "_lengths", "_scouts")

    def __init__(self) -> None:
        self._lengths: deque[float] = deque(maxlen=_REMEMBERED)
        self._expected: float | None = None
        self._scouts = 0

    @property
    def expected(self) -> float | None:
        """Seconds in which half of the recent jobs had ended; None while no job has."""
        return self._expected

    @property
    def lengths(self) -> tuple[float, ...]:
        """Seconds that the jobs took that have ended lately."""
        return tuple(self._lengths)

    def first(self, started: float) -> float:
        """Return when to ask a job for the first time that was started at `started`."""
        if self._expected is not None:
            return started + self._expected
        if self._scouts < SCOUTS:
            self._scouts += 1
            return started + _FIRST
        return started + _PATIENCE

    def next(self, started: float, now: float) -> float:
        """Return when to ask a job again that was still running `now`."""
        age = now - started
        if self._expected is None:
            return now + min(_PATIENCE, max(_FIRST, age * (_GROWTH - 1)))
        return max(started + self._expected, now + max(_FIRST / 2, age / 10))

    def ended(self, running_at: float, ended_at: float) -> None:
        """Learn from a job that ended.

        Its length lies between the two ages. Where they are far apart, as for a job that had ended
        when it was first asked, the later one is the better guess: it was the expected length, and
        taking the middle would halve the expectation with each job. A guess somewhat below it
        lets the expectation sink until some jobs are still running when they are first asked.

        Args:
            running_at: its age in seconds when it was last seen running.
            ended_at: its age in seconds when it was first seen ended.
        """
        self._lengths.append(max((running_at + ended_at) / 2, 0.9 * ended_at))
        ordered = sorted(self._lengths)
        self._expected = ordered[len(ordered) // 2]
