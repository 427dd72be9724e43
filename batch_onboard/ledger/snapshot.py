"""A history as the fewest lines that say the same: what `compact` writes."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING

from batch_onboard.core.record import Record
from batch_onboard.ledger.codec import unplaced
from batch_onboard.ledger.lines import GoneLine, RecordLine, TargetLine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from batch_onboard.core.targets import TargetKey
    from batch_onboard.ledger.history import History, TargetInfo
    from batch_onboard.ledger.lines import Line

_KNOWN = tuple(field.name for field in fields(Record))
_what_is_known = attrgetter(*_KNOWN)


def snapshot(history: History, at: datetime) -> Iterator[Line]:
    """Yield lines, after the header, that add up to a history again.

    Args:
        history: what is to be said.
        at: the time for lines that say what many lines said before.
    """
    for run in history.runs:
        yield unplaced(run.began)
        if run.ended is not None:
            yield unplaced(run.ended)
    for key, info in history.removed.items():
        yield target_line(key, info, at)
        yield GoneLine(at=at, target=str(key))
    for key, info in history.targets.items():
        yield target_line(key, info, at)
    for key, record in history.records.items():
        yield record_line(key, record, at)
    for learned in history.learned.values():
        yield unplaced(learned)
    for paced in history.paced:
        yield unplaced(paced)
    for cut in history.cuts:
        yield unplaced(cut)
    for merged in history.merged:
        yield unplaced(merged)


def record_line(key: TargetKey, record: Record, at: datetime) -> RecordLine:
    """Return the line that says what is known about a target."""
    known = {name: getattr(record, name) for name in _KNOWN}
    return RecordLine(at=at, target=str(key), **known)


def record_of(line: RecordLine) -> Record:
    """Return what a line says is known about a target."""
    return Record(*_what_is_known(line))


def target_line(key: TargetKey, info: TargetInfo, at: datetime) -> TargetLine:
    """Return the line that says that a target stands in the manifest."""
    return TargetLine(
        at=at,
        target=str(key),
        api=info.api,
        encryption=info.encryption,
        wave=info.wave,
        labels=dict(info.labels),
        accept_drift=info.accept_drift,
    )
