"""Terminals that do not show all of Unicode."""

from __future__ import annotations

import os

import pytest

from batch_onboard.cli.characters import readable
from batch_onboard.cli.streams import Lasting


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "wait… caf\xe9 漢"),
        ("latin-1", "wait... caf\xe9 \\u6f22"),
        ("ascii", "wait... caf\\xe9 \\u6f22"),
    ],
)
def test_what_an_encoding_lacks_is_written_plainer(encoding: str, shown: str) -> None:
    """Punctuation has a plainer form; other characters are escaped, never lost."""
    assert readable("wait… caf\xe9 漢", encoding) == shown


@pytest.mark.parametrize(("encoding", "written"), [("ascii", b"\\xe9..."), ("latin-1", b"\xe9...")])
def test_a_terminal_gets_only_what_it_shows(encoding: str, written: bytes) -> None:
    """No character of a message is an error, or mojibake, in a terminal of an older encoding."""
    master, slave = os.openpty()
    with os.fdopen(slave, "w", encoding=encoding) as terminal, os.fdopen(master, "rb", 0) as screen:
        lasting = Lasting(terminal)
        lasting.write("\xe9…")
        lasting.flush()
        assert screen.read(len(written)) == written
        assert lasting.shown_in == encoding
        assert lasting.encoding != "ascii", "click would write past it"


def test_a_surrogate_is_no_error() -> None:
    """A file name that is no text can be told."""
    assert readable("\udc80", "utf-8") == "\\udc80"
