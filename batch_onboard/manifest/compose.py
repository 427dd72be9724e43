"""YAML text to nodes: PyYAML's events, composed here.

PyYAML's own composer loses places and duplicate keys, guesses at types and crashes on deep
nesting. Its C parser hands out events one by one, so the budgets here hold before anything is
built: the parser never sees more than the event after the one that broke a budget.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn, cast

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from batch_onboard.manifest.nodes import MappingNode, SequenceNode, place_at
from batch_onboard.manifest.problems import Complaints, Place
from batch_onboard.manifest.scalars import typed
from batch_onboard.manifest.tokens import YAML
from batch_onboard.manifest.wording import named, quoted

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH = 32
"""Levels of nesting. Five are enough for a manifest."""

MAX_NODES = 4_000_000
"""Values, those behind an alias counted at each use. A target has one to about twenty."""


_Event = Any
"""An event of PyYAML's C parser. Its marks are always there, where the stubs say perhaps."""

# A directive is refused for its cost too: libyaml compares each %TAG with all before it.
_DIRECTIVE = re.compile(r"^%(?!YAML )\S*", re.MULTILINE)


def compose(
    text: str,
    file: str,
    complaints: Complaints,
    *,
    plain: Callable[[str], object] = typed,
    nodes: int = 0,
) -> object:
    """Return the one document of a YAML text: a node, or a scalar's value.

    Args:
        text: the text.
        file: where it is from.
        complaints: where to complain.
        plain: what a plain (unquoted) scalar stands for.
        nodes: how many values are to be counted besides those of the text.

    Raises:
        StopReading: it is not YAML, or YAML beyond what a manifest may use.
    """
    if found := _DIRECTIVE.search(text):
        place = Place(file, text.count("\n", 0, found.start()) + 1, 1)
        message = "YAML directives (%) are not allowed"
        complaints.stop(place, "yaml-directive", message, "remove this line")
    complaints.reads(file, text, YAML)
    composer = _Composer(text, file, complaints, plain, nodes=nodes)
    try:
        return composer.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, 1, 1) if mark is None else place_at(file, mark)
        complaints.stop(place, "not-yaml", *_explained(error, text, place))


def compose_item(text: str, file: str, *, lines_before: int) -> object:
    """Return the one item of a block sequence that has been found to be right.

    Args:
        text: the item's lines.
        file: where it is from.
        lines_before: how many lines of the file stand before it.
    """
    composer = _Composer(text, file, Complaints(file), typed, lines_before=lines_before)
    (item,) = cast("SequenceNode", composer.document())
    return item


def _explained(error: yaml.MarkedYAMLError, text: str, place: Place) -> tuple[str, str]:
    words = " ".join(part for part in (error.context, error.problem) if part)
    message = f"this is not YAML: {words}"
    line = text.splitlines()[place.line - 1 : place.line] or [""]
    if "\t" in line[0][: place.column]:
        return message, "indent with spaces, not tabs"
    if "mapping values are not allowed" in words:
        return message, 'write a text that holds ": " in quotes'
    return message, ""


