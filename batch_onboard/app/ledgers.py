"""Ledgers wherever they are: in a file, or in S3."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from batch_onboard.app.clock import now_utc
from batch_onboard.app.s3segments import open_s3_segments
from batch_onboard.core.redaction import Secrets
from batch_onboard.core.s3place import S3Place
from batch_onboard.ledger.file import check_before_locking, open_ledger, read_history
from batch_onboard.ledger.lock import Holder, glance, unlock
from batch_onboard.ledger.segments import find_segments, read_segments, verify_segments
from batch_onboard.ledger.taking import open_segments, unlock_segments
from batch_onboard.ledger.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from batch_onboard.app.s3segments import S3Segments
    from batch_onboard.core.ports import WallClock
    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.ledger import Ledger
    from batch_onboard.ledger.lines import ClaimLine
    from batch_onboard.ledger.verify import Examination

Place: TypeAlias = Path | S3Place
"""Where a ledger is."""


def read_any_history(place: Place) -> History:
    """Read what a ledger knows, also while a run writes to it. Changes and locks nothing.

    Raises:
        LedgerError: it can't be read.
    """
    if isinstance(place, Path):
        return read_history(place)
    with segments_at(place) as segments:
        return read_segments(segments)


def find_history(place: Place) -> History | None:
    """Read what a ledger knows, as `read_any_history` does; None if there is none.

    Raises:
        LedgerError: it can't be read.
    """
    if isinstance(place, Path):
        return read_history(place) if os.path.lexists(place) else None
    with segments_at(place) as segments:
        return find_segments(segments)


def holder_of(place: Place, history: History) -> tuple[bool, Holder | None]:
    """Look whether a ledger is held, without keeping anybody from it.

    Args:
        place: where it is.
        history: what it knows. In S3 the holder stands there, and may have died meanwhile.

    Returns:
        Whether it is, and by whom, if the holder has told.

    Raises:
        LedgerError: the lock's file can't be used.
    """
    if isinstance(place, Path):
        return glance(place)
    claim = history.holder
    return (False, None) if claim is None else (True, Holder(claim.pid, claim.host, claim.at))


def verify_any(place: Place) -> Examination:
    """Read a whole ledger for everything that is wrong with it. Changes and locks nothing.

    Raises:
        LedgerError: it can't be read, or is no ledger.
    """
    if isinstance(place, Path):
        return verify(place)
    with segments_at(place) as segments:
        return verify_segments(segments)


def unlock_any(place: Place) -> Holder | ClaimLine | None:
    """Free a ledger of a holder that is dead or, in S3, even of one that lives.

    Returns:
        Who it was; None if nobody held it.

    Raises:
        LedgerError: a run holds the file, or the ledger can't be used.
    """
    if isinstance(place, Path):
        check_before_locking(place, exists=True)
        return unlock(place, now_utc())
    with segments_at(place) as segments:
        return unlock_segments(segments, wall=now_utc)


def open_any_ledger(
    place: Place,
    *,
    manifest_name: str,
    tool_version: str,
    wall: WallClock,
    lock_timeout: float = 0.0,
    notify: Callable[[str], None] = lambda _: None,
    secrets: Secrets | None = None,
) -> Ledger:
    """Hold a ledger, create it if there is none, and make it ready for a run.

    Args:
        place: where it is.
        manifest_name: the name of the manifest, for a new ledger's header.
        tool_version: the version of batch-onboard, likewise.
        wall: what time it is.
        lock_timeout: seconds to wait for another run to end.
        notify: is told, in a sentence, what is waited for.
        secrets: is told of the credentials that reach it.

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
    segments = open_s3_segments(place, secrets or Secrets())
    try:
        return open_segments(
            segments,
            manifest_name=manifest_name,
            tool_version=tool_version,
            wall=wall,
            lock_timeout=lock_timeout,
            notify=notify,
        )
    except BaseException:
        segments.close()
        raise


@contextmanager
def segments_at(place: S3Place) -> Iterator[S3Segments]:
    """Open the way to the segments of a ledger, for reading or taking it.

    Raises:
        LedgerUnusableError: no ledger can be there.
    """
    segments = open_s3_segments(place, Secrets())
    try:
        yield segments
    finally:
        segments.close()
