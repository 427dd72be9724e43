"""The simulator in a thread of the test's process: it costs no process of its own to start."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from batch_onboard.simulator.scenario import load_scenario
from batch_onboard.simulator.server import serve
from tests.measured import stop_measuring_thread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def served(path: Path) -> Iterator[dict[str, str]]:
    """Serve a scenario until the block is left; yield the settings that lead commands to it."""
    scenario = load_scenario(path)
    started, over = threading.Event(), asyncio.Event()
    told: list[tuple[str, asyncio.AbstractEventLoop]] = []

    async def main() -> None:
        async with serve(scenario) as simulator:
            told.append((simulator.url, asyncio.get_running_loop()))
            started.set()
            await over.wait()

    def run() -> None:
        stop_measuring_thread()
        asyncio.run(main())

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(20), "the simulator did not start"
    url, loop = told[0]
    caller = scenario.callers[0]
    try:
        yield {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": caller.access_key_id,
            "AWS_SECRET_ACCESS_KEY": caller.secret_access_key,
        }
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
