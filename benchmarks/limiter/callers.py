"""Callers that ask a limiter when the next call may go, as the tool's engine does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from benchmarks.limiter.world import Line

CONCURRENCY = 128
"""The most calls in flight: the tool's default."""


class Pacer(Protocol):
    """The part of the tool's `Limiter` that the simulation drives."""

    def ready_at(self, now: float) -> float:
        """Return the time from which the next call may go."""
        ...

    def send(self, now: float) -> int:
        """Take note of a call and return its ticket."""
        ...

    def accepted(self, ticket: int, now: float) -> None:
        """Take note that the call was let through."""
        ...

    def throttled(self, ticket: int, now: float, retry_after: float | None) -> None:
        """Take note that the call was refused."""
        ...


class PacedCaller:
    """Sends a batch through a limiter; what is refused goes back to the queue's head."""

    def __init__(self, line: Line, pacer: Pacer, batch: int) -> None:
        self._line = line
        self._world = line.world
        self._pacer = pacer
        self._waiting = batch
        self._in_flight = 0
        self._wakes_at: float | None = None

    def go_on(self) -> None:
        """Send what may be sent, and wake again when more may."""
        now = self._world.now
        while self._waiting and self._in_flight < CONCURRENCY:
            at = self._pacer.ready_at(now)
            if at > now:
                self._wake(at)
                return
            self._send(now)

    def _send(self, now: float) -> None:
        self._waiting -= 1
        self._in_flight += 1
        ticket = self._pacer.send(now)
        self._line.call(lambda let_through: self._answered(ticket, let_through=let_through))

    def _answered(self, ticket: int, *, let_through: bool) -> None:
        self._in_flight -= 1
        if let_through:
            self._pacer.accepted(ticket, self._world.now)
        else:
            self._waiting += 1
            self._pacer.throttled(ticket, self._world.now, None)
        self.go_on()

    def _wake(self, at: float) -> None:
        if self._wakes_at is None or at < self._wakes_at:
            self._wakes_at = at
            self._world.at(at, lambda: self._woken(at))

    def _woken(self, at: float) -> None:
        if self._wakes_at == at:
            self._wakes_at = None
            self.go_on()


class Metronome:
    """A co-tenant: calls evenly at a rate, and never repeats what was refused."""

    def __init__(self, line: Line, rate: float) -> None:
        self._line = line
        self._pause = 1.0 / rate

    def go_on(self) -> None:
        """Call, and again after a pause that varies by a fifth."""
        self._line.call(lambda _: None)
        world = self._line.world
        world.at(world.now + self._pause * world.rng.uniform(0.8, 1.2), self.go_on)
