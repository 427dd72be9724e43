"""What there is to see of all shards together: their pictures, added up."""

from __future__ import annotations

from collections import Counter
from heapq import nlargest
from typing import TYPE_CHECKING

from batch_onboard.core.forecast import Forecast
from batch_onboard.core.lifecycle import State
from batch_onboard.core.picture import Outlook, Picture
from batch_onboard.engine.tally import TallyStatistics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from batch_onboard.core.shard import Shard

_SLOWEST = 3


class View:
    """Adds up how shards stand.

    Args:
        states: how many targets of each shard stand in which state before the run.
        selected: how many targets the run is about.
        over: says how many of them are over now.
        later: says how long what has not been launched yet will take.
    """

    def __init__(
        self,
        states: Mapping[Shard, Mapping[State, int]],
        selected: int,
        over: Callable[[], int],
        later: Callable[[], Forecast],
    ) -> None:
        self._states = dict(states)
        self._selected = selected
        self._over = over
        self._later = later
        self._live: dict[int, Picture] = {}
        self._calls = self._starts = self._throttled = 0

    def see(self, number: int, shard: Shard, picture: Picture) -> None:
        """Take in how a launch of a shard stands."""
        self._live[number] = picture
        self._states[shard] = picture.states

    def gone(self, number: int) -> None:
        """Keep what a launch that is over has counted."""
        picture = self._live.pop(number, None)
        if picture is not None:
            self._calls += picture.calls or 0
            self._starts += picture.starts
            self._throttled += picture.throttled

    def statistics(self) -> TallyStatistics:
        """Return the counts as far as they are known."""
        live = self._live.values()
        return TallyStatistics(
            states=self._all_states(),
            over=self._over(),
            selected=self._selected,
            in_flight=sum(each.in_flight or 0 for each in live),
            calls=self._calls + sum(each.calls or 0 for each in live),
            starts=self._starts + sum(each.starts for each in live),
            throttled=self._throttled + sum(each.throttled for each in live),
        )

    def picture(self, elapsed: float) -> Picture:
        """Return how all stand, `elapsed` seconds after the run began."""
        counted, live = self.statistics(), self._live.values()
        return Picture(
            elapsed=elapsed,
            states=counted.states,
            over=counted.over,
            selected=counted.selected,
            jobs=counted.states.get(State.IN_PROGRESS, 0),
            held=sum(each.held for each in live),
            in_flight=counted.in_flight,
            calls=counted.calls,
            starts=counted.starts,
            throttled=counted.throttled,
            rate=sum(each.rate for each in live),
            throttles=sum(each.throttles for each in live),
            outlook=self._outlook(),
            out=tuple(dict.fromkeys(scope for each in live for scope in each.out)),
        )

    def _all_states(self) -> dict[State, int]:
        whole: Counter[State] = Counter()
        for states in self._states.values():
            whole.update(states)
        return {state: whole[state] for state in State if whole[state]}

    def _outlook(self) -> Outlook:
        outlooks = [each.outlook for each in self._live.values()]
        slowest = nlargest(
            _SLOWEST,
            (slow for outlook in outlooks for slow in outlook.slowest),
            key=lambda slow: (slow.seconds or 0.0, slow.left),
        )
        return Outlook(self._forecast(outlooks), tuple(slowest))

    def _forecast(self, outlooks: Iterable[Outlook]) -> Forecast | None:
        """Return how long all will take: the longest, and then what comes later."""
        if self._over() == self._selected:
            return Forecast()
        known = [each.forecast for each in outlooks]
        found = [each for each in known if each is not None]
        if not found or len(found) < len(known):
            return None
        later = self._later()
        return Forecast(
            max(each.least for each in found) + later.least,
            max(each.most for each in found) + later.most,
            max(found, key=lambda each: each.most).slowest,
        )
