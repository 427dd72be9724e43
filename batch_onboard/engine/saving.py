"""What a run writes down, and what becomes of it when that can't be done any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.core.ports import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.core.ports import Journal
    from batch_onboard.core.record import Entry


class Saving:
    """Hands entries to a journal, and keeps those of which it is not known whether they are there.

    Args:
        journal: makes entries durable.
        stop: called when it can't any more: no further call may begin.
    """

    def __init__(self, journal: Journal, stop: Callable[[], None]) -> None:
        self._journal = journal
        self._stop = stop
        self._broken: JournalError | None = None
        self._lost: dict[int, Entry] = {}

    async def write(self, entries: tuple[Entry, ...]) -> None:
        """Return once the entries are durable.

        Raises:
            JournalError: they may not be. Whoever catches it has to tell `broke`.
        """
        try:
            await self._journal.write(*entries)
        except JournalError as error:
            self._lose(error, entries)
            raise

    def note(self, entries: tuple[Entry, ...]) -> None:
        """Hand entries over that no call waits for."""
        try:
            self._journal.write_nowait(*entries)
        except JournalError as error:
            self._lose(error, entries)
            self.broke(error)

    def broke(self, error: JournalError) -> None:
        """Stop the run, whose entries can't be made durable any more."""
        self._broken = self._broken or error
        self._stop()

    def end(self) -> None:
        """Say at the end of a run if something was lost.

        Raises:
            JournalError: so it was.
        """
        if self._broken is not None:
            raise type(self._broken)(str(self._broken), tuple(self._lost.values()))

    def _lose(self, error: JournalError, entries: tuple[Entry, ...]) -> None:
        # Several workers may see the same failure, and calls under way still bring outcomes.
        self._lost |= {id(entry): entry for entry in (*error.lost, *entries)}
