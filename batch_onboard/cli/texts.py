"""Words and figures as people read them."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from batch_onboard.core.wording import count, duration, safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from batch_onboard.core.shard import Shard

__all__ = ["count", "duration", "missing_told", "rounded", "safe", "span"]

_MOST_RANGES = 20


def span(least: float, most: float) -> str:
    """Return how long something takes, from seconds: `about 45 s`, `9 to 14 min`."""
    short, long = rounded(least), rounded(most)
    if short == long:
        return f"about {long}"
    number, unit = short.split()
    return f"{number if long.endswith(f' {unit}') else short} to {long}"


def rounded(seconds: float) -> str:
    """Return a duration of one or two digits that count: `45 s`, `14 min`, `3.5 h`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def missing_told(missing: Sequence[Shard]) -> str:
    """Tell which shards have no ledger: `shards 3, 5 to 7 of 8 have no ledger yet`."""
    by_count = groupby(missing, key=lambda shard: shard.count)
    named = [_numbers([shard.index for shard in group], count) for count, group in by_count]
    return f"{' and '.join(named)} {'has' if len(missing) == 1 else 'have'} no ledger yet"


def _numbers(indexes: Sequence[int], count: int) -> str:
    ranges = list(_ranges(indexes))
    more = f" and {len(ranges) - _MOST_RANGES:,} more" if len(ranges) > _MOST_RANGES else ""
    thing = "shard" if len(indexes) == 1 else "shards"
    return f"{thing} {', '.join(ranges[:_MOST_RANGES])}{more} of {count}"


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    """Yield ascending numbers, those that follow each other together: `3`, `5 to 7`."""
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        yield f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}"
