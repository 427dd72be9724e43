"""A picture of a run in words: for one line, and as facts for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batch_onboard.cli.texts import count, duration, rounded, span
from batch_onboard.core.lifecycle import DONE, State
from batch_onboard.core.picture import Wait

if TYPE_CHECKING:
    from batch_onboard.core.forecast import Forecast
    from batch_onboard.core.picture import Picture, Slow

STOPPED = (State.FAILED, State.REJECTED, State.DRIFTED, State.UNRESOLVED)
"""The states in which a target needs a person, or another run."""

_WAITS = {
    Wait.CIRCUIT: "out of order, a trial goes now and then",
    Wait.PLACES: "no place for another job",
    Wait.THROTTLE: "throttled, {rate:.1f} Starts/s",
    Wait.QUOTA: "quota, {rate:.1f} Starts/s",
    Wait.ANSWER: "calls under way",
    Wait.JOB: "jobs run",
    Wait.BACKOFF: "a pause before another try",
}


def progress_line(seen: Picture) -> str:
    """Tell in one line how far a run is, how fast it goes and what holds it up most."""
    done = sum(seen.states.get(state, 0) for state in DONE)
    stopped = sum(seen.states.get(state, 0) for state in STOPPED)
    parts = [
        f"{seen.over:,}/{seen.selected:,} {share(seen)}%",
        f"ok {done:,}, stopped {stopped:,}",
        pace(seen),
        eta(seen.outlook.forecast),
        *(f"slowest {slow_line(slow)}" for slow in seen.outlook.slowest[:1]),
        *held(seen),
        duration(seen.elapsed),
    ]
    return " | ".join(part for part in parts if part)


def share(seen: Picture) -> int:
    """Return how many of a hundred targets are over."""
    return 100 * seen.over // max(1, seen.selected)


def pace(seen: Picture) -> str:
    """Tell how fast it goes, and what is under way."""
    what = "Starts" if seen.calls is None else "calls"
    flying = [] if seen.in_flight is None else [f"{count(seen.in_flight, 'call')} in flight"]
    parts = [
        f"{seen.rate:.0f} {what}/s",
        f"{count(seen.throttles, 'throttle')}/min",
        *flying,
        f"{count(seen.jobs, 'job')} run{'s' if seen.jobs == 1 else ''}",
    ]
    return ", ".join(parts)


def held(seen: Picture) -> list[str]:
    """Tell why nothing seems to happen after a Start was lost."""
    return [f"{seen.held:,} wait for proof that no Start landed"] if seen.held else []


def eta(forecast: Forecast | None) -> str:
    """Tell how long it will still take; nothing where nothing is left."""
    if forecast is None:
        return "ETA learning"
    return f"ETA {span(forecast.least, forecast.most)}" if forecast.most else ""


def slow_line(slow: Slow) -> str:
    """Tell what is left in a domain, and what it waits for."""
    return ": ".join(filter(None, (f"{slow.domain} {left(slow)}", wait_line(slow))))


def left(slow: Slow) -> str:
    """Tell how many targets of a domain are left, and how long they take."""
    long = "" if slow.seconds is None else f", {rounded(slow.seconds)}"
    return f"{slow.left:,} left{long}"


def wait_line(slow: Slow) -> str:
    """Tell what a domain waits for."""
    return "" if slow.wait is None else _WAITS[slow.wait].format(rate=slow.rate)


def progress_facts(seen: Picture) -> dict[str, Any]:
    """Tell the same for programs."""
    return {
        "elapsed": round(seen.elapsed, 3),
        "over": seen.over,
        "selected": seen.selected,
        "states": {state.value: number for state, number in seen.states.items()},
        "jobs": seen.jobs,
        "in_flight": seen.in_flight,
        "calls": seen.calls,
        "starts": seen.starts,
        "throttled": seen.throttled,
        "rate": round(seen.rate, 2),
        "throttles_per_minute": seen.throttles,
        "eta": _eta_facts(seen.outlook.forecast),
        "slowest": [_slow_facts(slow) for slow in seen.outlook.slowest],
        "out_of_order": list(seen.out),
    }


def _eta_facts(forecast: Forecast | None) -> dict[str, Any] | None:
    if forecast is None:
        return None
    return {"least": round(forecast.least), "most": round(forecast.most)}


def _slow_facts(slow: Slow) -> dict[str, Any]:
    return {
        "domain": str(slow.domain),
        "left": slow.left,
        "seconds": slow.seconds and round(slow.seconds),
        "rate": round(slow.rate, 3),
        "waits_for": slow.wait and slow.wait.value,
    }
