"""Many targets in one line: what is known of them, column by column.

A column is a pair of lists. The first has the values. Where values repeat it has each once, and the
second says, row by row, which of them it is; a single value is that of all rows. A column that is
left out has the default in all rows. So a line is decoded in bulk, and what is alike is held once.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations while running
from functools import partial
from itertools import compress, repeat
from sys import intern
from typing import TYPE_CHECKING, Annotated, Any, Generic, NamedTuple, TypeVar

import msgspec

from batch_onboard.core.lifecycle import State  # noqa: TC001 - msgspec reads the annotations
from batch_onboard.core.record import Record
from batch_onboard.core.targets import TargetKey
from batch_onboard.ledger.history import TargetInfo  # noqa: TC001 - as above
from batch_onboard.ledger.lines import (
    ClaimLine,
    CutLine,
    LearnedLine,
    Line,
    MergedLine,
    PacedLine,
    RunEndedLine,
    RunLine,
    SalvagedLine,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

T = TypeVar("T")

MOST_ROWS = 1 << 16
"""Targets that one line may name."""

_Which = Annotated[int, msgspec.Meta(ge=0)]
Aside = (
    RunLine
    | RunEndedLine
    | LearnedLine
    | PacedLine
    | CutLine
    | SalvagedLine
    | MergedLine
    | ClaimLine
)


class Column(msgspec.Struct, Generic[T], array_like=True, frozen=True, gc=False):
    """One thing about each row.

    Attributes:
        values: one for all rows, one for each, or those that occur.
        which: for each row, which of the values it has; empty where that needs no saying.
    """

    values: list[T]
    which: list[_Which] = []

    @classmethod
    def of(cls, values: Sequence[T], default: object) -> Column[T] | None:
        """Return a column for values; None if all of them are the default."""
        distinct = list(dict.fromkeys(values))
        if distinct == [default]:
            return None
        if len(distinct) == 1:
            return cls(distinct)
        if 2 * len(distinct) > len(values):
            return cls(list(values))
        places = {value: place for place, value in enumerate(distinct)}
        return cls(distinct, [places[value] for value in values])


class KnownLine(Line, tag="known", frozen=True, kw_only=True):
    """What is known about many targets: a `TargetInfo` and a `Record` of each, in columns.

    Attributes:
        again: it stands before a checkpoint, and says only what lines before it say too.
        lines: lines that do not tell of targets, without places.
        rows: how many targets it names.
        gone: they no longer stand in the manifest.
        info: their attributes in the manifest; None if they have never stood in it.
        state: and all below: the fields of their records. A row without a state has no record.
    """

    again: bool = False
    lines: tuple[Aside, ...] = ()
    rows: Annotated[int, msgspec.Meta(ge=0, le=MOST_ROWS)] = 0
    gone: bool = False
    account_id: Column[str] | None = None
    region: Column[str] | None = None
    instance_id: Column[str] | None = None
    info: Column[TargetInfo] | None = None
    state: Column[State | None] | None = None
    ours: Column[bool] | None = None
    intent_at: Column[datetime | None] | None = None
    intent_hold: Column[float] | None = None
    clean: Column[bool] | None = None
    attempts: Column[int] | None = None
    automatic_clears: Column[int] | None = None
    encryption: Column[str | None] | None = None
    alias: Column[str | None] | None = None
    failure_code: Column[str | None] | None = None
    error_code: Column[str | None] | None = None
    message: Column[str | None] | None = None
    request_id: Column[str | None] | None = None
    started_at: Column[datetime | None] | None = None
    finished_at: Column[datetime | None] | None = None
    onboarded: Column[bool] | None = None


class Row(NamedTuple):
    """What is known about one target."""

    key: TargetKey
    info: TargetInfo | None
    record: Record | None


# All fields of a record but its state, which says whether there is a record at all.
_DEFAULTS: dict[str, Any] = {each.name: each.default for each in fields(Record)}
_DETAILS = [name for name in _DEFAULTS if name != "state"]
_UNTOUCHED = Record()
_key_of: partial[TargetKey] = partial(tuple.__new__, TargetKey)


def known_line(
    rows: Sequence[Row], at: datetime, *, again: bool = False, gone: bool = False
) -> KnownLine:
    """Return the line that says what is known about targets.

    Args:
        rows: at least one; all of them have attributes, or none has.
        at: the line's time.
        again: as in the line.
        gone: as in the line.
    """
    keys = [row.key for row in rows]
    infos = [row.info for row in rows if row.info is not None]
    states = [None if row.record is None else row.record.state for row in rows]
    records = [row.record or _UNTOUCHED for row in rows]
    details: dict[str, Any] = {
        name: Column.of([getattr(record, name) for record in records], _DEFAULTS[name])
        for name in _DETAILS
    }
    return KnownLine(
        at=at,
        again=again,
        rows=len(rows),
        gone=gone,
        account_id=Column.of([key.account_id for key in keys], ""),
        region=Column.of([key.region for key in keys], ""),
        instance_id=Column.of([key.instance_id for key in keys], ""),
        info=Column.of(infos, None) if infos else None,
        state=Column.of(states, None),
        **details,
    )


def keys_of(line: KnownLine) -> list[TargetKey]:
    """Return the keys of a line's rows.

    Raises:
        ValueError: its columns do not fit together.
    """
    columns = (_shared(line.account_id), _shared(line.region), line.instance_id)
    return list(map(_key_of, zip(*(_all(each, "", line.rows) for each in columns), strict=True)))


def infos_of(
    line: KnownLine, held: Callable[[TargetInfo], TargetInfo]
) -> Iterable[TargetInfo] | None:
    """Return the attributes of a line's rows; None if they have none.

    Args:
        line: the line.
        held: returns the one of those that are alike that is to be held.

    Raises:
        ValueError: its columns do not fit together.
    """
    if line.info is None:
        return None
    return _cells(Column([held(info) for info in line.info.values], line.info.which), line.rows)


def records_of(line: KnownLine, keys: Sequence[TargetKey]) -> Iterator[tuple[TargetKey, Record]]:
    """Return the records of a line's rows, for those that have one.

    Raises:
        ValueError: its columns do not fit together.
    """
    if line.state is None:
        return iter(())
    states = list(_cells(line.state, line.rows))
    details = [_all(getattr(line, name), _DEFAULTS[name], line.rows) for name in _DETAILS]
    made: Iterator[Any] = map(Record, states, *details)
    found = zip(keys, made, strict=True)
    if None in line.state.values:
        return compress(found, (state is not None for state in states))
    return found


def _all(column: Column[T] | None, default: T, rows: int) -> Iterable[T]:
    """Return the value of each row."""
    return repeat(default, rows) if column is None else _cells(column, rows)


def _cells(column: Column[T], rows: int) -> Iterable[T]:
    values, which = column.values, column.which
    if not which and len(values) == 1:
        return repeat(values[0], rows)
    if len(which or values) != rows or (which and max(which) >= len(values)):
        raise ValueError("a column does not fit its line")
    return map(values.__getitem__, which) if which else values


def _shared(column: Column[str] | None) -> Column[str] | None:
    """Return a column of words of which there are few, each of which is held once."""
    return column and Column([intern(word) for word in column.values], column.which)
