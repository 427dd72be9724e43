"""From the lines of a ledger to its history."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

from batch_onboard.ledger.fold import ContradictionError, Fold
from batch_onboard.ledger.history import History
from batch_onboard.ledger.scan import Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from batch_onboard.ledger.lines import Line


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

    def run(self, watch: Callable[[Line], None] | None = None) -> None:
        """Read to the end.

        Args:
            watch: is told of each line once it is taken in.

        Raises:
            LedgerVersionError: a line is of another version.
            LedgerDamagedError: what was durable has been changed.
        """
        take = self._fold.take
        with _collector_paused():
            for line in self.scan:
                try:
                    take(line)
                except ContradictionError as error:
                    raise self.scan.damaged(str(error)) from error
                if watch is not None:
                    watch(line)


def replay(lines: Iterable[bytes], name: str) -> tuple[History, Scan]:
    """Read a whole ledger.

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


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the garbage collector from walking millions of new records again and again.

    None of them is part of a cycle. It makes a replay half as long again without this.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
