"""How many targets stand in which state, kept up to date at each change."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.core.calls import Meaning, Operation
from batch_onboard.core.lifecycle import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from batch_onboard.core.calls import Answer
    from batch_onboard.core.course import Course
    from batch_onboard.core.targets import Domain

_STARTED = frozenset({State.SUBMITTING, State.IN_PROGRESS})


@dataclass(frozen=True, slots=True)
class TallyStatistics:
    """A picture of a run at one moment.

    Attributes:
        states: targets in each state; they add up to all targets.
        over: targets that are over for this run.
        selected: targets that this run is about.
        in_flight: calls that are under way.
        calls: calls that were answered.
        starts: Starts that were answered, whatever with.
        throttled: answers that were throttles.
    """

    states: Mapping[State, int]
    over: int
    selected: int
    in_flight: int
    calls: int
    starts: int
    throttled: int


class Tally:
    """Counts what a run does."""

    def __init__(self, states: Iterable[State]) -> None:
        """Begin with the state of each target of the manifest."""
        self._states = Counter(states)
        self._open: Counter[Domain] = Counter()
        self._started: Counter[Domain] = Counter()
        self._over = 0
        self._selected = 0
        self._in_flight = 0
        self._calls = 0
        self._starts = 0
        self._throttled = 0

    def select(self, number: int, unsettled: Iterable[tuple[Domain, State]]) -> None:
        """Take note of what this run is about.

        Args:
            number: how many targets.
            unsettled: of those that calls are needed for, the domain and state.
        """
        self._selected = number
        for domain, state in unsettled:
            self._open[domain] += 1
            if state in _STARTED:
                self._started[domain] += 1

    def moved(self, course: Course, before: State) -> None:
        """Count a target that was in another state and is now in the one that its course says."""
        after = course.record.state
        if after is before:
            return
        self._states[before] -= 1
        self._states[after] += 1
        started = (after in _STARTED) - (before in _STARTED)
        if started:
            self._started[course.target.key.domain] += started

    def began(self) -> None:
        """Count a call that is under way now."""
        self._in_flight += 1

    def ended(self) -> None:
        """Count that a call is no longer under way."""
        self._in_flight -= 1

    def answered(self, operation: Operation, answer: Answer) -> None:
        """Count an answer."""
        self._calls += 1
        self._starts += operation is Operation.START
        self._throttled += answer.meaning is Meaning.THROTTLED

    def settled(self, number: int = 1) -> None:
        """Count targets that no call is needed for."""
        self._over += number

    def finished(self, course: Course) -> bool:
        """Count a target that is over for this run, and say whether it was its domain's last."""
        domain = course.target.key.domain
        self._over += 1
        self._open[domain] -= 1
        if course.record.state in _STARTED:
            self._started[domain] -= 1
        if self._open[domain]:
            return False
        del self._open[domain]
        self._started.pop(domain, None)
        return True

    def open(self) -> Iterator[tuple[Domain, tuple[int, int]]]:
        """Yield each domain with its targets that are not over, and how many are started."""
        started = self._started
        return ((domain, (number, started.get(domain, 0))) for domain, number in self._open.items())

    def statistics(self) -> TallyStatistics:
        """Return the counts as they are now."""
        return TallyStatistics(
            states={state: number for state, number in self._states.items() if number},
            over=self._over,
            selected=self._selected,
            in_flight=self._in_flight,
            calls=self._calls,
            starts=self._starts,
            throttled=self._throttled,
        )
