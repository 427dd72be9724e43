"""How a run tells where it stands while it runs, on stderr."""

from __future__ import annotations

import json
import os
import time
from enum import StrEnum
from typing import TYPE_CHECKING

import anyio

from batch_onboard.cli.telling import progress_facts, progress_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.cli.talk import Talk
    from batch_onboard.core.picture import Picture

_VIEW_EVERY = 0.25
_COST = 0.005
"""The share of a core that the view may take of a run's: it is renewed less often if need be."""
_DUMB = frozenset({"", "dumb", "unknown"})


class ProgressMode(StrEnum):
    """The modes of `--progress`."""

    AUTO = "auto"
    BAR = "bar"
    PLAIN = "plain"
    JSON = "json"
    NONE = "none"

    def resolved(self, *, terminal: bool, events: bool) -> ProgressMode:
        """Decide what is shown: a live view only where it can be, else plain lines.

        Args:
            terminal: there is one whose lines can be renewed, see `can_renew`.
            events: all that is said is an event of a log.
        """
        if self not in {ProgressMode.AUTO, ProgressMode.BAR}:
            return self
        return ProgressMode.BAR if terminal and not events else ProgressMode.PLAIN


def can_renew(*, terminal: bool) -> bool:
    """Say whether lines that were shown can be replaced: not off a terminal, nor on a dumb one."""
    return terminal and os.environ.get("TERM", "") not in _DUMB


async def show_progress(
    picture: Callable[[float], Picture], mode: ProgressMode, every: float, talk: Talk
) -> None:
    """Tell where a run stands, until cancelled.

    Args:
        picture: returns how it stands at a time of the event loop.
        mode: in which form; `auto` must be resolved.
        every: seconds between two lines, for the forms that do not renew themselves.
        talk: says them.
    """

    def say() -> None:
        seen = picture(anyio.current_time())
        facts = progress_facts(seen)
        as_json = mode is ProgressMode.JSON and not talk.events
        talk.say("progress", json.dumps(facts) if as_json else progress_line(seen), **facts)

    match mode:
        case ProgressMode.BAR:
            await _show(picture)
        case ProgressMode.PLAIN | ProgressMode.JSON:
            while True:
                await anyio.sleep(every)
                say()
        case _:
            return


async def _show(picture: Callable[[float], Picture]) -> None:
    from batch_onboard.cli.screen import Screen

    with Screen(lambda: picture(anyio.current_time())) as screen:
        while True:
            began = time.thread_time()
            screen.renew()
            await anyio.sleep(max(_VIEW_EVERY, pause_after(began, _COST)))


def pause_after(began: float, share: float) -> float:
    """Return the seconds to wait until the next look, for looks to take a share of a core at most.

    Args:
        began: the thread's CPU time, in seconds, when the last one began.
        share: of a core, from 0 to 1.
    """
    return (time.thread_time() - began) / share
