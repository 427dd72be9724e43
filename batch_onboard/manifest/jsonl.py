"""JSON Lines: one instance a line, an object or the text of an ARN."""

from __future__ import annotations

import json
import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from batch_onboard.manifest.nodes import MappingNode, Spot, place_at
from batch_onboard.manifest.problems import Place
from batch_onboard.manifest.scalars import Numeral, numeral
from batch_onboard.manifest.shapes import Value, pattern_of, read_lines, shape_of, spelled
from batch_onboard.manifest.tokens import JSON_LINES, JSON_TOKEN
from batch_onboard.manifest.wording import named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.manifest.problems import Complaints
    from batch_onboard.manifest.shapes import Shape, Written


def read_jsonl(text: str, file: str, complaints: Complaints) -> Iterator[Written]:
    """Yield each line's instance, complaining of lines that are no JSON."""
    complaints.reads(file, text, JSON_LINES)
    return read_lines(text, 0, 1, _Paper(file, complaints))


class _Paper:
    """The lines of a file."""

    def __init__(self, file: str, complaints: Complaints) -> None:
        self.file = file
        self._complaints = complaints
        self._decoder = _Decoder(file)

    def instance(self, text: str, line: int) -> object:
        """Return the value of a line that is known to be right."""
        return self._decoder.decode(text, line)

    def shape(self, line: str) -> Shape | None:
        """Return the shape of a line that is known to be right."""
        line = line.rstrip("\r\n")
        values = _values(line)
        return None if values is None else shape_of(line, values, ends=r"(?:\r?\n|\Z)")

    def read(self, line: str, number: int) -> Iterator[tuple[object, Place]]:
        """Yield a line's value, if it has one, complaining if it is no JSON."""
        if line.isspace():
            return
        place = Place(self.file, number, 1)
        complain = self._complaints.error
        try:
            value = self._decoder.decode(line, number)
        except json.JSONDecodeError as error:
            message, hint = (
                f"this is not JSON: {error.msg}",
                "write one object or ARN in quotes a line",
            )
            complain(place._replace(column=error.colno), "not-json", message, hint)
        except _DuplicateKeyError as error:
            message, hint = f"{named(error.key)} is given twice", "keep one of them"
            complain(error.place, "duplicate-key", message, hint, subject=error.key)
        except RecursionError:
            hint = "an instance needs two levels"
            complain(place, "too-deep", "nested too deep", hint)
        except UnicodeEncodeError:
            message = "half a character (a lone surrogate) is escaped"
            complain(place, "half-a-character", message, "write it whole")
        else:
            yield value, place


_TEXT = r'([^"\\\x00-\x1f]*)'
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")


def _values(line: str) -> list[Value] | None:
    """Return the values in a line's objects; None, if one of them has more than one spelling."""
    path: list[str] = []
    key = ""
    values = []
    tokens = [*JSON_TOKEN.finditer(line)]
    for token, after in zip_longest(tokens, (after[0] for after in tokens[1:])):
        text = token[0]
        if text == "{":
            path.append(key)
        elif text == "}":
            path.pop()
        elif after == ":":
            key = json.loads(text)
        elif text not in _STRUCTURE:
            value = _value(spelled((*path[1:], key) if path else ()), token)
            if value is None:
                return None
            values.append(value)
    return values


_STRUCTURE = frozenset({":", ",", "true", "false"})
"""Tokens that stand in a shape as they are."""


def _value(path: tuple[str, ...], token: re.Match[str]) -> Value | None:
    start, end = token.span()
    if re.fullmatch(f'"{_TEXT}"', token[0]):
        return Value(path, start + 1, end - 1, pattern_of(path, _TEXT))
    if _INTEGER.fullmatch(token[0]):
        return Value(path, start, end, f"({_INTEGER.pattern})")
    return None


class _DuplicateKeyError(Exception):
    """An object has a key twice, which JSON's own reading would pass over."""

    def __init__(self, key: str, place: Place) -> None:
        self.key = key
        self.place = place
        super().__init__(key)


class _Decoder:
    """Decodes lines, and tells each object which line it is from."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._line = 0
        self._text = ""
        self._objects = 0
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._row,
            parse_int=numeral,
            parse_float=Numeral,
            parse_constant=Numeral,
        )

    def decode(self, line: str, number: int) -> object:
        """Return a line's value.

        Raises:
            UnicodeEncodeError: a text holds half of a surrogate pair, which no file could.
        """
        line = line.rstrip("\r\n")  # lest an error is told of the next line
        self._line, self._text, self._objects = number, line, 0
        value = self._decoder.decode(line)
        if "\\ud" in line.lower():
            plain = json.loads(line, parse_int=str, parse_float=str)
            json.dumps(plain, ensure_ascii=False).encode()
        return value

    def _row(self, pairs: list[tuple[str, object]]) -> _JsonRow:
        row = _JsonRow(self._file, self._line, self._text, self._objects)
        self._objects += 1
        for index, (key, value) in enumerate(pairs):
            if key in row:
                raise _DuplicateKeyError(key, row.key_place_at(index))
            row[key] = value
        return row


class _JsonRow(MappingNode):
    """An object of one line, which finds its places in the line only when it is asked for them.

    Args:
        file: the file.
        line: the line, from 1.
        text: the line's text.
        number: how many objects of the line end before this one does.
    """

    __slots__ = ("_number", "_text")

    def __init__(self, file: str, line: int, text: str, number: int) -> None:
        super().__init__(file, Spot(line - 1, 0))
        self._text = text
        self._number = number

    @property
    def place(self) -> Place:
        """Where the object starts."""
        self._locate()
        return super().place

    def key_place_at(self, index: int) -> Place:
        """Where a key stands, of those that are written, counted from 0."""
        self._locate()
        return place_at(self.file, self.marks[2 * index])

    def remove(self, key: str) -> None:
        """Take a key out, and its places."""
        self._locate()
        super().remove(key)

    def _place_of(self, key: str, which: int) -> Place:
        self._locate()
        return super()._place_of(key, which)

    def _locate(self) -> None:
        if not self.marks:
            line = self.start.line
            start, *columns = _columns(self._text, self._number)
            self.start = Spot(line, start)
            self.marks = [Spot(line, column) for column in columns]


def _columns(text: str, number: int) -> list[int]:
    """Return where an object starts in its line, and after that each of its keys and values."""
    opened: list[list[int]] = [[]]
    ended: list[list[int]] = []
    for match in JSON_TOKEN.finditer(text):
        if match[0] in {"}", "]"}:
            columns = opened.pop()
            if match[0] == "}":
                ended.append(columns)
        elif match[0] not in {",", ":"}:
            opened[-1].append(match.start())
            if match[0] in {"{", "["}:
                opened.append([match.start()])
    return ended[number]
