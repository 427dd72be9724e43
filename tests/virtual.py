"""A loop whose clock jumps to the next timer, so that hours of waiting take milliseconds.

Nothing that runs on it may use threads or sockets: time would pass while they work.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, now: float) -> None:
        super().__init__()
        self.now = now

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready at once; if nothing is, let the time pass instead of waiting."""
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("the loop would wait for ever: nothing is due")
        if not ready and timeout is not None:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time, which begins at `start` seconds."""

    def __init__(self, start: float = 0.0) -> None:
        self._jumping = _JumpingSelector(start)
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self._jumping.now


def run_virtual(main: Callable[[], Coroutine[object, object, T]], *, start: float = 0.0) -> T:
    """Run a coroutine function to its end on virtual time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(start)) as runner:
        return runner.run(main())
