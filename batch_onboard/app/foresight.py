"""How long a run will take, as far as can be said before it."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from batch_onboard.app.quotas import pace_maker
from batch_onboard.core.forecast import Forecast, JobLength, Work, forecast
from batch_onboard.core.lifecycle import State
from batch_onboard.core.opening import Opening
from batch_onboard.core.planning import Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    waves: defaultdict[int, defaultdict[Domain, Counter[str]]]
    waves = defaultdict(lambda: defaultdict(Counter))
    for target, begins, action in chosen:
        waves[target.wave][target.key.domain].update(_needs(begins, action))
    pace_of = pace_maker(settings, history)
    jobs = JobLength.of(known_lengths(history)) if settings.rules.wait else JobLength(0.0, 0.0)
    each = [
        forecast({domain: Work(**needs) for domain, needs in works.items()}, pace_of, jobs)
        for works in waves.values()
    ]
    longest = max(each, key=lambda one: one.most, default=Forecast())
    return Forecast(sum(one.least for one in each), sum(one.most for one in each), longest.slowest)


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
