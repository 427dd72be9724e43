"""Help laid out for the terminal's width, which breaks neither words nor options in two."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from batch_onboard.cli.terminals import width_of

if TYPE_CHECKING:
    from collections.abc import Iterable

WIDEST = 100
"""Longer lines are hard to read, however wide the terminal is."""

_VERBATIM = "\b\n"
_GAP = "  "
"""What stands between columns."""
_LEAST_ROOM = 20


class HelpFormatter(click.HelpFormatter):
    """Lays out help: paragraphs, lines that stay as they are (after click's mark), and lists."""

    def __init__(
        self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None
    ) -> None:
        if width is None:
            width = min(width_of(sys.stdout), max_width or WIDEST)
        super().__init__(indent_increment, width, max_width)

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how the command is called: its name, and what may follow."""
        head = f"{prefix or 'Usage:'} {prog} "
        if self.width - len(head) < _LEAST_ROOM:
            self.write(f"{head}\n")
            head = " " * 11
        self._write_filled(args, head, " " * len(head))

    def write_text(self, text: str) -> None:
        """Write paragraphs, filled, or line by line those that begin with click's mark."""
        indent = " " * self.current_indent
        for number, paragraph in enumerate(text.strip("\n").split("\n\n")):
            if number:
                self.write("\n")
            if not paragraph.startswith(_VERBATIM):
                self._write_filled(" ".join(paragraph.split()), indent, indent)
                continue
            for line in paragraph.removeprefix(_VERBATIM).splitlines():
                self._write_filled(line, indent, indent + " " * _hanging(line))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write a list of terms in one column and what they mean in another."""
        rows = list(rows)
        most = max(min(col_max, self.width // 3), 1)
        indent = " " * self.current_indent
        column = min(max(len(term) for term, _ in rows), most) + col_spacing
        for term, meaning in rows:
            head = f"{indent}{term:<{column}}"
            if len(term) > column - col_spacing:
                self.write(f"{indent}{term}\n")
                head = f"{indent}{'':<{column}}"
            self._write_filled(meaning, head, " " * len(head))

    def _write_filled(self, text: str, first: str, others: str) -> None:
        """Write words, as many on a line as there is room for; none is broken.

        That is all that is needed of textwrap, whose patterns take longer to compile.
        """
        line, before = first, ""
        for word in text.split(" "):
            if not word:
                before += " "
            elif len(line) + len(before) + len(word) <= self.width or line == first:
                line, before = line + before + word, " "
            else:
                self.write(f"{line}\n")
                line, before = others + word, " "
        self.write(f"{line}\n")


def _hanging(line: str) -> int:
    """Return where a line's text begins: after its indentation, and its first column if any."""
    text = line.lstrip()
    first, gap, rest = text.partition(_GAP)
    has_column = gap and " " not in first
    return len(line) - len(rest.lstrip() if has_column else text)
