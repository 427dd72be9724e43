"""What a terminal can show: how wide it is, and which characters."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import TextIO

USUAL_WIDTH = 80
_LEAST_WIDTH = 20


class Terminal(NamedTuple):
    """What a terminal can show.

    Attributes:
        width: in cells.
        encoding: of the characters that it takes.
    """

    width: int
    encoding: str


def terminal_of(stream: TextIO) -> Terminal | None:
    """Return what a stream is the terminal of; None if it is a file, a pipe or nothing."""
    if not stream.isatty():
        return None
    return Terminal(width_of(stream), getattr(stream, "shown_in", stream.encoding))


def width_of(stream: TextIO) -> int:
    """Return how wide text may be: what `COLUMNS` says, as the terminal is, or the usual."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return max(int(told), _LEAST_WIDTH)
    try:
        return max(os.get_terminal_size(stream.fileno()).columns, _LEAST_WIDTH)
    except OSError:
        return USUAL_WIDTH
