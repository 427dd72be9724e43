"""A line of a file with carets under what is wrong in it, as good compilers show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from batch_onboard.cli.characters import readable
from batch_onboard.cli.texts import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batch_onboard.cli.terminals import Terminal

_TAB = "    "
_CUT = "..."
_LEAST_ROOM = 10


def excerpt(
    source: str, line: int, column: int, end: int, *, terminal: Terminal
) -> tuple[str, str]:
    """Show a line, cut to a width around what is wrong, and carets under that.

    Args:
        source: the line.
        line: its number.
        column: where what is wrong starts, in characters from 1.
        end: the column after it.
        terminal: what it is shown on.

    Returns:
        The line and the carets, with characters that would move a terminal as escapes.
    """
    number = f"{line:>5} | "
    room = max(terminal.width - len(number) - 2 * len(_CUT), _LEAST_ROOM)
    start = min(column - 1, len(source))
    left = max(start - room, 0)  # what is further away is not even looked at: lines may be long
    cells = [_cells_of(letter, terminal) for letter in source[left : start + room]]
    start, stop = start - left, max(end - 1, column) - left
    begin, until = _window(cells, start, room)
    head = _CUT if left + begin else ""
    tail = _CUT if left + until < len(source) else ""
    shown = "".join(cells[begin:until])
    indent = " " * (len(head) + cell_len("".join(cells[begin:start])))
    carets = "^" * max(cell_len("".join(cells[start : min(stop, until)])), 1)
    return f"{number}{head}{shown}{tail}", f"{'|':>{len(number) - 1}} {indent}{carets}"


def _cells_of(letter: str, terminal: Terminal) -> str:
    """Return what a letter looks like: one that can't be shown, or would do harm, is escaped."""
    if letter == "\t":
        return _TAB
    return readable(safe(letter), terminal.encoding)


def _window(cells: Sequence[str], start: int, room: int) -> tuple[int, int]:
    """Return from where to where letters fit: from well before the wrong ones, or to the end."""
    begin = start - _fitting(cells[:start][::-1], room * 2 // 3)
    until = begin + _fitting(cells[begin:], room)
    if until == len(cells):
        begin = min(begin, until - _fitting(cells[::-1], room))
    return begin, until


def _fitting(cells: Sequence[str], room: int) -> int:
    """Return how many of the first letters fit."""
    used = 0
    for number, cell in enumerate(cells):
        used += cell_len(cell)
        if used > room:
            return number
    return len(cells)