class _Composer:
    """One pass over the events of one text."""

    def __init__(
        self,
        text: str,
        file: str,
        complaints: Complaints,
        plain: Callable[[str], object],
        *,
        nodes: int = 0,
        lines_before: int = 0,
    ) -> None:
        self._plain = plain
        self._next = cast("Any", yaml.CSafeLoader(text).get_event)
        self._file = file
        self._complaints = complaints
        self._nodes = nodes
        self._lines_before = lines_before
        self._depth = 0
        self._anchors: dict[str, tuple[object, int]] = {}
        self._unfinished: set[str] = set()
        self._texts: set[str] = set()

    def document(self) -> object:
        self._next()
        event = self._next()
        if type(event) is StreamEndEvent:
            return None
        root = self._node(self._next())
        self._next()
        event = self._next()
        if type(event) is DocumentStartEvent:
            hint = "remove this one and what follows"
            self._stop(event, "several-documents", "the file must be one YAML document", hint)
        return root

    def _node(self, event: _Event) -> object:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._refuse_size(event)
        if type(event) is ScalarEvent and event.anchor is None and event.tag is None:
            return event.value if event.style else self._plain(event.value)
        return self._rarer_node(event)

    def _rarer_node(self, event: _Event) -> object:
        """Compose all but a scalar without anchor and tag, which most nodes are."""
        if type(event) is AliasEvent:
            return self._alias(event)
        if event.tag is not None:
            self._complain(event, "tag", "tags are not allowed", f"remove {quoted(event.tag)}")
        if type(event) is ScalarEvent:
            value = event.value if event.style else self._plain(event.value)
            if event.anchor is not None:
                self._anchors[event.anchor] = (value, 1)
            return value
        return self._collection(event)

    def _collection(self, event: _Event) -> object:
        """Compose what a start event opens, within the budgets."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            message = f"nested more than {MAX_DEPTH} levels deep"
            self._stop(event, "too-deep", message, "five are enough")
        anchor, before = event.anchor, self._nodes
        if anchor is not None:
            self._unfinished.add(anchor)
        node = self._mapping(event) if type(event) is MappingStartEvent else self._sequence()
        if anchor is not None:
            self._unfinished.discard(anchor)
            self._anchors[anchor] = (node, self._nodes - before + 1)
        self._depth -= 1
        return node

    def _mapping(self, start: _Event) -> MappingNode:
        node = MappingNode(self._file, start.start_mark, self._lines_before)
        marks = node.marks
        while type(event := self._next()) is not MappingEndEvent:
            key = self._key(event, node)
            value_event = self._next()
            value = self._node(value_event)
            if key is not None:
                node[key] = value
                marks.append(event.start_mark)
                marks.append(value_event.start_mark)
        return node

    def _sequence(self) -> SequenceNode:
        node = SequenceNode(self._file)
        while type(event := self._next()) is not SequenceEndEvent:
            node.marks.append(event.start_mark)
            node.append(self._node(event))
        return node

    def _key(self, event: _Event, node: MappingNode) -> str | None:
        """Return a key, or None, having complained, if its value is to be left out."""
        if type(event) is not ScalarEvent:
            message = "a key must be a text, not a list, a mapping or an alias"
            self._stop(event, "odd-key", message)
        if event.tag is not None or event.anchor is not None:
            self._stop(event, "odd-key", "a key can't have a tag or an anchor", "remove it")
        key = sys.intern(event.value)
        if not event.style and key not in self._texts:  # plain, and not met before
            if key == "<<":
                message = "merge keys (<<) are not supported"
                self._complain(event, "merge-key", message, "use defaults or accounts")
                return None
            if isinstance(typed(key), str):
                self._texts.add(key)
            else:
                node.untexted.append(key)
        if key in node:
            first = node.key_place(key).line
            message = f"{named(key)} is already given in line {first}"
            self._complain(event, "duplicate-key", message, "keep one of them", subject=key)
            return None
        return key

    def _alias(self, event: _Event) -> object:
        name = event.anchor
        if name in self._unfinished:
            message = f"the alias *{name} stands inside of what it names"
            self._stop(event, "recursive-alias", message, "write it out")
        if name not in self._anchors:
            message = f"the alias *{name} has no anchor &{name} before it"
            self._stop(event, "unknown-alias", message, "write it out, or add the anchor")
        value, nodes = self._anchors[name]
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._refuse_size(event)
        return value

    def _refuse_size(self, event: _Event) -> NoReturn:
        message = f"more than {MAX_NODES:,} values, aliases written out"
        self._stop(event, "too-large", message, "use sources for many")

    def _stop(self, event: _Event, code: str, message: str, hint: str = "") -> NoReturn:
        self._complaints.stop(place_at(self._file, event.start_mark), code, message, hint)

    def _complain(
        self, event: _Event, code: str, message: str, hint: str, *, subject: str = ""
    ) -> None:
        place = place_at(self._file, event.start_mark)
        self._complaints.error(place, code, message, hint, subject=subject)
