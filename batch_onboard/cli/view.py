"""The lines of the live view: a picture of a run for a terminal of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from batch_onboard.cli.telling import STOPPED, eta, held, left, pace, share, wait_line
from batch_onboard.cli.texts import duration
from batch_onboard.core.lifecycle import DONE, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from batch_onboard.core.picture import Picture

_WIDEST = 110
"""Columns that are used at most: longer lines are harder to read."""
_BAR = 28
_SHORTEST_BAR = 5
_TIMES = 30
"""Columns kept for the times behind the bar, which would change its length all the while."""
_STYLES = {
    **dict.fromkeys(DONE, "green"),
    **dict.fromkeys(STOPPED, "red"),
    State.IN_PROGRESS: "cyan",
}


def frame(seen: Picture, width: int, height: int, *, plain: bool) -> list[Text]:
    """Return the lines of the view, the most telling first, as many as there is room for.

    Args:
        seen: the run.
        width: columns of the terminal; the last one stays free.
        height: its rows; one stays free.
        plain: only ASCII can be shown.
    """
    columns = _columns(width)
    lines = [
        head(seen, width, plain=plain),
        *_wrapped(_states(seen), columns),
        *_wrapped(map(Text, pace(seen).split(", ")), columns),
        *(Text(line, "yellow") for line in held(seen)),
        *(Text(f"out of order: {', '.join(seen.out)}", "yellow") for _ in seen.out[:1]),
        *_slowest(seen),
    ]
    return [_fitted(line, columns, plain=plain) for line in lines[: max(1, height - 1)]]


def head(seen: Picture, width: int, *, plain: bool, over: bool = False) -> Text:
    """Return the first line: how far it is, as figures and as a bar, and how long it takes.

    Args:
        seen: the run.
        width: columns of the terminal.
        plain: only ASCII can be shown.
        over: nothing follows, whatever was left.
    """
    columns = _columns(width)
    done = f"{seen.over:,}/{seen.selected:,} {share(seen)}%"
    right = ", ".join(
        filter(None, (duration(seen.elapsed), "" if over else eta(seen.outlook.forecast)))
    )
    line = Text(done, "bold")
    room = min(_BAR, columns - len(done) - max(_TIMES, len(right)) - 4)
    if room >= _SHORTEST_BAR:
        line.append("  ").append_text(_bar(seen, room, plain=plain))
    return _fitted(line.append(f"  {right}", "not bold"), columns, plain=plain)


def _columns(width: int) -> int:
    return max(1, min(_WIDEST, width - 1))


def _bar(seen: Picture, room: int, *, plain: bool) -> Text:
    done = room * seen.over // max(1, seen.selected)
    full, empty = ("#", "-") if plain else ("━", "─")
    return Text(full * done, "green").append(empty * (room - done), "dim")


def _states(seen: Picture) -> Iterator[Text]:
    for state in State:
        if number := seen.states.get(state):
            yield Text(f"{state} ").append(f"{number:,}", _STYLES.get(state, ""))


def _slowest(seen: Picture) -> Iterator[Text]:
    names = [str(slow.domain) for slow in seen.outlook.slowest]
    widest = max(map(len, names), default=0)
    for slow, name in zip(seen.outlook.slowest, names, strict=True):
        mark = "slowest" if slow is seen.outlook.slowest[0] else ""
        parts = (f"{mark:<8}{name:<{widest}}  {left(slow)}", wait_line(slow))
        yield Text(": ".join(filter(None, parts)))


def _wrapped(parts: Iterable[Text], columns: int) -> Iterator[Text]:
    """Put parts on as few lines as they fit on."""
    line = Text()
    for part in parts:
        if line and len(line) + 2 + len(part) > columns:
            yield line
            line = Text()
        line.append("  " if line else "").append_text(part)
    yield line


def _fitted(line: Text, columns: int, *, plain: bool) -> Text:
    if line.cell_len > columns:
        line.truncate(columns, overflow="crop" if plain else "ellipsis")
    return line
