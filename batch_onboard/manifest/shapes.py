"""Shapes: what many instances are written in, alike but for their values.

The first instance of a shape is read as any other. What stood around its values, which is always
the same, and patterns of what may stand for each of them, make one pattern, by which all further
ones are read at once. A pattern takes only what the file's own reader would take for the same: an
instance that is written in any other way, or is wrong, does not match and is read like the first.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from batch_onboard.manifest.arns import INSTANCE
from batch_onboard.manifest.models import INSTANCE_SPELLINGS, Instance
from batch_onboard.manifest.problems import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


MAX_SHAPES = 16
"""Shapes that are known of one file. The more, the longer one that has none of them takes."""

_MAX_ATTEMPTS = 64
"""Instances of one file from which a shape is made, or found to have none."""

Path = tuple[str, ...]
"""The keys that lead from an instance to a value; none for a bare ARN."""

_GROUPS: dict[Path, tuple[Path, ...]] = {
    (): (("region",), ("account_id",), ("id",)),
    ("arn",): (("region",), ("account_id",), ("id",)),
}
"""What the groups of a pattern hold, where that is not the value itself."""
_KEY: tuple[Path, ...] = (("account_id",), ("region",), ("id",))
_PATTERNS: dict[Path, str] = {
    (): INSTANCE,
    ("arn",): INSTANCE,
    ("account_id",): "([0-9]{12})",
    ("region",): "(?![a-z0-9-]{33})([a-z]{2,}(?:-[a-z]+)+-[0-9]+)",
    ("id",): "([a-zA-Z0-9_.-]{1,256})",
}


class Value(NamedTuple):
    """A value in the text of an instance.

    Attributes:
        path: what it is of.
        start: where its text starts.
        end: where that ends.
        pattern: what may stand there instead.
    """

    path: Path
    start: int
    end: int
    pattern: str


class Shape:
    """A pattern, and what its groups hold.

    Attributes:
        match: matches a text from a position on.
        column: the column, from 1, in which an instance starts.
        lines: how many lines an instance has.
        nodes: how many values it has, itself and mappings inside among them.
        key: takes account, Region and id from the groups; "" stands for what is not among them.
        rest: which groups hold anything else but labels.
        labels: names of labels, and which groups hold their texts.
        says: the keys whose values are among the groups.
    """

    def __init__(
        self, text: str, values: Sequence[Value], *, ends: str, column: int, nodes: int
    ) -> None:
        groups = [path for value in values for path in _GROUPS.get(value.path, (value.path,))]
        self.match = re.compile(f"{_pattern(text, values)}{ends}()").match
        self.column = column
        self.nodes = nodes
        self.lines = text.count("\n")
        number = {path: index for index, path in enumerate(groups)}
        self.key: Callable[[Sequence[str]], tuple[str, str, str]] = itemgetter(
            *(number.get(path, len(groups)) for path in _KEY)
        )
        self.labels = {path[1]: number[path] for path in groups if _is_label(path)}
        self.says = frozenset(path[0] for path in groups)
        self.rest = tuple(
            number[path] + 1 for path in groups if not _is_label(path) and path not in _KEY
        )


def _is_label(path: Path) -> bool:
    return path[0] == "labels" and len(path) == 2


def _pattern(text: str, values: Sequence[Value]) -> str:
    parts, position = [], 0
    for value in values:
        parts.append(re.escape(text[position : value.start]))
        parts.append(value.pattern)
        position = value.end
    return "".join([*parts, re.escape(text[position:])])


def pattern_of(path: Path, text: str) -> str:
    """Return what may stand for a value, which is any `text` where its path does not say more."""
    return _PATTERNS.get(path, text)


def spelled(path: Path) -> Path:
    """Return a path with the manifest's own names."""
    return (INSTANCE_SPELLINGS.get(path[0], path[0]), *path[1:]) if path else path


