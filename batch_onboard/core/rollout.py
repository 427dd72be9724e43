"""Which targets begin when: a canary first, then wave after wave.

A stage ends when all its targets are over for this run. The next one begins when it is asked for,
so that a gate can stand between any two.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

from batch_onboard.core.opening import Opening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from batch_onboard.core.targets import Target, TargetKey

_MAY_START = frozenset({Opening.LOOK, Opening.START})


class Rollout:
    """The order in which targets begin.

    Attributes:
        canary: the stage that has begun last is the canary.
    """

    def __init__(
        self,
        targets: Iterable[Target],
        opening_of: Callable[[Target], Opening],
        *,
        canary: int = 0,
    ) -> None:
        """Sort targets into stages.

        Args:
            targets: all that the run is about.
            opening_of: returns what the run does first about a target.
            canary: how many targets that need a Start go first, of the first wave, to their end.
        """
        waves: defaultdict[int, list[Target]] = defaultdict(list)
        for target in targets:
            waves[target.wave].append(target)
        self._waves = deque(waves[number] for number in sorted(waves))
        self._wanted = canary
        first = self._waves[0] if canary and self._waves else []
        may_start = (target for target in first if opening_of(target) in _MAY_START)
        self._candidates = deque(spread(may_start))
        self._canaries: set[TargetKey] = set()
        self.canary = False

    def next_stage(self) -> list[Target] | None:
        """Return the targets that begin the next stage; None when there is none left."""
        canaries = self._more_canaries()
        self.canary = bool(canaries)
        if canaries:
            return canaries
        if not self._waves:
            return None
        stage = self._waves.popleft()
        self._candidates.clear()
        if self._canaries:
            stage = [target for target in stage if target.key not in self._canaries]
            self._canaries.clear()
        return stage

    def over(self, *, started: bool) -> list[Target]:
        """Take note that a target is over, and return those that begin in its place.

        A canary that turned out to need no Start makes room for another.
        """
        if not self.canary or started:
            return []
        self._wanted += 1
        return self._more_canaries()

    def _more_canaries(self) -> list[Target]:
        number = min(self._wanted, len(self._candidates))
        chosen = [self._candidates.popleft() for _ in range(number)]
        self._wanted -= number
        self._canaries.update(target.key for target in chosen)
        return chosen


def spread(targets: Iterable[Target]) -> Iterator[Target]:
    """Yield the first target of each account, then the second ones, and so on."""
    rounds: defaultdict[int, list[Target]] = defaultdict(list)
    seen: defaultdict[str, int] = defaultdict(int)
    for target in targets:
        account_id = target.key.account_id
        rounds[seen[account_id]].append(target)
        seen[account_id] += 1
    for number in sorted(rounds):
        yield from rounds[number]
