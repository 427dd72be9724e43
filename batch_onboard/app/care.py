"""Care for ledgers that ends in a new one: from wherever to wherever."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from batch_onboard.app.clock import now_utc
from batch_onboard.app.s3segments import open_s3_segments
from batch_onboard.core.redaction import Secrets
from batch_onboard.ledger.moving import Move, move
from batch_onboard.ledger.newplaces import new_file, new_segments
from batch_onboard.ledger.salvage import Salvage, carve, wreck_at
from batch_onboard.ledger.segment_wrecks import wreck_in
from batch_onboard.versions import tool_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from batch_onboard.app.ledgers import Place
    from batch_onboard.app.s3segments import S3Segments
    from batch_onboard.core.s3place import S3Place
    from batch_onboard.ledger.newplaces import Write
    from batch_onboard.ledger.salvage import Wreck

_WHOLE_TIMEOUT = 600.0
"""Seconds for one call: a whole ledger is sent with it."""


@contextmanager
def new_ledger(place: Place, lock_timeout: float = 0.0) -> Iterator[Write]:
    """Give what writes a new ledger as a whole, where there is none.

    Raises:
        NothingToSalvageError: there is something.
        LedgerError: it can't be written.
    """
    if isinstance(place, Path):
        with new_file(place, now_utc(), lock_timeout) as write:
            yield write
        return
    with _segments(place) as segments, new_segments(segments) as write:
        yield write


def salvage_any(
    place: Place, new: Place, *, lock_timeout: float, notify: Callable[[str], None]
) -> Salvage:
    """Build a new ledger from what is intact in a damaged one.

    Args:
        place: the damaged one.
        new: the new one.
        lock_timeout: seconds to wait for a run to end.
        notify: is told, in a sentence, what is waited for.

    Raises:
        LedgerError: it can't be done.
    """
    with _wreck(place, lock_timeout, notify) as wreck, new_ledger(new, lock_timeout) as write:
        return carve(wreck, write, tool_version=tool_version(), now=now_utc())


def move_any(
    place: S3Place, new: S3Place, *, lock_timeout: float, notify: Callable[[str], None]
) -> Move:
    """Let a ledger in S3 go on under another name, with what it knows in one segment.

    Args:
        place: its old name.
        new: its new name.
        lock_timeout: seconds to wait for a run to end.
        notify: is told, in a sentence, what is waited for.

    Raises:
        LedgerError: it can't be done.
    """
    with _segments(place) as old, _segments(new) as beside:
        return move(
            old,
            beside,
            tool_version=tool_version(),
            wall=now_utc,
            lock_timeout=lock_timeout,
            notify=notify,
        )


@contextmanager
def _wreck(place: Place, lock_timeout: float, notify: Callable[[str], None]) -> Iterator[Wreck]:
    if isinstance(place, Path):
        with wreck_at(place, now_utc(), lock_timeout) as wreck:
            yield wreck
        return
    with (
        _segments(place) as segments,
        wreck_in(segments, wall=now_utc, lock_timeout=lock_timeout, notify=notify) as wreck,
    ):
        yield wreck


@contextmanager
def _segments(place: S3Place) -> Iterator[S3Segments]:
    segments = open_s3_segments(place, Secrets(), call_timeout=_WHOLE_TIMEOUT)
    try:
        yield segments
    finally:
        segments.close()
