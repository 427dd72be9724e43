"""What others do about an unknown quota, each as simple as it is usually written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from batch_onboard.core.backoff import full_jitter
from batch_onboard.core.limiter import BucketLimiter
from benchmarks.limiter.callers import PacedCaller

if TYPE_CHECKING:
    from benchmarks.limiter.scenarios import Scenario
    from benchmarks.limiter.world import Line

WORKERS = 10
"""Calls at once of those who do not adapt their number."""


def oracle(line: Line, scenario: Scenario) -> PacedCaller:
    """Pace by a token bucket that is told the quota, as with `--rate` and `--burst`."""
    return PacedCaller(line, BucketLimiter(scenario.rate, scenario.burst), scenario.batch)


class Retries(Protocol):
    """When a worker goes on after an answer."""

    def wait(self, attempt: int) -> float:
        """Return the seconds to wait before a call, the `attempt`-th for its target."""
        ...

    def answered(self, attempt: int, *, let_through: bool) -> float | None:
        """Return the seconds until the next attempt; None to let go of this target for now."""
        ...


class Workers:
    """A fixed number of workers, each of which stays with its target until that is over."""

    def __init__(self, line: Line, retries: Retries, batch: int) -> None:
        self._line = line
        self._world = line.world
        self._retries = retries
        self._waiting = batch

    def go_on(self) -> None:
        """Let all workers begin."""
        for _ in range(WORKERS):
            self._next()

    def _next(self) -> None:
        if self._waiting:
            self._waiting -= 1
            self._try(1)

    def _try(self, attempt: int) -> None:
        wait = self._retries.wait(attempt)
        if wait > 0:
            self._world.at(self._world.now + wait, lambda: self._try(attempt))
        else:
            self._line.call(lambda passed: self._answered(attempt, let_through=passed))

    def _answered(self, attempt: int, *, let_through: bool) -> None:
        pause = self._retries.answered(attempt, let_through=let_through)
        if let_through:
            self._next()
        elif pause is None:
            self._waiting += 1
            self._next()
        else:
            self._world.at(self._world.now + pause, lambda: self._try(attempt + 1))


class _Backoff:
    def __init__(self, line: Line) -> None:
        self._rng = line.world.rng

    def wait(self, attempt: int) -> float:
        del attempt
        return 0.0

    def answered(self, attempt: int, *, let_through: bool) -> float | None:
        del let_through
        return full_jitter(attempt, self._rng.random(), base=1.0, cap=20.0)


def fixed(line: Line, scenario: Scenario) -> Workers:
    """Ten workers with exponential backoff and full jitter."""
    return Workers(line, _Backoff(line), scenario.batch)


class _Aimd:
    """A window of calls in flight: one more for each window accepted, half for each refused."""

    def __init__(self, line: Line, batch: int) -> None:
        self._line = line
        self._waiting = batch
        self._in_flight = 0
        self._window = 1.0
        self._sent = 0
        self._halved_at = 0  # calls sent before this one belong to a flight that was punished

    def go_on(self) -> None:
        """Fill the window."""
        while self._waiting and self._in_flight < int(self._window):
            self._waiting -= 1
            self._in_flight += 1
            self._sent += 1
            self._call(self._sent)

    def _call(self, ticket: int) -> None:
        self._line.call(lambda passed: self._answered(ticket, let_through=passed))

    def _answered(self, ticket: int, *, let_through: bool) -> None:
        self._in_flight -= 1
        if let_through:
            self._window += 1.0 / self._window
        else:
            self._waiting += 1
            if ticket > self._halved_at:
                self._window = max(1.0, self._window / 2)
                self._halved_at = self._sent
        self.go_on()


def aimd(line: Line, scenario: Scenario) -> _Aimd:
    """A number of calls in flight that grows and shrinks like TCP's window."""
    return _Aimd(line, scenario.batch)