def shape_of(
    text: str,
    values: Sequence[Value],
    *,
    ends: str,
    follows: str = "",
    column: int = 1,
    nodes: int = 0,
) -> Shape | None:
    """Make a shape of an instance's text.

    Args:
        text: the text.
        values: all values in it whose spelling is their own.
        ends: a pattern of what ends an instance.
        follows: what stands behind the text, as far as that pattern asks for it.
        column: the column, from 1, in which an instance starts.
        nodes: how many values it has, itself and mappings inside among them.

    Returns:
        The shape; None, if it could not be relied on, or would not say which instance is meant.
    """
    if not _name_one_instance([value.path for value in values]):
        return None
    shape = Shape(text, values, ends=ends, column=column, nodes=nodes)
    return shape if shape.match(text + follows) else None


def _name_one_instance(paths: Sequence[Path]) -> bool:
    """Say whether values name an instance, in one way only."""
    ways = sum(path in {(), ("arn",), ("id",)} for path in paths)
    apart = {("account_id",), ("region",)}.isdisjoint(paths)
    return (
        ways == 1
        and len(set(paths)) == len(paths)
        and all(path[0] in Instance.model_fields for path in paths if path)
        and (apart or ("arn",) not in paths)
    )


class Paper(Protocol):
    """A file that instances are read from."""

    @property
    def file(self) -> str:
        """The file, as the user gave its path."""
        ...

    def instance(self, text: str, line: int) -> object:
        """Return an instance as its reader reads it: this text, that begins in this line."""
        ...


class Alike(NamedTuple):
    """An instance that is written in a known shape.

    Attributes:
        shape: the shape.
        match: its text, taken apart.
        line: where it begins, from 1.
        paper: the file that it is from.
    """

    shape: Shape
    match: re.Match[str]
    line: int
    paper: Paper

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.paper.file, self.line, self.shape.column)

    def read(self) -> object:
        """Return it as its reader reads it."""
        return self.paper.instance(self.match[0], self.line)


Written = Alike | tuple[object, Place]
"""An instance as it is read: in a known shape, or else what it is and where it stands."""


class Shapes:
    """The shapes that are known of one file, the one that was met last going first."""

    def __init__(self) -> None:
        self._known: list[Shape] = []
        self._attempts = 0

    def match(self, text: str, start: int) -> tuple[Shape, re.Match[str]] | None:
        """Find the shape of what stands at a position."""
        for index, shape in enumerate(self._known):
            match = shape.match(text, start)
            if match is not None:
                if index:
                    self._known.insert(0, self._known.pop(index))
                return shape, match
        return None

    def learn(self, make: Callable[[], Shape | None]) -> None:
        """Take in the shape of an instance that has none of the known ones."""
        if len(self._known) < MAX_SHAPES and self._attempts < _MAX_ATTEMPTS:
            self._attempts += 1
            shape = make()
            if shape is not None:
                self._known.insert(0, shape)


class LinePaper(Paper, Protocol):
    """A file with an instance a line."""

    def shape(self, line: str) -> Shape | None:
        """Return the shape of a line that has been read; None: it has none."""
        ...

    def read(self, line: str, number: int) -> Iterable[tuple[object, Place]]:
        """Yield a line's instance; none, having complained, if it has none."""
        ...


def read_lines(text: str, start: int, number: int, paper: LinePaper) -> Iterator[Written]:
    """Yield the instances of a text.

    Args:
        text: the text.
        start: where its first instance may begin.
        number: of the line of that.
        paper: reads lines of no known shape.
    """
    shapes = Shapes()
    while start < len(text):
        found = shapes.match(text, start)
        if found is not None:
            shape, match = found
            yield Alike(shape, match, number, paper)
            start = match.end()
        else:
            end = text.find("\n", start) + 1 or len(text)
            line = text[start:end]
            for read in paper.read(line, number):
                yield read
                shapes.learn(lambda: paper.shape(line))  # noqa: B023 - called at once
            start = end
        number += 1
