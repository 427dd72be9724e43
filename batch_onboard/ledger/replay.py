"""From the lines of a ledger to its history."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from batch_onboard.ledger.checkpoint import recall
from batch_onboard.ledger.fold import ContradictionError, Fold
from batch_onboard.ledger.history import History
from batch_onboard.ledger.scan import Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from batch_onboard.ledger.lines import Line
    from batch_onboard.ledger.reading import Source


class Replay:
    """A ledger that is read, and read on as it grows.

    Args:
        lines: the ledger's bytes, cut after each line feed.
        name: the ledger's name, for messages.

    Attributes:
        history: what it knows.
        scan: the walk: where it ended, and whether it left a tail.

    Raises:
        LedgerFormatError: it is not a ledger, or not one that this version can read.
        LedgerDamagedError: the header is damaged.
    """

    def __init__(self, lines: Iterable[bytes], name: str) -> None:
        self.scan = Scan(lines, name)
        self.history = History(self.scan.header)
        self._fold = Fold(self.history)
        self._passed: list[Line] = []

    @classmethod
    def of(cls, source: Source, name: str) -> Self:
        """Return a replay that begins at the last checkpoint, if the ledger has one that holds.

        Raises:
            LedgerError: as from making one of lines.
        """
        made = cls(source.lines(), name)
        history = History(made.scan.header)
        fold = Fold(history)
        with _collector_paused():
            checkpoint = recall(source, made.scan.seal, fold)
        if checkpoint is not None:
            made.scan.leap(checkpoint)
            made.history, made._fold = history, fold
            made._passed = [*(run.began for run in history.runs[-1:]), checkpoint.line]
        return made

    def run(self, watch: Callable[[Line], None] | None = None) -> None:
        """Read to the end.

        Args:
            watch: is told of each line once it is taken in. If the replay begins at a checkpoint,
                it is told of that, and before it of the latest run.

        Raises:
            LedgerVersionError: a line is of another version.
            LedgerDamagedError: what was durable has been changed.
        """
        take = self._fold.take
        if watch is not None:
            for line in self._passed:
                watch(line)
            self._passed = []
        with _collector_paused():
            for line in self.scan:
                try:
                    take(line)
                except ContradictionError as error:
                    raise self.scan.damaged(str(error)) from error
                if watch is not None:
                    watch(line)


def read(source: Source, name: str) -> tuple[History, Scan]:
    """Read a ledger from its last checkpoint on, or whole if it has none that holds.

    What is found is the same, as are errors.

    Args:
        source: the ledger.
        name: its name, for messages.

    Returns:
        As `replay` does.

    Raises:
        LedgerFormatError: it is not a ledger, or not one that this version can read.
        LedgerDamagedError: what was durable has been changed.
    """
    reading = Replay.of(source, name)
    reading.run()
    return reading.history, reading.scan


def replay(lines: Iterable[bytes], name: str) -> tuple[History, Scan]:
    """Read a whole ledger, line by line.

    Args:
        lines: the ledger's bytes, cut after each line feed.
        name: the ledger's name, for messages.

    Returns:
        What it knows, and the finished walk: where it ended, and whether it left a tail.

    Raises:
        LedgerFormatError: it is not a ledger, or not one that this version can read.
        LedgerDamagedError: what was durable has been changed.
    """
    reading = Replay(lines, name)
    reading.run()
    return reading.history, reading.scan


_MANY = 50_000
"""Objects: it looks at fewer in some milliseconds."""


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the garbage collector from walking millions of new records again and again.

    None of them is part of a cycle. It makes a replay half as long again without this. In the end,
    where they are many, they are counted among what is old, which it rarely walks.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            # The number of what is frozen is not known but by walking over it.
            if gc.get_count()[0] > _MANY and not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()
