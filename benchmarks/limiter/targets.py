"""What ours is to reach, and by how much it misses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.core.limiter import DEFAULT_BURST, DEFAULT_RATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.limiter.scenarios import Scenario

_NOTICED = 1.0  # seconds to notice a cut
_USED = 10.0  # seconds to use a raise
_UNFAIR = 0.05  # 1 - Jain's index between two copies
_HARM = 0.05  # share of a co-tenant's calls that may be refused
_RATIO = 1.03
_WASTE = 0.05
_WASTE_AT_DEFAULT = 0.03


def limits(scenario: Scenario) -> Iterator[tuple[str, float]]:
    """Yield which attribute of a result may be how large at most, for its median."""
    if scenario.change is not None:
        yield "adapted", _NOTICED if scenario.change.rate < scenario.rate else _USED
    elif scenario.copies > 1:
        yield "unfair", _UNFAIR
    elif scenario.co_tenant:
        yield "harm", _HARM
    elif scenario.batch <= scenario.burst:
        yield "waste", 0.0
        yield "round_trips", 1.0
    elif scenario.batch >= 10 * scenario.burst:
        default = (scenario.rate, scenario.burst) == (DEFAULT_RATE, DEFAULT_BURST)
        yield "ratio", _RATIO
        yield "waste", _WASTE_AT_DEFAULT if default else _WASTE
