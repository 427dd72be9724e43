"""What a run would do, read from the live state; nothing is changed, nothing is written."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from batch_onboard.app.access import open_access
from batch_onboard.app.clock import now_utc
from batch_onboard.app.foresight import foresee
from batch_onboard.app.groups import first_of
from batch_onboard.app.losses import with_losses
from batch_onboard.app.progress import Progress
from batch_onboard.app.quotas import SupposedPace, limiter_maker
from batch_onboard.app.scope import select
from batch_onboard.core.opening import Opening, opening
from batch_onboard.core.planning import Action, Planned, Survey, count_actions
from batch_onboard.core.polling import PollPlan
from batch_onboard.core.record import Record
from batch_onboard.engine.admission import Admission
from batch_onboard.engine.circuits import Circuits
from batch_onboard.engine.helm import Helm
from batch_onboard.engine.lanes import Lanes
from batch_onboard.engine.runner import Runner
from batch_onboard.engine.tally import Tally
from batch_onboard.engine.watching import Unwatched
from batch_onboard.service.settings import ServiceConfigurationError

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from datetime import datetime

    from batch_onboard.app.settings import Settings
    from batch_onboard.core.course import Course
    from batch_onboard.core.forecast import Forecast
    from batch_onboard.core.record import Entry
    from batch_onboard.core.steps import Rules
    from batch_onboard.core.targets import Target, TargetKey
    from batch_onboard.engine.watching import Watcher
    from batch_onboard.ledger.history import History
    from batch_onboard.manifest.load import Manifest

WORK = frozenset({Action.START, Action.LATER, Action.FOLLOW, Action.CHECK})
"""What there is to do for a run."""


@dataclass(frozen=True, slots=True)
class Item:
    """One target of a plan.

    Attributes:
        target: the target.
        planned: what a run would do about it.
        record: what the ledger knows of it, and the live state has told since.
    """

    target: Target
    planned: Planned
    record: Record


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do.

    Attributes:
        made_at: when it was read, in UTC.
        items: a target each, in the manifest's order.
        forecast: how long that would take.
        bugs: exceptions that nobody foresaw; each has ended the reading of one target.
    """

    made_at: datetime
    items: tuple[Item, ...]
    forecast: Forecast
    bugs: tuple[Exception, ...] = ()

    @property
    def counts(self) -> dict[Action, int]:
        """How many targets there are for each action that there is, in the order of `Action`."""
        return count_actions(item.planned for item in self.items)

    @property
    def work(self) -> bool:
        """There is something to do for a run."""
        return not WORK.isdisjoint(self.counts)


