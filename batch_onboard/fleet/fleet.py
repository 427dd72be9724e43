"""One run over a batch whose shards are done by workers, seen as a run in one process is."""

from __future__ import annotations

import random
import secrets
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from batch_onboard.app.access import serving
from batch_onboard.app.foresight import foresee
from batch_onboard.app.outcome import BY_SIGNAL, Ending, Outcome
from batch_onboard.app.quotas import limiter_maker
from batch_onboard.app.scope import select
from batch_onboard.core.forecast import Forecast
from batch_onboard.core.lifecycle import State
from batch_onboard.core.opening import Opening, is_done, opening
from batch_onboard.core.record import Record
from batch_onboard.core.shard import Shard, shard_of
from batch_onboard.engine.circuits import Circuits
from batch_onboard.engine.lanes import Lanes
from batch_onboard.exits import Exit
from batch_onboard.fleet.coordinator import Coordinator
from batch_onboard.fleet.inprocess import open_in_process
from batch_onboard.fleet.parts import Parts
from batch_onboard.fleet.stages import Work, waves
from batch_onboard.fleet.view import View
from batch_onboard.fleet.working import is_settled
from batch_onboard.ledger.errors import LedgerError

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable, Sequence

    from batch_onboard.app.ledgers import Place
    from batch_onboard.app.planfile import Approved
    from batch_onboard.app.settings import Settings
    from batch_onboard.core.picture import Picture
    from batch_onboard.core.targets import Target
    from batch_onboard.fleet.coordinator import Audience
    from batch_onboard.fleet.home import Home
    from batch_onboard.fleet.port import OpenEngine
    from batch_onboard.ledger.history import History
    from batch_onboard.manifest.load import Manifest


class WorkerError(Exception):
    """A bug has shown itself in a worker; its traceback is a note."""


@dataclass(frozen=True, slots=True)
class Ledgers:
    """What the ledgers of all shards know together, as one ledger would.

    Attributes:
        path: the folder that they are in.
        history: what they know.
        created: there was none before.
        warnings: there are none: workers tell of theirs.
    """

    path: Place
    history: History
    created: bool
    warnings: tuple[str, ...] = ()


