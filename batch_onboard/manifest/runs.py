"""Runs of instances that are written alike in a YAML manifest, and YAML without them.

Of a run the parser is given the first instance alone, with empty lines for the others. That it
takes the first one for an instance proves that it would take the others for instances too: a shape
ends where it ends in YAML, and there the next item of the same list begins. What follows the run
must be such an item, which the parser is given, and must take for one.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, cast

from batch_onboard.manifest.compose import MAX_NODES, compose, compose_item
from batch_onboard.manifest.nodes import MappingNode, SequenceNode
from batch_onboard.manifest.problems import Complaints, StopReading
from batch_onboard.manifest.shapes import Alike, Shape, Shapes
from batch_onboard.manifest.tokens import YAML
from batch_onboard.manifest.yamlshapes import item_shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.manifest.shapes import Written

_MOST_RESTS = 1_000
"""Different values besides keys and labels, above which a shape saves nothing."""
_LONGEST = 4_096
"""Characters of an instance that a shape may be made from."""
_BLOCK = re.compile(
    r"^(?:instances|\"instances\"):[ \t]*(?:#.*)?\r?\n(?:[ \t]*(?:#.*)?\r?\n){0,100}(?=( *)- )",
    re.MULTILINE,
)


class Stretch(NamedTuple):
    """Instances of one shape, one behind another.

    Attributes:
        shape: the shape.
        start: where in the text they begin.
        line: in which line, from 1.
        number: how many they are.
    """

    shape: Shape
    start: int
    line: int
    number: int


class Run(NamedTuple):
    """A run, without its first instance.

    Attributes:
        line: where the first instance stands, from 1.
        start: where in the text the second one begins.
        end: where in the text the run ends.
        lines: how many lines that are.
        stretches: what it consists of.
    """

    line: int
    start: int
    end: int
    lines: int
    stretches: list[Stretch]


def compose_manifest(text: str, file: str, complaints: Complaints) -> tuple[object, Runs]:
    """Compose a YAML text as `compose` does, but for instances that are written alike.

    Returns:
        The document, and the instances that it lacks.

    Raises:
        StopReading: it is not YAML, or YAML beyond what a manifest may use.
    """
    runs = find_runs(text)
    root = _compose_without(runs, text, file) if runs else None
    if root is None:
        return compose(text, file, complaints), Runs([], text, file)
    complaints.reads(file, text, YAML)
    return root, Runs(runs, text, file)


def _compose_without(runs: list[Run], text: str, file: str) -> MappingNode | None:
    """Compose a text without runs; None, if something is wrong or not as it was taken to be."""
    nodes = sum(each.shape.nodes * each.number for run in runs for each in run.stretches)
    complaints = Complaints(file)
    with suppress(StopReading):
        root = compose(_without(runs, text), file, complaints, nodes=nodes)
        if not complaints.made and isinstance(root, MappingNode) and _are_items(runs, root):
            return root
    return None


def _without(runs: list[Run], text: str) -> str:
    parts: list[str] = []
    position = 0
    for run in runs:
        parts += (text[position : run.start], "\n" * run.lines)
        position = run.end
    return "".join([*parts, text[position:]])


def _are_items(runs: list[Run], root: MappingNode) -> bool:
    """Say whether each run's first instance, and what follows the run, are items side by side."""
    instances = root.get("instances")
    if not isinstance(instances, SequenceNode):
        return False
    index = {mark.line + 1: number for number, mark in enumerate(instances.marks)}
    return all(
        index.get(run.line, -2) + 1 == index.get(run.stretches[0].line + run.lines, -2)
        for run in runs
    )


def find_runs(text: str) -> list[Run]:
    """Find instances that are written alike in the list of instances of a manifest's text."""
    block = _BLOCK.search(text)
    if block is None:
        return []
    finder = _Finder(text, block.end(), text.count("\n", 0, block.end()) + 1, block[1])
    finder.find()
    return finder.runs


class _Finder:
    """One pass over a block of instances."""

    def __init__(self, text: str, start: int, line: int, indent: str) -> None:
        self.runs: list[Run] = []
        self._text = text
        self._start = start
        self._line = line
        self._dash = f"{indent}- "
        self._shapes = Shapes()
        self._rests: dict[Shape, set[object]] = {}

    def find(self) -> None:
        """Find all runs."""
        while self._start >= 0:
            line = self._line
            first = self._stretch(1)
            if first is None:
                self._pass_by()
                continue
            start, second = self._start, self._line
            stretches = []
            while (stretch := self._stretch()) is not None:
                stretches.append(stretch)
            if stretches:
                self.runs.append(Run(line, start, self._start, self._line - second, stretches))

    def _stretch(self, most: int = MAX_NODES) -> Stretch | None:
        """Take in instances of one shape from here on."""
        text, start, line = self._text, self._start, self._line
        found = self._shapes.match(text, start)
        if found is None or not self._is_cheap(*found):
            return None
        shape, match = found
        number = 0
        further: re.Match[str] | None = match
        while further is not None and number < most and self._is_cheap(shape, further):
            number += 1
            self._start = further.end()
            further = shape.match(text, self._start)
        self._line += number * shape.lines
        return Stretch(shape, start, line, number)

    def _is_cheap(self, shape: Shape, match: re.Match[str]) -> bool:
        """Say whether what holds for an instance of a shape may well hold for others."""
        if not shape.rest:
            return True
        rests = self._rests.setdefault(shape, set())
        if len(rests) < _MOST_RESTS:
            rests.add(match.group(*shape.rest))
            return True
        return match.group(*shape.rest) in rests

    def _pass_by(self) -> None:
        """Go past an item that has no known shape, and see whether it has one to learn."""
        start = self._start
        found = self._text.find(f"\n{self._dash}", start, len(self._text))
        self._start = found + 1 if found >= 0 else -1
        self._line += self._text.count("\n", start, max(self._start, start))
        known = self._shapes.match(self._text, start)
        if known is None and 0 < self._start - start < _LONGEST:
            item = self._text[start : self._start]
            self._shapes.learn(lambda: item_shape(item, self._dash))


class Runs:
    """Instances that a document lacks, since they are written alike.

    Args:
        runs: where they stand.
        text: the manifest's text.
        file: the manifest, as the user gave its path.
    """

    def __init__(self, runs: list[Run], text: str, file: str) -> None:
        self.file = file
        self._runs = {run.line: run for run in runs}
        self._text = text

    def instance(self, text: str, line: int) -> object:
        """Return an instance as the parser reads it."""
        return compose_item(text, self.file, lines_before=line - 1)

    def added_to(self, instances: SequenceNode) -> Iterator[Written]:
        """Yield the instances of a document's list, and those that it lacks in their places."""
        for index, instance in enumerate(instances):
            place = instances.item_place(index)
            yield instance, place
            run = self._runs.get(place.line)
            for stretch in () if run is None else run.stretches:
                yield from self._alike(stretch)

    def _alike(self, stretch: Stretch) -> Iterator[Alike]:
        shape, position, line = stretch.shape, stretch.start, stretch.line
        for _ in range(stretch.number):
            # The text is what it was when the run was found, so there is a match.
            match = cast("re.Match[str]", shape.match(self._text, position))
            yield Alike(shape, match, line, self)
            position = match.end()
            line += shape.lines
