"""One event loop for all that a process's threads have to wait for."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Lock, Thread
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

import anyio
from anyio.from_thread import BlockingPortal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
Args = TypeVarTuple("Args")


class Loop:
    """An event loop in a thread of its own, from when it is first needed to the process's end."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._portal: BlockingPortal | None = None

    def call(self, function: Callable[[*Args], Awaitable[T]], *args: *Args) -> T:
        """Have the loop run a coroutine to its end, beside those of other threads.

        Raises:
            Exception: whatever it raised.
        """
        with self._lock:
            self._portal = portal = self._portal or _begun()
        return portal.call(function, *args)


def _begun() -> BlockingPortal:
    opened: Future[BlockingPortal] = Future()
    # A daemon: a worker that is to leave does not wait for parts that nobody waits for.
    Thread(target=anyio.run, args=(_serve, opened), name="parts", daemon=True).start()
    return opened.result()


async def _serve(opened: Future[BlockingPortal]) -> None:
    async with BlockingPortal() as portal:
        opened.set_result(portal)
        await portal.sleep_until_stopped()
