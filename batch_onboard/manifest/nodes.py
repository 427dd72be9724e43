"""Parsed data that knows where it was written.

Mappings and sequences are ordinary dicts and lists, which validators take as they are. Places are
kept as the parser's own marks and worked out only when there is something to complain of.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from batch_onboard.manifest.problems import Place


class Mark(Protocol):
    """A place as PyYAML counts: from 0."""

    @property
    def line(self) -> int:
        """The line, from 0."""
        ...

    @property
    def column(self) -> int:
        """The column in characters, from 0."""
        ...


class Spot(NamedTuple):
    """A mark that this room makes itself."""

    line: int
    column: int


def place_at(file: str, mark: Mark, lines_before: int = 0) -> Place:
    """Return the place of a mark, as editors count."""
    return Place(file, mark.line + 1 + lines_before, mark.column + 1)


class MappingNode(dict[str, Any]):
    """A mapping with the places of its keys and values.

    Attributes:
        file: the file it stands in.
        start: where it starts.
        marks: for each key in order, where it stands and where its value does.
        untexted: the keys that were written as a number, a boolean or null.
        lines_before: lines of the file that stand before what marks count from.
    """

    __slots__ = ("file", "lines_before", "marks", "start", "untexted")

    def __init__(self, file: str, start: Mark, lines_before: int = 0) -> None:
        super().__init__()
        self.file = file
        self.start = start
        self.lines_before = lines_before
        self.marks: list[Mark] = []
        self.untexted: list[str] = []

    @property
    def place(self) -> Place:
        """Where the mapping starts."""
        return place_at(self.file, self.start, self.lines_before)

    def key_place(self, key: str) -> Place:
        """Where a key stands."""
        return self._place_of(key, 0)

    def value_place(self, key: str) -> Place:
        """Where a key's value stands."""
        return self._place_of(key, 1)

    def _place_of(self, key: str, which: int) -> Place:
        mark = self.marks[2 * list(self).index(key) + which]
        return place_at(self.file, mark, self.lines_before)

    def rename(self, old: str, new: str) -> None:
        """Give a key another name, at the same place."""
        items = [(new if key == old else key, value) for key, value in self.items()]
        self.clear()
        self.update(items)

    def remove(self, key: str) -> None:
        """Take a key out, and its places."""
        at = 2 * list(self).index(key)
        del self.marks[at : at + 2]
        del self[key]


class SequenceNode(list[Any]):
    """A sequence with the places of its items.

    Attributes:
        file: the file it stands in.
        marks: for each item, where it stands.
    """

    __slots__ = ("file", "marks")

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file
        self.marks: list[Mark] = []

    def item_place(self, index: int) -> Place:
        """Where an item stands."""
        return place_at(self.file, self.marks[index])
