"""A history as the fewest lines that say the same: what `compact` and checkpoints write."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from batch_onboard.core.lifecycle import State
from batch_onboard.core.record import Record
from batch_onboard.ledger.codec import unplaced
from batch_onboard.ledger.known import KnownLine, Row, known_line
from batch_onboard.ledger.lines import TargetLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from batch_onboard.core.targets import TargetKey
    from batch_onboard.ledger.history import History, TargetInfo
    from batch_onboard.ledger.known import Aside

_UNTOUCHED = Record()
T = TypeVar("T")

_TOGETHER = 256
"""Targets in one line, so that one that is damaged takes few with it."""
_LONGEST = 1 << 20
"""Characters of one line that people and services may have made long; UTF-8 and escapes make up
to six bytes of each."""


def snapshot(history: History, at: datetime, *, again: bool = False) -> Iterator[KnownLine]:
    """Yield lines, after the header, that add up to a history again.

    Args:
        history: what is to be said.
        at: the time of these lines.
        again: whether the lines that it came from stay, so that these say it a second time.
    """
    for lines in _batches(asides(history, again=again)):
        yield KnownLine(at=at, again=again, lines=lines)
    for gone, rows in _rows(history):
        yield from known_lines(rows, at, again=again, gone=gone)


def known_lines(
    rows: Iterable[Row], at: datetime, *, again: bool = False, gone: bool = False
) -> Iterator[KnownLine]:
    """Yield lines that say what is known about targets. The rest is as for `known_line`."""
    for batch in _batches(rows):
        for some in _in_bounds(batch):
            yield known_line(some, at, again=again, gone=gone)


def asides(history: History, *, again: bool) -> Iterator[Aside]:
    """Yield the lines of a history that do not tell of targets, without places."""
    for run in history.runs:
        yield unplaced(run.began)
        if run.ended is not None:
            yield unplaced(run.ended)
    for lines in (history.learned.values(), history.paced, history.cuts, history.merged):
        yield from map(unplaced, lines)
    # Who holds the ledger is a matter of the lines that stay.
    if again and history.holder is not None:
        yield unplaced(history.holder)


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


def told(history: History) -> int:
    """Return of how many targets a snapshot tells."""
    return sum(1 for _, rows in _rows(history) for _ in rows)


def _rows(history: History) -> Iterator[tuple[bool, Iterator[Row]]]:
    """Yield all targets: those that are gone, those of the manifest, and those never in it."""
    targets, removed, records = history.targets, history.removed, history.records
    yield True, (Row(key, info, _saying(records.get(key))) for key, info in removed.items())
    yield False, (Row(key, info, _saying(records.get(key))) for key, info in targets.items())
    yield (
        False,
        (
            Row(key, None, record)
            for key, record in records.items()
            if key not in targets and key not in removed and _saying(record)
        ),
    )


def _saying(record: Record | None) -> Record | None:
    """Return a record that says anything: a run makes one for all targets that it may touch."""
    says = record is not None and (record.state is not State.PENDING or record != _UNTOUCHED)
    return record if says else None


def _batches(items: Iterable[T]) -> Iterator[tuple[T, ...]]:
    rest = iter(items)
    while batch := tuple(islice(rest, _TOGETHER)):
        yield batch


def _in_bounds(rows: tuple[Row, ...]) -> Iterator[tuple[Row, ...]]:
    """Yield rows in as many parts as it takes for none to be longer than a line may be."""
    if len(rows) == 1 or sum(map(_length, rows)) <= _LONGEST:
        yield rows
        return
    middle = len(rows) // 2
    yield from _in_bounds(rows[:middle])
    yield from _in_bounds(rows[middle:])


def _length(row: Row) -> int:
    info, record = row.info, row.record
    texts = [info and info.accept_drift, record and record.message]
    for label in () if info is None else info.labels:
        texts += label
    return sum(len(text or "") for text in texts)
