"""An open ledger: what it knows, and what a run adds to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from batch_onboard.ledger.codec import encode
from batch_onboard.ledger.errors import LedgerUnusableError
from batch_onboard.ledger.fold import Fold
from batch_onboard.ledger.journal import FileJournal
from batch_onboard.ledger.lines import FORMAT, MovedLine, RunEndedLine
from batch_onboard.ledger.opening import told_as_unusable
from batch_onboard.ledger.snapshot import snapshot
from batch_onboard.ledger.sync import ManifestChanges, changed_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from batch_onboard.core.ports import WallClock
    from batch_onboard.core.s3place import S3Place
    from batch_onboard.core.targets import Target
    from batch_onboard.ledger.appender import Sink
    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.lines import LearnedLine, Line, PacedLine, RunLine


_LEAST_LINES = 2_000
"""Lines since the last checkpoint; fewer are read in some milliseconds."""


class Hold(Protocol):
    """What keeps others from a ledger."""

    def is_certain(self) -> bool:
        """Say whether nobody else can have taken the ledger meanwhile."""
        ...

    def release(self) -> None:
        """Let the next run have it. A second call does nothing."""
        ...


class Ledger:
    """A ledger that this process holds, alone, until `close`.

    Made by `file.open_ledger` and `taking.open_segments`.

    Args:
        path: the file, or the place in S3.
        history: what it knows.
        appender: what writes to it.
        lock: what keeps others from it.
        wall: what time it is.
        created: whether it did not exist before.
        warnings: what is odd about the file but no reason to stop, for people.
        recounted: from when intents count that were open, if not from the times in their lines.

    Attributes:
        path: the file, or the place in S3.
        history: what it knows. Whoever journals an entry has applied it to the record in here.
        created: whether it did not exist before.
        warnings: what is odd about the file but no reason to stop, for people.
    """

    def __init__(
        self,
        path: Path | S3Place,
        history: History,
        appender: Sink,
        lock: Hold,
        wall: WallClock,
        *,
        created: bool,
        warnings: tuple[str, ...],
        recounted: datetime | None = None,
    ) -> None:
        self.path = path
        self.history = history
        self.created = created
        self.warnings = warnings
        self._fold = Fold(history)
        self._appender = appender
        self._lock = lock
        self._wall = wall
        self._recounted = recounted

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, then let the next run have it. A second call does nothing."""
        self._appender.close()
        self._lock.release()

    def is_certain(self) -> bool:
        """Say whether this process holds the ledger beyond doubt, so that Starts may be sent."""
        return self._lock.is_certain()

    def leave_nothing_new(self) -> None:
        """Delete the file, while it is held, if it is new and no run has begun with it.

        In S3 nothing is ever deleted: whether the ledger is still held can't be a part of that.
        """
        if self.created and not self.history.runs and isinstance(self.path, Path):
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

    def move_to(self, name: str) -> None:
        """Write durably, as the last line before the end, that the ledger goes on elsewhere.

        Raises:
            LedgerUnusableError: it can't be written.
        """
        self._add(MovedLine(at=self._wall(), to=name))

    def keep_learned(self, lines: Iterable[LearnedLine]) -> None:
        """Write durably what a run found out about quotas.

        Raises:
            LedgerUnusableError: it can't be written.
        """
        self._add(*lines)

    def keep_learned_soon(self, line: LearnedLine, journal: FileJournal) -> None:
        """Hand over what a run has found out about a quota that it needs no more."""
        self._fold.take(line)
        journal.add_nowait(line)

    def keep_paced(self, line: PacedLine, journal: FileJournal) -> None:
        """Hand over how fast a run goes, unless the ledger's format has no line for it."""
        if self.history.header.format == FORMAT:
            self._fold.take(line)
            journal.add_nowait(line)

    def keep_checkpoint(self) -> None:
        """Write durably all that is known, if that makes the next opening much faster.

        Only for a run whose entries have all been journaled: a history that is ahead of the
        ledger's lines must not get into it.

        Raises:
            LedgerUnusableError: it can't be written. All lines before it are safe.
            LedgerLockedError: another run has taken the ledger over, likewise.
        """
        if self._pays():
            lines = snapshot(self.history, self._wall(), again=True)
            self._commit(lines, closed_at=self._wall())

    def _pays(self) -> bool:
        history, since = self.history, self._appender.since_checkpoint
        if history.header.format != FORMAT or since <= _LEAST_LINES:
            return False
        known = max(len(history.targets), len(history.records))
        return since > known // 2 and not self._is_ahead()

    def _is_ahead(self) -> bool:
        """Say whether a record has what none of its lines says: when its intent counts anew."""
        recounted = self._recounted
        return recounted is not None and any(
            record.intent_at == recounted for record in self.history.records.values()
        )

    def _add(self, *lines: Line) -> None:
        for line in lines:
            self._fold.take(line)
        self._commit(lines)

    def _commit(self, lines: Iterable[Line], closed_at: datetime | None = None) -> None:
        with told_as_unusable(self.path):
            self._appender.commit((encode(line) for line in lines), closed_at)


def check_goes_on(path: Path | S3Place, history: History) -> None:
    """Refuse a ledger that goes on under another name, or is not known to be one yet.

    Raises:
        LedgerUnusableError: it is such a one.
    """
    if history.moved is not None:
        raise LedgerUnusableError(f"{path} can't be used: it goes on as {history.moved}: name that")
    if history.origin is not None:
        raise LedgerUnusableError(
            f"{path} can't be used: it was to go on with {history.origin}, and that was not "
            f"finished: batch-onboard ledger compact {history.origin} -o {path} finishes it, or "
            "says that the old one still counts"
        )


def other_manifest(path: Path | S3Place, history: History, manifest_name: str) -> tuple[str, ...]:
    """Return a warning, for people, if a ledger was made for a manifest of another name."""
    made_for = history.header.manifest
    if made_for == manifest_name:
        return ()
    advice = "see that it is the right one"
    return (
        f"{path} was created for the manifest {made_for!r}, not for {manifest_name!r}: {advice}",
    )
