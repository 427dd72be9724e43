"""A slow wire: a relay on loopback that lets bytes through as late as a network would.

Half of the latency is spent on the way there, half on the way back: HTTP/1.1 takes turns, so each
time that the other side begins to speak, its first bytes wait, and the rest of what it says
follows at once. Latencies are spread log-normally around their median, from 0.4 to 4 times.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from random import Random

_SPREAD = 0.5
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a call takes from its first byte to its answer.

    Attributes:
        median: seconds.
        random: where chance comes from.
    """

    median: float
    random: Random

    def draw(self) -> float:
        """Draw seconds for one call."""
        factor = math.exp(self.random.gauss(0.0, _SPREAD))
        return self.median * min(max(factor, 0.4), 4.0)


class _Line:
    """One connection: who spoke last, and how long the call under way takes."""

    def __init__(self, latency: Latency) -> None:
        self._latency = latency
        self._caller_spoke = False
        self._drawn = 0.0

    async def carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_caller: bool
    ) -> None:
        """Carry bytes in one direction until its source closes or its sink is gone."""
        with suppress(ConnectionError):
            while chunk := await source.read(_CHUNK):
                if is_caller and not self._caller_spoke:
                    self._drawn = self._latency.draw()
                if is_caller is not self._caller_spoke:
                    self._caller_spoke = is_caller
                    await asyncio.sleep(self._drawn / 2)
                sink.write(chunk)
                await sink.drain()
        sink.close()


@asynccontextmanager
async def slow_wire(port: int, latency: Latency) -> AsyncIterator[int]:
    """Lay a wire to a port of this machine until the block is left.

    Args:
        port: where the server listens.
        latency: of each call.

    Yields:
        The port to call instead.
    """

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection("127.0.0.1", port)
        line = _Line(latency)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(line.carry(reader, requests, is_caller=True))
            tasks.create_task(line.carry(answers, writer, is_caller=False))

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
