"""The live view on a terminal: its last lines, renewed in place, with messages above them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.control import Control
from rich.live import Live
from rich.text import Text

from batch_onboard.cli.view import frame, head

if TYPE_CHECKING:
    from batch_onboard.core.picture import Picture


class Screen:
    """A context in which pictures are shown; one line of the last one stays when it is left.

    What is printed to `sys.stderr` meanwhile appears above.
    """

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
        self._plain = not self._console.encoding.startswith("utf")
        self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=False)
        self._last: Picture | None = None
        self._shown: list[Text] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._last is not None:
            width = self._console.width
            self._draw([head(self._last, width, plain=self._plain)], width)
            self._live.stop()

    def show(self, seen: Picture) -> None:
        """Show a picture in place of the one before."""
        if self._last is None:
            self._live.start()
        self._last = seen
        width, height = self._console.size
        self._draw(frame(seen, width, height, plain=self._plain), width)

    def _draw(self, lines: list[Text], width: int) -> None:
        if any(line.cell_len >= width for line in self._shown):
            # The terminal has become narrower, and many break lines then that no longer fit:
            # nobody knows any more in which row the view begins. Most keep what is cleared.
            self._console.control(Control.clear(), Control.home())
        self._shown = lines
        self._live.update(Text("\n", no_wrap=True).join(lines), refresh=True)
