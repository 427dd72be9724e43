"""How many targets stand in which state, kept up to date at each change."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.core.calls import Meaning, Operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from batch_onboard.core.calls import Answer
    from batch_onboard.core.lifecycle import State


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
        self._over = 0
        self._selected = 0
        self._in_flight = 0
        self._calls = 0
        self._starts = 0
        self._throttled = 0

    def select(self, number: int) -> None:
        """Take note of how many targets this run is about."""
        self._selected = number

    def moved(self, before: State, after: State) -> None:
        """Count a target that was in one state and is now in another."""
        self._states[before] -= 1
        self._states[after] += 1

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

    def finished(self) -> None:
        """Count a target that is over for this run."""
        self._over += 1

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
