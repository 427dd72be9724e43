"""The engine that needs no other machine: parts are tasks of this process.

It keeps the port honest: what the coordinator can do with it, it can do with any engine. A run that
has nothing to do uses it, since no worker is worth starting for that.
"""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from batch_onboard.fleet.port import Heard
from batch_onboard.fleet.standing import Standing
from batch_onboard.fleet.working import broken, work

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from anyio.abc import TaskGroup

    from batch_onboard.fleet.port import End, Message, Order, Part

    Work = Callable[[Part, Callable[[Message], None], Standing], Awaitable[End]]


class InProcess:
    """Runs parts as tasks; conforms to `fleet.port.Engine`.

    Attributes:
        workers: how many there seem to be.

    Args:
        run: the run's id.
        group: has the tasks.
        do: does a part.
    """

    workers = 1

    def __init__(self, run: str, group: TaskGroup, do: Work) -> None:
        self._run = run
        self._group = group
        self._do = do
        self._standing = Standing()
        self._send, self._receive = anyio.create_memory_object_stream[Heard](math.inf)

    async def launch(self, part: Part) -> None:
        """Begin a part."""
        self._group.start_soon(self._carry_out, part)

    def withdraw(self, numbers: frozenset[int]) -> None:
        """Let parts be: all have begun."""

    def order(self, order: Order) -> None:
        """Tell all parts what is wanted."""
        self._standing.hear(self._run, order)

    async def hear(self) -> Heard:
        """Wait for what comes next."""
        return await self._receive.receive()

    async def _carry_out(self, part: Part) -> None:
        try:
            end = await self._do(part, self._send.send_nowait, self._standing)
        except Exception as error:  # noqa: BLE001 - a bug of ours, told at the run's end
            end = broken(part.number, error)
        self._send.send_nowait(end)


@asynccontextmanager
async def open_in_process(run: str, do: Work = work) -> AsyncIterator[InProcess]:
    """Open the engine for a run; parts that have not ended are cancelled at its end.

    Args:
        run: the run's id.
        do: does a part.
    """
    async with anyio.create_task_group() as group:
        engine = InProcess(run, group, do)
        with engine._send, engine._receive:  # noqa: SLF001 - its own
            yield engine
        group.cancel_scope.cancel()
