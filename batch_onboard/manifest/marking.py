"""Where wrong tokens end, and the lines that they stand in, so that both can be shown.

Readers keep where a token starts and no more, which is cheap. When there are problems, the few
texts that have some are looked at once more.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from batch_onboard.manifest.leaks import find_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from batch_onboard.manifest.problems import Problem

_HALF_A_SECRET = ("external_id", "externalId")


class Start(NamedTuple):
    """Where a token starts in a text: line and column, from 1."""

    line: int
    column: int


class Form(NamedTuple):
    """How a kind of text is taken apart.

    Attributes:
        lines: splits it into lines, as its reader counts them.
        ends: finds, for tokens that start in these lines, the columns after them.
    """

    lines: Callable[[str], list[str]]
    ends: Callable[[Sequence[str], Iterable[Start]], dict[Start, int]]


def split_lines(text: str) -> list[str]:
    """Split a text at line feeds, as editors do."""
    return [line.removesuffix("\r") for line in text.split("\n")]


PLAIN = Form(split_lines, lambda _lines, _starts: {})
"""A text in which no tokens are known."""


class Marker:
    """Keeps the texts in which something is wrong: the first one read, and those complained of."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, Form]] = {}
        self._reading: tuple[str, tuple[str, Form]] | None = None

    def reads(self, file: str, text: str, form: Form) -> None:
        """Take note of a text that is about to be read. The last form that is told counts."""
        self._reading = (file, (text, form))
        if not self._kept or file in self._kept:
            self._kept[file] = (text, form)

    def complained_of(self, file: str) -> None:
        """Keep the text that is being read, if this is its file."""
        if self._reading is not None and self._reading[0] == file:
            self._kept[file] = self._reading[1]

    def marked(self, problems: Sequence[Problem]) -> tuple[Problem, ...]:
        """Return problems, sorted by file, with their ends and, where no secret is, their lines."""
        by_file = groupby(problems, key=attrgetter("file"))
        return tuple(
            problem for file, group in by_file for problem in self._marked(file, list(group))
        )

    def _marked(self, file: str, problems: Sequence[Problem]) -> Iterator[Problem]:
        text, form = self._kept.get(file, ("", PLAIN))
        lines = form.lines(text)
        starts = {Start(each.line, each.column) for each in problems if each.line <= len(lines)}
        ends = form.ends(lines, starts) if starts else {}
        shown = {}
        if not any(problem.code == "secret" for problem in problems):
            numbered = {start.line: lines[start.line - 1] for start in starts}
            shown = {number: line for number, line in numbered.items() if _may_be_shown(line)}
        for problem in problems:
            end = ends.get(Start(problem.line, problem.column), 0)
            end = max(end, problem.column + 1)  # an empty cell is shown, too
            yield replace(problem, end=end, source=shown.get(problem.line))


def _may_be_shown(line: str) -> bool:
    """Say whether there is something to see in a line, and nothing that must not be seen."""
    return (
        bool(line.strip())
        and not any(word in line for word in _HALF_A_SECRET)
        and not any(find_secrets(line))
    )
