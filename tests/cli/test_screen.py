from __future__ import annotations

import io
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from batch_onboard.cli.screen import Screen
from batch_onboard.cli.talk import Talk
from tests.cli.test_view import SEEN

if TYPE_CHECKING:
    from collections.abc import Callable

CLEAR, SHOW_CURSOR = "\x1b[2J\x1b[H", "\x1b[?25h"


class Terminal(io.TextIOWrapper):
    """A terminal that keeps all that it is sent."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors="backslashreplace")

    def isatty(self) -> bool:
        return True

    def taken(self) -> str:
        """Return what was sent since the last time."""
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        sent = self.buffer.getvalue().decode(self.encoding)
        self.buffer.seek(0)
        self.buffer.truncate()
        return sent


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Terminal]:
    """A function that puts a terminal in the place of stderr, or gives it another size."""
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")

    def make(width: int = 80, height: int = 24, encoding: str = "utf-8") -> Terminal:
        size = os.terminal_size((width, height))
        monkeypatch.setattr(os, "get_terminal_size", lambda *_: size)
        made = sys.stderr if isinstance(sys.stderr, Terminal) else Terminal(encoding)
        monkeypatch.setattr(sys, "stderr", made)
        return made

    return make


def test_the_last_picture_leaves_one_line(terminal: Callable[..., Terminal]) -> None:
    """Drawn when the view is left, so that it says how the run ended; the cursor is back."""
    screen, seen = terminal(), [SEEN]
    with Screen(lambda: seen[0]) as view:
        view.renew()
        assert "slowest" in screen.taken()
        seen[0] = replace(SEEN, over=3120)
    last = screen.taken()
    assert "3,120/3,120 100%" in last
    assert last.endswith(SHOW_CURSOR)
    assert "slowest" not in last
    assert "ETA" not in last


def test_a_view_that_was_never_drawn_leaves_nothing(terminal: Callable[..., Terminal]) -> None:
    """As where nothing was to be done."""
    screen = terminal()
    with Screen(lambda: SEEN):
        pass
    assert screen.taken() == ""


@pytest.mark.parametrize("verbosity", [0, 1])
def test_messages_stand_above_the_view(terminal: Callable[..., Terminal], verbosity: int) -> None:
    """A sentence or a log's line comes whole, between erasing the view and drawing it again."""
    screen = terminal()
    talk = Talk("console", verbosity=verbosity)
    with Screen(lambda: SEEN) as view:
        view.renew()
        screen.taken()
        if verbosity:
            talk.log.info("running", target="a")
        else:
            talk.warn("outage", "eu-west-2 is out of order")
        told = screen.taken()
    above, _, below = told.partition("running " if verbosity else "eu-west-2 is out of order")
    assert above.count("\x1b[1A\x1b[2K") == 5  # the lines of the view but the last
    assert "2,140/3,120" in below


def test_a_narrower_terminal_is_cleared(terminal: Callable[..., Terminal]) -> None:
    """It has broken the view's lines, so that nobody knows where the view begins."""
    screen = terminal(200)
    with Screen(lambda: SEEN) as view:
        view.renew()
        terminal(80)
        view.renew()
        assert CLEAR not in screen.taken()
        terminal(40)
        view.renew()
        assert CLEAR in screen.taken()
        terminal(200)
        view.renew()
        assert CLEAR not in screen.taken()


def test_a_terminal_gets_what_it_can_show(
    terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASCII where it knows no Unicode, and no colours where they are not wanted."""
    monkeypatch.setenv("NO_COLOR", "1")
    screen = terminal(encoding="latin-1")
    with Screen(lambda: SEEN) as view:
        view.renew()
        sent = screen.taken()
    assert "####" in sent
    assert sent.isascii()
    assert "\x1b[3" not in sent
