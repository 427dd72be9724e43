"""Where the tokens of YAML, CSV and JSON end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import yaml

from batch_onboard.manifest.marking import Form, Start, split_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

CELL = re.compile(r' *("(?:[^"]|"")*"[^,]*|[^,]*)(?:,|$)')
"""One cell of a line of CSV; the group is its text, quotes and all."""

JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
"""One token of JSON."""


def _yaml_ends(lines: Sequence[str], starts: Iterable[Start]) -> dict[Start, int]:
    """Find ends by a second pass over the parser's events, as far as the last start."""
    left, ends = set(starts), dict[Start, int]()
    last = max(left)
    for event in _events("\n".join(lines)):
        begin, end = event.start_mark, event.end_mark
        start = Start(begin.line + 1, begin.column + 1)
        if start in left and end.index > begin.index:
            same_line = end.line == begin.line
            ends[start] = end.column + 1 if same_line else len(lines[begin.line]) + 1
            left.discard(start)
        if start > last or not left:
            break
    return ends


def _events(text: str) -> Iterator[Any]:
    loader = cast("Any", yaml.CSafeLoader(text))
    try:
        while (event := loader.get_event()) is not None:
            yield event
    except yaml.YAMLError:  # this is where the first pass ended too
        return


def _cell_ends(lines: Sequence[str], starts: Iterable[Start]) -> dict[Start, int]:
    found = (
        (start, next(CELL.finditer(lines[start.line - 1], start.column - 1))) for start in starts
    )
    return {start: match.start(1) + len(match[1].rstrip()) + 1 for start, match in found}


def _json_ends(lines: Sequence[str], starts: Iterable[Start]) -> dict[Start, int]:
    found = ((start, JSON_TOKEN.match(lines[start.line - 1], start.column - 1)) for start in starts)
    return {start: match.end() + 1 for start, match in found if match is not None}


YAML = Form(str.splitlines, _yaml_ends)
CSV = Form(split_lines, _cell_ends)
JSON_LINES = Form(split_lines, _json_ends)
