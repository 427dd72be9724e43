"""What lies outside of a process: a simulated world, and the requests on their way to it.

In memory and on virtual time. A request whose sender has given it up, or has died, still lands.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from batch_onboard.core.calls import Answer, Meaning, Operation
from batch_onboard.core.steps import MARGIN
from batch_onboard.simulator.memory import MemoryService
from batch_onboard.simulator.protocol import Delivery, WorldCall
from batch_onboard.simulator.scenario import Scenario
from batch_onboard.simulator.understanding import answer_of
from batch_onboard.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from batch_onboard.core.targets import Target
    from batch_onboard.simulator.protocol import Reply

CALL_TIMEOUT = 20.0
LATEST = CALL_TIMEOUT + MARGIN - 0.1
"""Seconds after which a request has landed or never will; the rest is for the fsync before it."""


@dataclass(frozen=True, slots=True, eq=False)
class Flight:
    """A request on its way: when it left, and when it lands."""

    call: WorldCall
    sent_at: float
    lands_at: float


class Outside:
    """A world, and the requests that are on their way to it."""

    def __init__(self, scenario: Mapping[str, object]) -> None:
        self.world = World(Scenario.model_validate(scenario))
        self.on_way: list[Flight] = []
        self.arrived = 0

    def land(self, flight: Flight, now: float) -> Reply:
        """Let a request arrive."""
        self.on_way.remove(flight)
        self.arrived += 1
        return self.world.handle(flight.call, now)

    def land_before(self, now: float) -> None:
        """Let all requests arrive that are due, each at its time, while no process is there."""
        for flight in sorted(self.on_way, key=lambda each: each.lands_at):
            if flight.lands_at <= now:
                self.land(flight, flight.lands_at)


class Mail(MemoryService):
    """The service in memory, whose requests are seen on their way and may land late.

    Args:
        outside: where requests go.
        latency: draws the seconds of one way of a call, for the way there and the way back.
    """

    def __init__(self, outside: Outside, latency: Callable[[], float]) -> None:
        super().__init__(outside.world, call_timeout=CALL_TIMEOUT)
        self._outside = outside
        self._one_way = latency

    async def send(self, operation: Operation, target: Target) -> Answer:
        """Make one call; a request that is given up is still on its way."""
        unready = await self.prepare(target)
        if unready is not None:
            return unready
        now = anyio.current_time()
        call = WorldCall(operation, target.key, target.api, target.encryption)
        flight = Flight(call, now, now + min(self._one_way(), LATEST))
        self._outside.on_way.append(flight)
        landed: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        land_in_time(self._outside, flight, landed)
        with anyio.move_on_after(CALL_TIMEOUT):
            reply = await landed
            if reply.delivery is Delivery.NEVER:
                await anyio.sleep_forever()
            await anyio.sleep(self._one_way() + reply.delay)
            return answer_of(operation, target.key.instance_id, reply)
        return Answer(Meaning.UNCLEAR, error_code="timeout")


def land_in_time(
    outside: Outside, flight: Flight, landed: asyncio.Future[Reply] | None = None
) -> None:
    """Arrange for a request to land when it is due, on the running loop."""
    loop = asyncio.get_running_loop()

    def land() -> None:
        reply = outside.land(flight, loop.time())
        if landed is not None and not landed.done():
            landed.set_result(reply)

    loop.call_at(flight.lands_at, land)
