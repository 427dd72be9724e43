"""CSV: a row of column names, then one instance a row, all in text."""

from __future__ import annotations

import csv
import difflib
import itertools
from typing import TYPE_CHECKING, NamedTuple

from batch_onboard.manifest.models import (
    ENCRYPTION_SPELLINGS,
    INSTANCE_SPELLINGS,
    EncryptionSettings,
    Instance,
)
from batch_onboard.manifest.nodes import MappingNode, Spot
from batch_onboard.manifest.problems import Place, StopReading
from batch_onboard.manifest.scalars import numeral
from batch_onboard.manifest.shapes import Value, pattern_of, read_lines, shape_of
from batch_onboard.manifest.tokens import CELL, CSV
from batch_onboard.manifest.wording import named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.manifest.problems import Complaints
    from batch_onboard.manifest.shapes import Shape, Written

_TRUTHS = {"true": True, "false": False}
_NESTED = ("encryption", "labels")
_PLAIN = tuple(name for name in Instance.model_fields if name not in _NESTED)
_COLUMNS = (*_PLAIN, *(f"encryption.{name}" for name in EncryptionSettings.model_fields))


class _Column(NamedTuple):
    """Where a cell belongs: to a key of the instance, or to one of a mapping inside."""

    outer: str
    inner: str | None


class _Line(NamedTuple):
    """A row's cells, and the line they were read from."""

    number: int
    text: str
    cells: list[str]


def read_csv(text: str, file: str, complaints: Complaints) -> Iterator[Written]:
    """Yield each row's instance.

    Raises:
        StopReading: it is not CSV, or its columns are not right.
    """
    complaints.reads(file, text, CSV)
    start = number = 0
    header = None
    while header is None:
        if start >= len(text):
            hint = "its first row names the columns"
            complaints.stop(Place(file, 1, 1), "empty-file", "the file is empty", hint)
        end = text.find("\n", start) + 1 or len(text)
        number += 1
        header = _split(text[start:end], number, file, complaints)
        start = end
    columns = _columns(header, file, complaints)
    yield from read_lines(text, start, number + 1, _Paper(columns, file, complaints))


class _Paper:
    """The rows of a table."""

    def __init__(self, columns: list[_Column], file: str, complaints: Complaints) -> None:
        self.file = file
        self._columns = columns
        self._complaints = complaints

    def instance(self, text: str, line: int) -> object:
        """Return the instance of a row that is known to be right."""
        cells = text.rstrip("\r\n").split(",")
        return _instance(_Line(line, text, cells), self._columns, self.file)

    def shape(self, line: str) -> Shape | None:
        """Return the shape of a row that is known to be right, if nothing in it is quoted."""
        text = line.rstrip("\r\n")
        cells = text.split(",")
        if '"' in text or len(cells) != len(self._columns):
            return None
        starts = itertools.accumulate((len(cell) + 1 for cell in cells), initial=0)
        values = [
            Value(path, start, start + len(cell), pattern_of(path, _CELL))
            for path, start, cell in zip(map(_path, self._columns), starts, cells, strict=False)
            if cell
        ]
        return shape_of(text, values, ends=r"(?:\r?\n|\Z)")

    def read(self, line: str, number: int) -> Iterator[tuple[object, Place]]:
        """Yield a row's instance, if it has one, complaining if it is no such row."""
        row = _split(line, number, self.file, self._complaints)
        if row is None:
            return
        place = Place(self.file, number, 1)
        if len(row.cells) != len(self._columns):
            message = f"{len(row.cells)} cells, but {len(self._columns)} columns"
            self._complaints.error(place, "cell-count", message, "give each column one")
        elif any(row.cells):
            yield _instance(row, self._columns, self.file), place


_CELL = r'([^\s",](?:[^",\r\n]{0,1000}[^\s",])?)'
"""A cell in which nothing is quoted, with nothing around it."""


def _path(column: _Column) -> tuple[str, ...]:
    return (column.outer,) if column.inner is None else (column.outer, column.inner)


def _split(line: str, number: int, file: str, complaints: Complaints) -> _Line | None:
    """Take a line apart, so that each cell has a place; None, if there is nothing in it to use."""
    try:
        rows = list(csv.reader([line], strict=True, skipinitialspace=True))
    except csv.Error as error:
        message, hint = f"this is not CSV: {error}", "close each quote in its line"
        complaints.error(Place(file, number, 1), "not-csv", message, hint)
        return None
    return _Line(number, line, [cell.strip() for cell in rows[0]]) if rows[0] else None


def _columns(header: _Line, file: str, complaints: Complaints) -> list[_Column]:
    """Read the column names.

    Raises:
        StopReading: a name is unknown or stands twice, so cells could not be told apart.
    """
    columns: list[_Column] = []
    wrong = False
    for index, name in enumerate(header.cells):
        column = _column(name)
        place = Place(file, header.number, _cell_start(header.text, index))
        if column is None:
            complaints.error(place, "unknown-key", *_unknown(name), subject=name)
        elif column in columns:
            message = f"the column {named(name)} is there twice"
            complaints.error(place, "duplicate-key", message, "keep one of them", subject=name)
        wrong = wrong or column is None or column in columns
        columns.append(column or _Column("", None))
    if wrong:
        raise StopReading
    return columns


def _column(name: str) -> _Column | None:
    outer, dot, inner = name.partition(".")
    outer = INSTANCE_SPELLINGS.get(outer, outer)
    if outer == "encryption":
        inner = ENCRYPTION_SPELLINGS.get(inner, inner)
        return _Column(outer, inner) if inner in EncryptionSettings.model_fields else None
    if outer == "labels":
        return _Column(outer, inner) if inner else None
    return _Column(outer, None) if outer in _PLAIN and not dot else None


def _unknown(name: str) -> tuple[str, str]:
    near = difflib.get_close_matches(name, _COLUMNS, n=1) if len(name) <= 40 else []
    known = f"known are {', '.join(_COLUMNS)} and labels.NAME"
    return f"unknown column {named(name)}", f"did you mean {near[0]}?" if near else known


def _instance(line: _Line, columns: list[_Column], file: str) -> _CsvRow:
    """Make an instance of the cells that are not empty."""
    instance = _CsvRow(file, line)
    for index, (column, cell) in enumerate(zip(columns, line.cells, strict=True)):
        if not cell:
            continue
        if column.inner is None:
            instance.put(column.outer, numeral(cell) if column.outer == "wave" else cell, index)
            continue
        if column.outer not in instance:
            instance.put(column.outer, _CsvRow(file, line), index)
        value = _TRUTHS.get(cell.lower(), cell) if column.inner == "enabled" else cell
        instance[column.outer].put(column.inner, value, index)
    return instance


class _CsvRow(MappingNode):
    """A row, or what is nested in one, that knows which cell each key is from."""

    __slots__ = ("_cells", "_text")

    def __init__(self, file: str, line: _Line) -> None:
        super().__init__(file, Spot(line.number - 1, 0))
        self._text = line.text
        self._cells: dict[str, int] = {}

    def put(self, key: str, value: object, cell: int) -> None:
        """Set a key that is read from a cell."""
        self[key] = value
        self._cells[key] = cell

    def _place_of(self, key: str, which: int) -> Place:  # noqa: ARG002 - keys are in the header
        return self.place._replace(column=_cell_start(self._text, self._cells[key]))


def _cell_start(text: str, index: int) -> int:
    """Return the column of a cell in its line, from 1."""
    return next(itertools.islice(CELL.finditer(text), index, None)).start(1) + 1
