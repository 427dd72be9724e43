"""What is measured, of one run and over several."""

from __future__ import annotations

from dataclasses import dataclass, fields
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.peers.work import Work

_START = "StartInstanceOnboardingJob"


@dataclass(frozen=True, slots=True)
class Measures:
    """What one run of a peer came to.

    Attributes:
        ratio: time taken over the shortest possible.
        waste: throttled Starts, in percent of all.
        lost: targets that were never accepted.
        cpu: seconds of the peer's process and its children.
    """

    ratio: float
    waste: float
    lost: int
    cpu: float


@dataclass(frozen=True, slots=True)
class Spread:
    """One measure over several runs."""

    median: float
    least: float
    most: float


def measure(work: Work, seen: dict[str, Any], cpu: float) -> Measures | None:
    """Measure one run.

    Args:
        work: what was to be done.
        seen: what the simulator tells at `/_simulator/seen`.
        cpu: seconds that the peer used.

    Returns:
        None if nothing was accepted.
    """
    accepted = sorted(at for at, _ in seen["accepted_starts"])
    if not accepted:
        return None
    requests = seen["requests"][_START]
    throttled = sum(seen["throttles"].values())
    taken = accepted[-1] - accepted[0] + work.latency
    return Measures(
        ratio=taken / work.shortest,
        waste=100 * throttled / requests,
        lost=work.number - len({target for _, target in seen["accepted_starts"]}),
        cpu=cpu,
    )


def spreads(runs: Sequence[Measures]) -> dict[str, Spread]:
    """Return median, least and most of each measure."""
    found = {}
    for field in fields(Measures):
        values = [getattr(run, field.name) for run in runs]
        found[field.name] = Spread(median(values), min(values), max(values))
    return found