class Planning:
    """Reads what a run over a manifest and its ledger would do.

    Attributes:
        run_id: names its role sessions, as a run's id does.
        targets: what it is about.
        tally: counts that are kept up to date meanwhile.
        lanes: the limiters, for their statistics.
        received: the first signal that has stopped it; what was read is not whole then.
    """

    def __init__(self, manifest: Manifest, history: History, settings: Settings) -> None:
        """Prepare it.

        Args:
            manifest: what is to be onboarded.
            history: what the ledger knows; it is not changed.
            settings: what the operator asked for.

        Raises:
            SelectionError: the settings select nothing, or what can't go together.
        """
        self.run_id = secrets.token_hex(6)
        self.lanes = Lanes(limiter_maker(settings, history), Circuits(random.random))
        self.received: signal.Signals | None = None
        self._settings = settings
        self._history = history
        self._runner: Runner | None = None
        settings.secrets.learn(*{each.identity.external_id for each in manifest.targets})
        self.targets = select(manifest.targets, settings, self._known)
        self.tally = Tally(self._known(target).state for target in self.targets)
        self.tally.select(
            len(self.targets),
            (
                (each.key.domain, self._known(each).state)
                for each in self.targets
                if opening(each, self._known(each), settings.rules) is not Opening.NOTHING
            ),
        )

    def progress(self, now: float) -> Progress:
        """Return what looks at the reading, which begins now (monotonic seconds)."""
        supposed = SupposedPace(self._settings, self._history)
        return Progress(self.tally, self.lanes, supposed, None, now)

    async def read(self, watcher: Watcher | None = None) -> Plan:
        """Read the live state, as far as a run would before it changes anything.

        Args:
            watcher: is told of each answer; None: nobody is.

        Raises:
            ServiceConfigurationError: the settings in force cannot be used for any call.
            SimulatorError: the simulator can't be served.
        """
        made_at = now_utc()
        found = _Found(self._known, with_losses(self._settings.rules, self._history))
        if any(found.opening_of(target) is not Opening.NOTHING for target in self.targets):
            await self._survey(found, watcher or Unwatched())
        items = tuple(self._limited([found.item(target) for target in self.targets]))
        bugs = tuple(self._runner.bugs) if self._runner is not None else ()
        return Plan(made_at, items, self._foresee(items), bugs)

    def interrupt(self, received: signal.Signals) -> bool:
        """Stop: the first time calls under way may finish, the second time not even those.

        Returns:
            Whether this was the first time.
        """
        first = self.received is None
        self.received = self.received or received
        if self._runner is not None:
            if first:
                self._runner.stop()
            else:
                self._runner.abort()
        return first

    async def _survey(self, found: _Found, watcher: Watcher) -> None:
        settings = self._settings
        admission = Admission(
            Helm(self.targets, found.opening_of),
            self.lanes,
            self.tally,
            found.survey,
            let_go=found.take,
            rate_of=SupposedPace(settings, self._history).rate_of,
        )
        async with open_access(settings, self.run_id, purpose="plan") as service:
            self._runner = Runner(
                service=service,
                journal=_Nowhere(),
                admission=admission,
                plan=found.lengths,
                watcher=watcher,
                wall=now_utc,
                chance=random.random,
                concurrency=settings.concurrency,
                drain_timeout=settings.drain_timeout,
            )
            if self.received is not None:
                self._runner.stop()
            try:
                await self._runner.run()
            except ExceptionGroup as group:
                raise first_of(ServiceConfigurationError, group) from group

    def _limited(self, items: list[Item]) -> list[Item]:
        """Return what is planned, with as many to start as the limit allows: the first ones."""
        if self._settings.limit is None:
            return items
        order = sorted(range(len(items)), key=lambda index: items[index].target.wave)
        starts = [index for index in order if items[index].planned.action is Action.START]
        for index in starts[self._settings.limit :]:
            later = replace(items[index].planned, action=Action.LATER)
            items[index] = replace(items[index], planned=later)
        return items

    def _foresee(self, items: tuple[Item, ...]) -> Forecast:
        rules = self._settings.rules
        chosen = (
            (
                each.target,
                opening(each.target, self._known(each.target), rules),
                each.planned.action,
            )
            for each in items
        )
        return foresee(chosen, self._settings, self._history)

    def _known(self, target: Target) -> Record:
        return self._history.records.get(target.key, _UNTOUCHED)


class _Found:
    """What was found out, target by target. Of those that are over only their items are left.

    Attributes:
        lengths: how long jobs took, of which a plan learns nothing.
    """

    def __init__(self, known: Callable[[Target], Record], rules: Rules) -> None:
        self.lengths = PollPlan()
        self._known = known
        self._rules = rules
        self._items: dict[TargetKey, Item] = {}

    def opening_of(self, target: Target) -> Opening:
        """Return what the run would do first about a target."""
        return opening(target, self._known(target), self._rules)

    def survey(self, target: Target) -> Survey:
        """Return the course that finds out what the run would do about a target."""
        return Survey(target, replace(self._known(target)), self._rules, self.lengths)

    def take(self, course: Course) -> None:
        """Keep what such a course has found out."""
        if isinstance(course, Survey):  # as they all are
            known = self._known(course.target)
            record = known if course.record == known else course.record
            self._items[course.target.key] = Item(course.target, course.planned, record)

    def item(self, target: Target) -> Item:
        """Return what was found out about a target, or follows from the ledger alone."""
        found = self._items.pop(target.key, None)
        if found is not None:
            return found
        known = self._known(target)
        return Item(target, Survey(target, known, self._rules, self.lengths).planned, known)


class _Nowhere:
    """A journal for what is only read: it keeps nothing."""

    async def write(self, *entries: Entry) -> None:
        self.write_nowait(*entries)

    def write_nowait(self, *entries: Entry) -> None:
        del entries


_UNTOUCHED = Record()
