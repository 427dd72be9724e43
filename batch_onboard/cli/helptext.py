"""Help laid out for the terminal's width, which breaks neither words nor options in two."""

from __future__ import annotations

import re
import sys
import textwrap
from typing import TYPE_CHECKING

import click

from batch_onboard.cli.terminals import width_of

if TYPE_CHECKING:
    from collections.abc import Iterable

WIDEST = 100
"""Longer lines are hard to read, however wide the terminal is."""

_VERBATIM = "\b\n"
_HANGING = re.compile(r"\s*(?:\S+\s{2,})?")
"""What stands before the text of a line: its indentation, and a first column where it has one."""


class HelpFormatter(click.HelpFormatter):
    """Lays out help: paragraphs, lines that stay as they are (after click's mark), and lists."""

    def __init__(
        self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None
    ) -> None:
        if width is None:
            width = min(width_of(sys.stdout), max_width or WIDEST)
        super().__init__(indent_increment, width, max_width)

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
                before = _HANGING.match(line)
                hanging = " " * (before.end() if before is not None else 0)
                self._write_filled(line, indent, indent + hanging)

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
        lines = textwrap.wrap(
            text,
            self.width,
            initial_indent=first,
            subsequent_indent=others,
            break_long_words=False,
            break_on_hyphens=False,
        )
        self.write("".join(f"{line}\n" for line in lines))
