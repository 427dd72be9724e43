"""How a run tells where it stands while it runs, on stderr."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import anyio

from batch_onboard.cli.texts import duration
from batch_onboard.core.lifecycle import DONE, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from batch_onboard.cli.talk import Talk
    from batch_onboard.core.calls import Operation
    from batch_onboard.core.limiter import LimiterStatistics
    from batch_onboard.core.targets import Domain
    from batch_onboard.engine.lanes import Lanes
    from batch_onboard.engine.tally import Tally, TallyStatistics

    Slowest = list[tuple[Domain, Operation, LimiterStatistics]]

_BAR_EVERY = 0.2
_SLOWEST = 3
_STOPPED = (State.FAILED, State.REJECTED, State.DRIFTED, State.UNRESOLVED)


class ProgressMode(StrEnum):
    """The modes of `--progress`."""

    AUTO = "auto"
    BAR = "bar"
    PLAIN = "plain"
    JSON = "json"
    NONE = "none"

    def resolved(self, *, terminal: bool, events: bool) -> ProgressMode:
        """Decide what `auto` means: a line that renews itself on a terminal, else plain lines.

        Where all that is said is an event of a log, no line renews itself.
        """
        if events and self is ProgressMode.BAR:
            return ProgressMode.PLAIN
        if self is not ProgressMode.AUTO:
            return self
        terminal = terminal and not events
        return ProgressMode.BAR if terminal else ProgressMode.PLAIN


def progress_line(now: TallyStatistics, slowest: Slowest, elapsed: float) -> str:
    """Tell in one line how far a run is, and which quota holds it up most."""
    share = 100 * now.over // max(1, now.selected)
    done = sum(now.states.get(state, 0) for state in DONE)
    stopped = sum(now.states.get(state, 0) for state in _STOPPED)
    running = now.states.get(State.IN_PROGRESS, 0)
    rate = now.calls / elapsed if elapsed > 0 else 0.0
    held = now.states.get(State.SUBMITTING, 0) - now.in_flight
    return (
        f"{now.over:,}/{now.selected:,} {share}% | ok {done:,} stopped {stopped:,} | "
        f"jobs {running:,} | {rate:.0f} calls/s, {now.throttled:,} throttled | "
        + "".join(f"slowest {domain} {known.rate:.1f}/s | " for domain, _, known in slowest[:1])
        + (f"{held:,} wait for proof that no Start landed | " if held > 0 else "")
        + duration(elapsed)
    )


def progress_facts(now: TallyStatistics, slowest: Slowest, elapsed: float) -> dict[str, Any]:
    """Tell the same for programs."""
    return {
        "elapsed": round(elapsed, 3),
        "over": now.over,
        "selected": now.selected,
        "in_flight": now.in_flight,
        "calls": now.calls,
        "starts": now.starts,
        "throttled": now.throttled,
        "states": {state.value: number for state, number in now.states.items()},
        "slowest": [
            {"domain": str(domain), "operation": operation.value, **asdict(known)}
            for domain, operation, known in slowest
        ],
    }


async def show_progress(
    tally: Tally, lanes: Lanes, mode: ProgressMode, every: float, talk: Talk
) -> None:
    """Tell where a run stands, until cancelled.

    Args:
        tally: counts.
        lanes: know the limiters.
        mode: in which form; `auto` must be resolved.
        every: seconds between two lines, for the forms that do not renew themselves.
        talk: says them.
    """
    began = anyio.current_time()

    def now() -> tuple[TallyStatistics, Slowest, float]:
        return tally.statistics(), lanes.slowest(_SLOWEST), anyio.current_time() - began

    def say() -> None:
        seen = now()
        facts = progress_facts(*seen)
        as_json = mode is ProgressMode.JSON and not talk.events
        talk.say("progress", json.dumps(facts) if as_json else progress_line(*seen), **facts)

    match mode:
        case ProgressMode.BAR:
            with _renewed_line() as show:
                await _repeat(_BAR_EVERY, lambda: show(progress_line(*now())))
        case ProgressMode.PLAIN | ProgressMode.JSON:
            await _repeat(every, say)
        case _:
            return


async def _repeat(seconds: float, tell: Callable[[], None]) -> None:
    while True:
        await anyio.sleep(seconds)
        tell()


@contextmanager
def _renewed_line() -> Iterator[Callable[[str], None]]:
    """Give a function that replaces the terminal's last line; it is gone at the end."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(line: str) -> None:
            text = Text(line, no_wrap=True, overflow="ellipsis")
            live.update(text, refresh=True)

        yield show
