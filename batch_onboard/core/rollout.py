"""Which targets begin when: a canary first, then wave after wave.

A stage ends when all its targets are over for this run. The next one begins when it is asked for,
so that a gate can stand between any two.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

from batch_onboard.core.opening import Opening

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from batch_onboard.core.course import Course

_MAY_START = frozenset({Opening.LOOK, Opening.START})


class Rollout:
    """The order in which courses begin.

    Attributes:
        canary: the stage that has begun last is the canary.
    """

    def __init__(self, courses: Iterable[Course], *, canary: int = 0) -> None:
        """Sort courses into stages.

        Args:
            courses: all that the run is about.
            canary: how many targets that need a Start go first, of the first wave, to their end.
        """
        waves: defaultdict[int, list[Course]] = defaultdict(list)
        for course in courses:
            waves[course.target.wave].append(course)
        self._waves = deque(waves[number] for number in sorted(waves))
        self._wanted = canary
        self._candidates = deque(_spread(self._waves[0])) if canary and self._waves else deque()
        self._canaries: set[Course] = set()
        self.canary = False

    def next_stage(self) -> list[Course] | None:
        """Return the courses that begin the next stage; None when there is none left."""
        canaries = self._more_canaries()
        self.canary = bool(canaries)
        if canaries:
            return canaries
        if not self._waves:
            return None
        stage = self._waves.popleft()
        if self._canaries:
            stage = [course for course in stage if course not in self._canaries]
            self._canaries.clear()
        return stage

    def over(self, course: Course) -> list[Course]:
        """Take note that a course is over, and return those that begin in its place.

        A canary that turned out to need no Start makes room for another.
        """
        if not self.canary or course.started:
            return []
        self._wanted += 1
        return self._more_canaries()

    def _more_canaries(self) -> list[Course]:
        number = min(self._wanted, len(self._candidates))
        chosen = [self._candidates.popleft() for _ in range(number)]
        self._wanted -= number
        self._canaries.update(chosen)
        return chosen


def _spread(courses: Iterable[Course]) -> Iterator[Course]:
    """Yield those that may need a Start: the first one of each account, then the second ones."""
    rounds: defaultdict[int, list[Course]] = defaultdict(list)
    seen: defaultdict[str, int] = defaultdict(int)
    for course in courses:
        if course.opening in _MAY_START:
            account_id = course.target.key.account_id
            rounds[seen[account_id]].append(course)
            seen[account_id] += 1
    for number in sorted(rounds):
        yield from rounds[number]
