from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import current_thread

import anyio
import pytest

from batch_onboard.fleet.loop import Loop


def test_all_threads_share_one_loop() -> None:
    """Each waits for its own coroutine, which may wait for that of another."""
    loop, met = Loop(), anyio.Event()

    async def first() -> str:
        await met.wait()
        return current_thread().name

    async def second(said: str) -> str:
        met.set()
        return f"{said} {current_thread().name}"

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.submit(loop.call, first), threads.submit(loop.call, second, "in")
        assert (one.result(10), other.result(10)) == ("parts", "in parts")


def test_what_a_coroutine_raises_reaches_its_thread_alone() -> None:
    """The loop goes on for the others."""
    loop = Loop()

    async def failing() -> None:
        raise LookupError("gone")

    async def fine() -> int:
        return 3

    with pytest.raises(LookupError, match="gone"):
        loop.call(failing)
    assert loop.call(fine) == 3
