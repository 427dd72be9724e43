"""How much of a batch goes at a time: a limit is dealt out, canaries are chosen.

Pure: what was started comes in, what is begun next comes out.
"""

from __future__ import annotations

from collections import deque
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from batch_onboard.core.opening import Opening
from batch_onboard.core.rollout import spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from batch_onboard.core.targets import Target, TargetKey


K = TypeVar("K")


class Work(NamedTuple):
    """A target that calls are needed for, and what a run does first about it."""

    target: Target
    opening: Opening

    @property
    def may_start(self) -> bool:
        """Whether it may need a Start."""
        return self.opening is not Opening.FOLLOW


def waves(works: Iterable[Work]) -> Iterator[list[Work]]:
    """Yield the waves of a batch, in ascending order."""
    ordered = sorted(works, key=_wave)
    for _, wave in groupby(ordered, key=_wave):
        yield list(wave)


def _wave(work: Work) -> int:
    return work.target.wave


class Canaries:
    """Chooses who goes first, until as many as are wanted were started.

    Args:
        works: of the first wave.
        wanted: how many are to be started.
    """

    def __init__(self, works: Iterable[Work], wanted: int) -> None:
        self._works = {work.target.key: work for work in works if work.may_start}
        self._candidates = deque(spread(work.target for work in self._works.values()))
        self._wanted = wanted

    def choose(self) -> list[Work]:
        """Return those that go next; none when enough were started, or nobody is left."""
        number = min(self._wanted, len(self._candidates))
        return [self._works[self._candidates.popleft().key] for _ in range(number)]

    def over(self, chosen: Sequence[Work], started: AbstractSet[TargetKey]) -> None:
        """Take note of which of those that were chosen were started: the others make room."""
        self._wanted -= sum(work.target.key in started for work in chosen)


def deal(number: int, wanted: Mapping[K, int]) -> dict[K, int]:
    """Deal a number out in proportion to what is wanted, and to nobody more than that.

    Args:
        number: what there is.
        wanted: how many each would have.

    Returns:
        The shares. They add up to the number, or to all that is wanted if that is less.
    """
    whole = sum(wanted.values())
    if number >= whole:
        return dict(wanted)
    shares = {each: want * number // whole for each, want in wanted.items()}
    rest = number - sum(shares.values())
    # Who has lost most by the rounding down gets the first of what is left.
    for each in sorted(wanted, key=lambda one: wanted[one] * number % whole, reverse=True)[:rest]:
        shares[each] += 1
    return shares
