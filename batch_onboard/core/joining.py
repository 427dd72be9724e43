"""What two ledgers know about one target, as what one ledger may go on from.

Each was written by runs that knew nothing of the other, so neither is simply the later truth. What
may lead to a second Start is never dropped: an open intent outlives whatever the other ledger says,
with the later end of both holds, and a job that runs outlives an end that was seen elsewhere. The
next run then reads the live state, which is the truth about both. Only between two that have come
to an end does the later one win, since nothing is sent for either without a read.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from batch_onboard.core.lifecycle import State
from batch_onboard.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

_STATES = list(State)
_UNTOUCHED = Record()
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def joined(one: Record, other: Record) -> Record:
    """Return what is known about a target of which two ledgers tell."""
    kept, less = sorted((one, other), key=_care, reverse=True)
    if kept.state is State.ALREADY_ONBOARDED and less.state is State.SUCCEEDED:
        kept, less = less, kept  # what these ledgers' own Start had made was found again
    both_open = one.intent_at is not None and other.intent_at is not None
    return replace(
        kept,
        intent_at=_latest((one.intent_at, other.intent_at)),
        intent_hold=max(one.intent_hold, other.intent_hold),
        clean=one.clean and other.clean if both_open else kept.clean,
        attempts=one.attempts + other.attempts,
        automatic_clears=one.automatic_clears + other.automatic_clears,
        started_at=_latest((one.started_at, other.started_at)),
    )


def _care(record: Record) -> tuple[int, datetime, int]:
    """Return how much care a record asks for: the more, the greater."""
    if record.intent_at is not None:
        rank = 4
    elif record.state is State.IN_PROGRESS:
        rank = 3
    elif record.finished_at is not None:
        rank = 1
    else:  # it is read again, whatever the other ledger knows
        rank = 0 if record == _UNTOUCHED else 2
    moment = _latest((record.started_at, record.finished_at)) or _LONG_AGO
    return rank, moment, -_STATES.index(record.state)


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((each for each in moments if each is not None), default=None)
