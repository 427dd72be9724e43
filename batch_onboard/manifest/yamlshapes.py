"""The shape of an instance in YAML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import yaml
from yaml.events import (
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamStartEvent,
)

from batch_onboard.manifest.shapes import Shape, Value, pattern_of, shape_of, spelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from batch_onboard.manifest.shapes import Path

_Event = Any
"""An event of PyYAML's C parser."""

# Neither an escape nor what is a line's end, or no text, to YAML.
_ODD = r"\\\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff"
_QUOTED = {'"': f'([^"{_ODD}]*)', "'": f"([^'{_ODD}]*)"}
_PLAIN = "([a-zA-Z0-9_](?:[a-zA-Z0-9_./@+=:-]*[a-zA-Z0-9_])?)"
"""Without quotes: one word, in which no character begins or ends anything to YAML."""
_PLAIN_TEXT = (
    "((?!(?i:true|false|null)(?![a-zA-Z0-9_./@+=:-]))"
    "[a-zA-Z_](?:[a-zA-Z0-9_./@+=:-]*[a-zA-Z0-9_])?)"
)
"""That, but neither a number nor a word that stands for a value."""
_PLAIN_ID = "([a-zA-Z0-9](?:[a-zA-Z0-9_.]{0,80}-){2}[a-zA-Z0-9_.-]{0,80})"
"""An id with two hyphens inside, so that it is no number."""
_MOST_EVENTS = 400
"""Events of an item, so that nesting is not deep."""
_STRUCTURE = re.compile(r"(?:[ {}:,\n-]|\r\n)*")


def item_shape(text: str, dash: str) -> Shape | None:
    """Return the shape of an item, an instance, of a block sequence; None, if it has none.

    Args:
        text: the item's lines.
        dash: what it begins with.
    """
    try:
        events = list(_events(text))
    except yaml.YAMLError:
        return None
    kinds = [type(event) for event in events[:3]]
    if kinds != [StreamStartEvent, DocumentStartEvent, SequenceStartEvent] or events[1].explicit:
        return None
    item = events[3:-3]
    if not all(map(_is_simple, item)) or len(item) > _MOST_EVENTS:
        return None
    return _shape(text, item, dash)


def _events(text: str) -> Iterator[_Event]:
    loader = cast("Any", yaml.CSafeLoader(text))
    while (event := loader.get_event()) is not None:
        yield event


def _is_simple(event: _Event) -> bool:
    if type(event) is MappingEndEvent:
        return True
    if type(event) not in {ScalarEvent, MappingStartEvent}:
        return False
    return event.anchor is None and event.tag is None


def _shape(text: str, item: Sequence[_Event], dash: str) -> Shape | None:
    events = iter(item)
    tokens = list(_tokens(events, ()))
    values = [_value(token) for token in tokens if not token.is_key]
    around, position = "", 0
    for token in tokens:
        around += text[position : token.start]
        position = token.end
    odd = _STRUCTURE.fullmatch(around + text[position:]) is None
    if odd or next(events, None) is not None or None in values:
        return None
    return shape_of(
        text,
        [value for value in values if value is not None],
        ends=f"(?={re.escape(dash)})",
        follows=dash,
        column=item[0].start_mark.column + 1,
        nodes=len(values) + sum(type(event) is MappingStartEvent for event in item),
    )


class _Token(NamedTuple):
    """A key or a value: its text's start and end, what it is of, and its quotes."""

    start: int
    end: int
    path: Path
    style: str
    is_key: bool


def _tokens(events: Iterator[_Event], path: Path) -> Iterator[_Token]:
    """Yield the tokens of the node that begins here."""
    event = next(events)
    if type(event) is ScalarEvent:
        yield _token(event, path, is_key=False)
        return
    while type(key := next(events)) is ScalarEvent:
        yield _token(key, path, is_key=True)
        yield from _tokens(events, (*path, key.value))


def _token(event: _Event, path: Path, *, is_key: bool) -> _Token:
    start, end = event.start_mark.index, event.end_mark.index
    return _Token(start, end, spelled(path), event.style or "", is_key)


def _value(token: _Token) -> Value | None:
    if token.style in _QUOTED:
        pattern = pattern_of(token.path, _QUOTED[token.style])
        return Value(token.path, token.start + 1, token.end - 1, pattern)
    if token.style or token.path == ("account_id",):
        return None
    if token.path == ("id",):
        return Value(token.path, token.start, token.end, _PLAIN_ID)
    text = _PLAIN_TEXT if token.path[:1] == ("labels",) else _PLAIN
    return Value(token.path, token.start, token.end, pattern_of(token.path, text))
