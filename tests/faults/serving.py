"""The simulator in a thread of the test's process: it costs no process of its own to start."""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from batch_onboard.simulator.scenario import (
    CALLER_ACCESS_KEY_ID,
    CALLER_SECRET_ACCESS_KEY,
    load_scenario,
)
from batch_onboard.simulator.server import serve
from tests.cli.conftest import Simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Shell


class InThread(Simulated):
    """A simulator that is no process."""

    def __init__(self, url: str) -> None:
        self.settings = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": CALLER_ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": CALLER_SECRET_ACCESS_KEY,
        }


@contextmanager
def served(scenario: Path) -> Iterator[InThread]:
    """Serve a scenario until the block is left."""
    started, over = threading.Event(), asyncio.Event()
    told: list[tuple[str, asyncio.AbstractEventLoop]] = []

    async def main() -> None:
        async with serve(load_scenario(scenario)) as simulator:
            told.append((simulator.url, asyncio.get_running_loop()))
            started.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert started.wait(20), "the simulator did not start"
    url, loop = told[0]
    try:
        yield InThread(url)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


@pytest.fixture
def simulate(shell: Shell) -> Iterator[Callable[[str], Simulated]]:
    """A function that serves a scenario and makes the shell's commands speak to it."""
    with ExitStack() as stack:

        def start(scenario: str) -> Simulated:
            path = shell.folder / shell.write("scenario.yaml", scenario)
            simulator = stack.enter_context(served(path))
            shell.environment |= simulator.settings
            return simulator

        yield start
