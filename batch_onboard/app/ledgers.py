"""Ledgers wherever they are: in a file, or in S3."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from batch_onboard.core.s3place import S3Place
from batch_onboard.ledger.errors import LedgerUnusableError
from batch_onboard.ledger.file import open_ledger, read_history

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.core.ports import WallClock
    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.ledger import Ledger

Place: TypeAlias = Path | S3Place
"""Where a ledger is."""


def read_any_history(place: Place) -> History:
    """Read what a ledger knows, also while a run writes to it. Changes and locks nothing.

    Raises:
        LedgerError: it can't be read.
    """
    if isinstance(place, Path):
        return read_history(place)
    raise LedgerUnusableError(f"{place} can't be used: it is in S3")


def open_any_ledger(
    place: Place,
    *,
    manifest_name: str,
    tool_version: str,
    wall: WallClock,
    lock_timeout: float = 0.0,
    notify: Callable[[str], None] = lambda _: None,
) -> Ledger:
    """Hold a ledger, create it if there is none, and make it ready for a run.

    Args:
        place: where it is.
        manifest_name: the name of the manifest, for a new ledger's header.
        tool_version: the version of batch-onboard, likewise.
        wall: what time it is.
        lock_timeout: seconds to wait for another run to end.
        notify: is told, in a sentence, what is waited for.

    Raises:
        LedgerError: it can't be used, or another run holds it.
    """
    if isinstance(place, Path):
        return open_ledger(
            place,
            manifest_name=manifest_name,
            tool_version=tool_version,
            wall=wall,
            lock_timeout=lock_timeout,
        )
    notify(f"{place} is in S3")
    raise LedgerUnusableError(f"{place} can't be used: it is in S3")
