"""How long a run will take, as far as can be said before it."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from batch_onboard.app.quotas import SupposedPace
from batch_onboard.core.forecast import Forecast, JobLength, Work, forecast, gather
from batch_onboard.core.lifecycle import State
from batch_onboard.core.opening import Opening
from batch_onboard.core.planning import Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from batch_onboard.app.settings import Settings
    from batch_onboard.core.targets import Domain, Target
    from batch_onboard.ledger.history import History

_BY_OPENING = {
    Opening.NOTHING: (),
    Opening.LOOK: ("reads", "perhaps"),
    Opening.START: ("starts",),
    Opening.FOLLOW: ("following",),
}
_BY_ACTION = {
    Action.START: ("starts",),
    Action.CHECK: ("perhaps",),
    Action.FOLLOW: ("following",),
}


def foresee(
    chosen: Iterable[tuple[Target, Opening, Action | None]], settings: Settings, history: History
) -> Forecast:
    """Foretell how long a run takes, the waves one after the other.

    Args:
        chosen: the targets, how the run begins with each, and what it will then do with it, where
            that is known.
        settings: what the operator asked for.
        history: knows quotas, and how long jobs take.
    """
    waves: defaultdict[int, Counter[tuple[Domain, tuple[str, ...]]]] = defaultdict(Counter)
    for target, begins, action in chosen:
        if needs := _needs(begins, action):
            waves[target.wave][target.key.domain, needs] += 1
    pace_of = SupposedPace(settings, history)
    jobs = JobLength.of(known_lengths(history)) if settings.rules.wait else JobLength(0.0, 0.0)
    each = [_foresee(numbers, pace_of, jobs) for numbers in waves.values()]
    longest = max(each, key=lambda one: one.most, default=Forecast())
    return Forecast(sum(one.least for one in each), sum(one.most for one in each), longest.slowest)


def _foresee(
    numbers: Mapping[tuple[Domain, tuple[str, ...]], int], pace_of: SupposedPace, jobs: JobLength
) -> Forecast:
    """Foretell how long a wave takes, from how many targets of a domain need the same."""
    needs: defaultdict[Domain, Counter[str]] = defaultdict(Counter)
    for (domain, kinds), number in numbers.items():
        for kind in kinds:
            needs[domain][kind] += number
    kinds_of = ((domain, frozenset(counted.items())) for domain, counted in needs.items())
    found, alike = gather(kinds_of, pace_of.known)
    works = {domain: Work(**dict(kinds)) for domain, kinds in found.items()}
    return forecast(works, pace_of, jobs, alike)


def _needs(begins: Opening, action: Action | None) -> tuple[str, ...]:
    if action is None or begins is Opening.NOTHING:
        return _BY_OPENING[begins]
    if action is Action.LATER:
        return ()
    read = ("reads",) if begins is Opening.LOOK else ()
    return (*read, *_BY_ACTION.get(action, ()))


def known_lengths(history: History) -> Iterator[float]:
    """Yield how many seconds the jobs took that this ledger has started and followed."""
    for record in history.records.values():
        began, ended = record.started_at, record.finished_at
        if record.ours and record.state is State.SUCCEEDED and began and ended:
            yield (ended - began).total_seconds()
