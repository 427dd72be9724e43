"""The figures of the page: how long jobs took, and what stands where."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.core.lifecycle import DONE, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from batch_onboard.report.results import Result

_BINS = 24
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_DISPLAY_ORDER = (
    State.SUCCEEDED,
    State.ALREADY_ONBOARDED,
    State.IN_PROGRESS,
    State.SUBMITTING,
    State.PENDING,
    State.DRIFTED,
    State.UNRESOLVED,
    State.REJECTED,
    State.FAILED,
)
_TROUBLED = frozenset({State.DRIFTED, State.UNRESOLVED, State.REJECTED, State.FAILED})


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar.

    Attributes:
        state: what it stands for.
        targets: how many.
        left: where it begins, in percent of the bar.
        width: how wide it is, likewise.
        troubled: something stopped these targets.
    """

    state: State
    targets: int
    left: float
    width: float
    troubled: bool


@dataclass(frozen=True, slots=True)
class Place:
    """An account and Region.

    Attributes:
        targets: how many targets are there.
        done: how many of them are as the manifest wants, or accepts, them.
        bar: how many are in which state.
    """

    account_id: str
    region: str
    targets: int
    done: int
    bar: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Durations:
    """How long the jobs took that this ledger's Starts made, in seconds.

    Attributes:
        jobs: how many jobs.
        step: seconds that a bin is wide.
        bins: jobs in each; the last has those that took longer, too.
        median: half of them took no longer.
        most: 95 % took no longer.
        longest: none took longer.
    """

    jobs: int
    step: int
    bins: list[int]
    median: float
    most: float
    longest: float


def bar(states: Mapping[State, int]) -> tuple[Segment, ...]:
    """Return the parts of a bar that shows how many targets are in which state."""
    whole = max(1, sum(states.values()))
    segments, before = [], 0
    for state in _DISPLAY_ORDER:
        if number := states.get(state, 0):
            left, width = 100 * before / whole, 100 * number / whole
            segments.append(Segment(state, number, left, width, state in _TROUBLED))
            before += number
    return tuple(segments)


def places(found: Iterable[Result]) -> list[Place]:
    """Return all accounts and Regions, those with most targets that something stopped first."""
    by_place: defaultdict[tuple[str, str], Counter[State]] = defaultdict(Counter)
    done: Counter[tuple[str, str]] = Counter()
    for result in found:
        where = (result.account_id, result.region)
        by_place[where][result.state] += 1
        done[where] += result.state in DONE or result.accepted

    def urgency(place: Place) -> tuple[int, int, str, str]:
        troubled = sum(segment.targets for segment in place.bar if segment.troubled)
        return -troubled, -place.targets, place.account_id, place.region

    return sorted(
        (
            Place(*where, states.total(), done[where], bar(states))
            for where, states in by_place.items()
        ),
        key=urgency,
    )


def durations(found: Iterable[Result]) -> Durations | None:
    """Return how long jobs took, as far as the ledger saw them begin and end; None if none did."""
    took = sorted(
        (result.finished_at - result.started_at).total_seconds()
        for result in found
        if result.started_here or result.state is State.FAILED
        if result.started_at is not None and result.finished_at is not None
        if result.finished_at > result.started_at
    )
    if not took:
        return None
    most = _share(took, 0.95)
    step = next((step for step in _STEPS if most / step < _BINS), int(most / _BINS) + 1)
    last = min(int(took[-1] // step), _BINS)
    bins = [0] * (last + 1)
    for seconds in took:
        bins[min(int(seconds // step), last)] += 1
    return Durations(len(took), step, bins, _share(took, 0.5), most, took[-1])


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[round(share * (len(ordered) - 1))]