class Fleet:
    """A manifest and the ledgers of its shards, ready for one run.

    Attributes:
        ledger: what the ledgers know, before the run and after it.
        run_id: this run's id. Each launch of a shard has one of its own, in its ledger.
        arguments: the command line, without secrets.
        targets: the targets that the run is about.
        openings: how many of them it begins with in which way, as far as the ledgers know.
        lanes: without limiters, which the workers have.
        shard: None: it is about all shards.
    """

    shard: Shard | None = None

    def __init__(
        self,
        manifest: Manifest,
        home: Home,
        settings: Settings,
        *,
        audience: Audience,
        least: int,
        silence: float,
    ) -> None:
        """Prepare a run.

        Args:
            manifest: what is to be onboarded.
            home: where the ledgers are.
            settings: what the operator asked for.
            audience: is told what happens.
            least: the level of `logging` from which on it is told lines of shards' logs.
            silence: seconds without a word of the coordinator after which a shard drains and ends.

        Raises:
            LedgerError: a ledger can't be read, or they are not of one batch.
            SelectionError: the settings select nothing, or what can't go together.
        """
        self._manifest = manifest
        self._home = home
        self._settings = settings
        self.run_id = secrets.token_hex(6)
        settings.secrets.learn(*{each.identity.external_id for each in manifest.targets})
        self.arguments = tuple(settings.secrets.redact(word) for word in settings.arguments)
        self.ledger = self._read(created=home.created)
        history = self.ledger.history
        self.lanes = Lanes(limiter_maker(settings, history), Circuits(random.random))
        self.targets = select(manifest.targets, settings, self._known)
        openings = [opening(each, self._known(each), settings.rules) for each in self.targets]
        self.openings = Counter(openings)
        self._works = [
            Work(target, begins)
            for target, begins in zip(self.targets, openings, strict=True)
            if not is_settled(target, self._known(target), settings.rules)
        ]
        self._parts = Parts(
            manifest, home, settings, history, run=self.run_id, least=least, silence=silence
        )
        self._view = View(self._states(), len(self.targets), self._over, self._later)
        self._coordinator = Coordinator(
            self._parts, settings, self._view, audience=audience, beat=silence / 6
        )
        self._forecasts = [self._foresee(wave) for wave in waves(self._works)]

    @property
    def nothing_to_do(self) -> bool:
        """Every target is settled: the run will make no call."""
        return set(self.openings) <= {Opening.NOTHING}

    @property
    def approved(self) -> Approved | None:
        """The plan that the run is bound to."""
        return self._settings.approved

    @property
    def forecast(self) -> Forecast:
        """How long the run will take, as far as the ledgers, or the plan, tell."""
        return _added(self._forecasts)

    @property
    def tally(self) -> View:
        """What tells the counts (`statistics`), as far as workers have told them."""
        return self._view

    def progress(self, now: float) -> Progress:
        """Return what looks at the run, which begins now (monotonic seconds)."""
        return Progress(self._view, now)

    def interrupt(self, received: signal.Signals) -> bool:
        """Stop: the first time calls under way may finish, the second time not even those.

        Returns:
            Whether this was the first time.
        """
        return self._coordinator.interrupt(received)

    async def run(self, open_engine: OpenEngine) -> Outcome:
        """Do what is to be done, and say how it ended.

        Raises:
            LedgerError: the folder of the ledgers can't be made.
            EngineError: no worker can be had.
            SimulatorError: the simulator can't be served.
        """
        self._home.make()
        async with serving(self._settings.scenario) as url:
            self._parts.simulator_url = url
            opened = open_in_process if self.nothing_to_do else open_engine
            async with opened(self.run_id) as engine:
                await self._coordinator.conduct(engine, self._works)
        return self._outcome()

    def _read(self, *, created: bool) -> Ledgers:
        simulate = self._settings.scenario is not None
        history = self._home.read(self._manifest.name, simulate=simulate)
        return Ledgers(self._home.folder, history, created)

    def _known(self, target: Target) -> Record:
        return self.ledger.history.records.get(target.key, _UNTOUCHED)

    def _states(self) -> dict[Shard, Counter[State]]:
        states: defaultdict[Shard, Counter[State]] = defaultdict(Counter)
        for target in self._manifest.targets:
            index = shard_of(target.key.domain, self._home.count)
            states[Shard(index, self._home.count)][self._known(target).state] += 1
        return states

    def _over(self) -> int:
        return len(self.targets) - len(self._works) + len(self._coordinator.books.over)

    def _later(self) -> Forecast:
        return _added(self._forecasts[self._coordinator.waves_begun :])

    def _foresee(self, works: Sequence[Work]) -> Forecast:
        approved = self._settings.approved
        planned = {} if approved is None else approved.planned
        chosen = (
            (target, begins, planned[target.key].action if planned else None)
            for target, begins in works
        )
        return foresee(chosen, self._settings, self.ledger.history)

    def _outcome(self) -> Outcome:
        """Say how the run ended, by what the ledgers know now."""
        try:
            self.ledger = self._read(created=self.ledger.created)
        except LedgerError as error:
            return Outcome(Exit.LEDGER, str(error))
        heard = self._coordinator
        broken, received = heard.broken, heard.received
        if broken is not None:
            code = broken.exit_code if received is None else BY_SIGNAL[received]
            return replace(broken, exit_code=code)
        submitting = sum(self._known(each).state is State.SUBMITTING for each in self.targets)
        return Ending(
            received=received,
            unanswered=submitting,
            bugs=[_bug(trace) for trace in heard.traces],
            too_bad=heard.too_bad,
            out_of_time=heard.out_of_time,
            left=len(heard.books.left),
            limit=self._settings.limit,
            settled=self.nothing_to_do,
            fine=all(self._is_fine(target) for target in self.targets),
        ).outcome()

    def _is_fine(self, target: Target) -> bool:
        record = self._known(target)
        running = record.state is State.IN_PROGRESS and not self._settings.rules.wait
        return running or is_done(record, target.accept_drift)


class Progress:
    """Looks at what the workers do, from a moment on (monotonic seconds)."""

    def __init__(self, view: View, began: float) -> None:
        self._view = view
        self._began = began

    def picture(self, now: float) -> Picture:
        """Return how the run stands, as far as workers have told it."""
        return self._view.picture(now - self._began)


def _added(forecasts: Iterable[Forecast]) -> Forecast:
    each = list(forecasts)
    longest = max(each, key=lambda one: one.most, default=Forecast())
    return Forecast(sum(one.least for one in each), sum(one.most for one in each), longest.slowest)


def _bug(trace: str) -> Exception:
    bug = WorkerError(trace.rstrip().rpartition("\n")[2])
    bug.add_note(trace)
    return bug


_UNTOUCHED = Record()
