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
    from collections.abc import Callable

    from batch_onboard.core.picture import Picture


class Screen:
    """A context in which a run is shown; one line of its last picture stays when it is left.

    What is printed to `sys.stderr` meanwhile appears above.

    Args:
        picture: returns how the run stands now.
    """

    def __init__(self, picture: Callable[[], Picture]) -> None:
        self._picture = picture
        self._console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
        self._plain = not self._console.encoding.startswith("utf")
        self._live = Live(console=self._console, auto_refresh=False, redirect_stdout=False)
        self._shown: list[Text] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live.is_started:
            width = self._console.width
            self._draw([head(self._picture(), width, plain=self._plain, over=True)], width)
            self._live.stop()

    def renew(self) -> None:
        """Show how the run stands now."""
        width, height = self._console.size
        lines = frame(self._picture(), width, height, plain=self._plain)
        if not self._live.is_started:
            self._live.start()
        self._draw(lines, width)

    def _draw(self, lines: list[Text], width: int) -> None:
        if any(line.cell_len >= width for line in self._shown):
            # The terminal has become narrower, and many break lines then that no longer fit:
            # nobody knows any more in which row the view begins. Most keep what is cleared.
            self._console.control(Control.clear(), Control.home())
        self._shown = lines
        self._live.update(Text("\n", no_wrap=True).join(lines), refresh=True)
