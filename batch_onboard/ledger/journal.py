"""Group commit: many entries become durable with one fsync.

One task writes. It takes all that was handed over, has a thread write and fsync it, wakes those who
wait for it, and goes on with what came in meanwhile. So a lone entry waits for nobody, and under
load the groups grow by themselves to what arrives during one fsync. After a large group, which is
a sign of load, the loop turns a few times first: that takes no time if it has nothing else to do,
and lets those join who are on their way if it has. Groups are then half as many; and calls whose
entries became durable together go on together, which costs them less than one by one.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from anyio import CancelScope, CapacityLimiter, to_thread

from batch_onboard.core.ports import JournalError, TakenOverError
from batch_onboard.ledger.codec import encode, encode_entry
from batch_onboard.ledger.errors import LostHoldError
from batch_onboard.ledger.opening import explain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from batch_onboard.core.record import Entry
    from batch_onboard.ledger.appender import Sink
    from batch_onboard.ledger.lines import Line

_LARGE = 4
"""Entries of a group after which the next one waits for those who are on their way."""
_TURNS = 8
"""Turns of the loop that it waits."""


class _Group:
    """Entries that become durable together."""

    __slots__ = ("bodies", "entries", "over", "saved", "wanted")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.bodies: list[bytes] = []
        self.wanted = False
        self.saved = False
        self.over = asyncio.Event()

    def end(self, *, saved: bool) -> None:
        self.saved = saved
        self.over.set()


class FileJournal:
    """The journal of a ledger; conforms to `core.ports.Journal`.

    It does not apply entries to records: whoever hands them over has done so.
    """

    def __init__(self, appender: Sink, name: str) -> None:
        self._appender = appender
        self._name = name
        self._group = _Group()
        self._work = asyncio.Event()
        self._closing = False
        self._problem: str | None = None
        self._taken = False
        self._lost: tuple[Entry, ...] = ()
        # Of its own, so that no other use of threads can hold up an fsync.
        self._limiter = CapacityLimiter(1)

    @classmethod
    @asynccontextmanager
    async def running(cls, appender: Sink, name: str) -> AsyncIterator[Self]:
        """Run a journal. Leaving, cancelled or not, saves what was handed over and stops it.

        Args:
            appender: what writes to the ledger.
            name: the ledger's name, for messages.

        Raises:
            JournalError: on leaving without another exception, if entries were lost.
        """
        journal = cls(appender, name)
        writer = asyncio.create_task(journal._write_groups())
        try:
            yield journal
        finally:
            await journal._finish(writer)
        if journal._lost:
            raise journal._error()

    async def write(self, *entries: Entry) -> None:
        """Return once the entries, and all handed over before them, survive a power cut.

        A caller that is cancelled while it waits takes nothing back.

        Raises:
            JournalError: they may not. Every later call raises it too.
        """
        group = self._hand_over(entries)
        await group.over.wait()
        if not group.saved:
            raise self._error()

    def write_nowait(self, *entries: Entry) -> None:
        """Hand entries over that nobody waits for: they are written as soon as can be.

        Raises:
            JournalError: an earlier write failed.
        """
        self._hand_over(entries)

    def add_nowait(self, line: Line) -> None:
        """Hand over a line that no promise rests on: it costs no write of its own.

        It is written with the next entry or at the end, and dropped if that can't be done.
        """
        self._group.bodies.append(encode(line))

    def _hand_over(self, entries: tuple[Entry, ...]) -> _Group:
        if self._problem is not None:
            raise self._error()
        bodies = [encode_entry(entry) for entry in entries]
        self._group.entries += entries
        self._group.bodies += bodies
        self._group.wanted = True
        self._work.set()
        return self._group

    def _error(self) -> JournalError:
        kind = TakenOverError if self._taken else JournalError
        return kind(f"{self._name} can't be written: {self._problem}", self._lost)

    async def _write_groups(self) -> None:
        problem = "its writer has stopped"
        group = _Group()
        try:
            while await self._has_work():
                if len(group.entries) >= _LARGE:
                    await _turn()
                group, self._group = self._group, _Group()
                await to_thread.run_sync(self._appender.commit, group.bodies, limiter=self._limiter)
                group.end(saved=True)
        except OSError as error:
            problem = explain(error)
            self._taken = isinstance(error, LostHoldError)
        finally:
            self._close(problem, group)

    async def _has_work(self) -> bool:
        if not self._closing:
            await self._work.wait()
        self._work.clear()
        return not self._closing or self._group.wanted or bool(self._group.bodies)

    def _close(self, problem: str, group: _Group) -> None:
        unsaved = [each for each in (group, self._group) if not each.over.is_set()]
        self._problem = problem
        self._lost = tuple(entry for each in unsaved for entry in each.entries)
        for each in unsaved:
            each.end(saved=False)

    async def _finish(self, writer: asyncio.Task[None]) -> None:
        self._closing = True
        self._work.set()
        with CancelScope(shield=True):
            await asyncio.wait([writer])
        writer.result()


async def _turn() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)
