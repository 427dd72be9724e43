"""The parts of a run that were launched and have not ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from batch_onboard.core.shard import Shard
    from batch_onboard.core.targets import TargetKey
    from batch_onboard.fleet.parts import Parts
    from batch_onboard.fleet.port import Engine, Heard, Part

_TO_ABORT = 5.0
"""Seconds that workers have to end when not even calls under way may finish."""


@dataclass(slots=True)
class Launch:
    """A part that was launched and has not ended.

    Attributes:
        part: the part.
        shard: whose it is.
        share: of the limit, how much is left of what it was given; None: there is no limit.
        losses: workers that were lost with it in this stage.
        begun: it holds its ledger.
        held_since: when it was first told that another run holds it; None: it was not.
    """

    part: Part
    shard: Shard
    share: int | None
    losses: int
    begun: bool = False
    held_since: float | None = None


class Launches:
    """Launches parts, and hears of each until it has ended.

    Args:
        parts: makes parts.
        gone: is told the number of each part that is heard of no more.
    """

    def __init__(self, parts: Parts, gone: Callable[[int], None]) -> None:
        self._parts = parts
        self._gone = gone
        self._launches: dict[int, Launch] = {}
        self._waiting: anyio.CancelScope | None = None

    async def begin(
        self,
        engine: Engine,
        shard: Shard,
        keys: frozenset[TargetKey],
        share: int | None,
        losses: int = 0,
    ) -> None:
        """Launch a part of a shard.

        Args:
            engine: has the workers.
            shard: whose it is.
            keys: its targets that are to be worked through.
            share: how many of them may be started; None: all.
            losses: workers that were lost with it before.
        """
        part = self._parts.make(shard, keys, share)
        self._launches[part.number] = Launch(part, shard, share, losses)
        await engine.launch(part)

    async def hear(
        self, engine: Engine, take: Callable[[Launch, Heard, Engine], Awaitable[None]]
    ) -> None:
        """Have all that is heard taken, until none is left or those that are left are given up.

        Args:
            engine: has the workers.
            take: is given what is heard of a launch, and may end it and begin others.

        Raises:
            EngineError: no part will be heard of any more.
        """
        try:
            with anyio.CancelScope() as self._waiting:
                while self._launches:
                    heard = await engine.hear()
                    launch = self._launches.get(heard.number)
                    if launch is not None:  # else it is of a worker that was given up
                        await take(launch, heard, engine)
        finally:
            self._launches.clear()
            self._waiting = None

    def end(self, launch: Launch) -> None:
        """Let a launch go that has ended, or whose worker is lost."""
        del self._launches[launch.part.number]
        self._gone(launch.part.number)

    def let_idle_go(self) -> frozenset[int]:
        """Wait no more for those that no worker has begun, and return their numbers."""
        idle = [launch for launch in self._launches.values() if not launch.begun]
        for launch in idle:
            self.end(launch)
        if self._waiting is not None and not self._launches:
            self._waiting.cancel()
        return frozenset(launch.part.number for launch in idle)

    def hurry(self) -> None:
        """Wait no longer than a few seconds for those that are left."""
        if self._waiting is not None:
            self._waiting.deadline = anyio.current_time() + _TO_ABORT
