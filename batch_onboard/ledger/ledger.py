"""An open ledger: what it knows, and what a run adds to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from batch_onboard.ledger.codec import encode
from batch_onboard.ledger.fold import Fold
from batch_onboard.ledger.journal import FileJournal
from batch_onboard.ledger.lines import FORMAT, RunEndedLine
from batch_onboard.ledger.opening import told_as_unusable
from batch_onboard.ledger.sync import ManifestChanges, changed_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from batch_onboard.core.ports import WallClock
    from batch_onboard.core.targets import Target
    from batch_onboard.ledger.appender import Appender
    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.lines import LearnedLine, Line, PacedLine, RunLine
    from batch_onboard.ledger.lock import LedgerLock


class Ledger:
    """A ledger that this process holds, alone, until `close`. Made by `file.open_ledger`.

    Attributes:
        path: the file.
        history: what it knows. Whoever journals an entry has applied it to the record in here.
        created: whether it did not exist before.
        warnings: what is odd about the file but no reason to stop, for people.
    """

    def __init__(
        self,
        path: Path,
        history: History,
        appender: Appender,
        lock: LedgerLock,
        wall: WallClock,
        *,
        created: bool,
        warnings: tuple[str, ...],
    ) -> None:
        self.path = path
        self.history = history
        self.created = created
        self.warnings = warnings
        self._fold = Fold(history)
        self._appender = appender
        self._lock = lock
        self._wall = wall

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, then let the next run have it. A second call does nothing."""
        self._appender.close()
        self._lock.release()

    def leave_nothing_new(self) -> None:
        """Delete the file, while it is held, if it is new and no run has begun with it."""
        if self.created and not self.history.runs:
            self.path.unlink(missing_ok=True)

    def journal(self) -> AbstractAsyncContextManager[FileJournal]:
        """Return the journal for what happens to targets, as an asynchronous context manager."""
        return FileJournal.running(self._appender, str(self.path))

    def begin_run(self, run: RunLine) -> None:
        """Write durably who runs what.

        Raises:
            LedgerUnusableError: it can't be written.
        """
        self._add(run)

    def end_run(self, run_id: str, exit_code: int, reason: str) -> None:
        """Write durably how a run ended, and that all before it is on disk.

        Raises:
            LedgerUnusableError: it can't be written.
            ContradictionError: no such run has begun.
        """
        self._add(RunEndedLine(at=self._wall(), run=run_id, exit_code=exit_code, reason=reason))

    def sync_manifest(self, targets: Iterable[Target]) -> ManifestChanges:
        """Write durably how the manifest differs from what the ledger knows of it.

        Args:
            targets: all targets of the manifest, selected or not.

        Raises:
            LedgerUnusableError: it can't be written; the history is then of no further use.
        """
        changes = ManifestChanges()
        lines = changed_lines(self.history, targets, self._wall(), changes)
        self._commit(lines)
        return changes

    def keep_learned(self, lines: Iterable[LearnedLine]) -> None:
        """Write durably what a run found out about quotas.

        Raises:
            LedgerUnusableError: it can't be written.
        """
        self._add(*lines)

    def keep_paced(self, line: PacedLine, journal: FileJournal) -> None:
        """Hand over how fast a run goes, unless the ledger's format has no line for it."""
        if self.history.header.format == FORMAT:
            self._fold.take(line)
            journal.add_nowait(line)

    def _add(self, *lines: Line) -> None:
        for line in lines:
            self._fold.take(line)
        self._commit(lines)

    def _commit(self, lines: Iterable[Line]) -> None:
        with told_as_unusable(self.path):
            self._appender.commit(encode(line) for line in lines)
