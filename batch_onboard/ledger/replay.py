"""From the lines of a ledger to its history."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

from batch_onboard.ledger.fold import ContradictionError, Fold
from batch_onboard.ledger.history import History
from batch_onboard.ledger.scan import Scan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


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
    scan = Scan(lines, name)
    history = History(scan.header)
    take = Fold(history).take
    with _collector_paused():
        for line in scan:
            try:
                take(line)
            except ContradictionError as error:
                raise scan.damaged(str(error)) from error
    return history, scan


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
