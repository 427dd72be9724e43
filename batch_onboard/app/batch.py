"""One run over a manifest and its ledger.

manifest -> targets -> engine -> service -> ledger. Whoever embeds the tool, the command line
included, opens a `Batch`, looks at what it would do, and runs it.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import anyio

from batch_onboard.app.access import open_access
from batch_onboard.app.audit import run_line
from batch_onboard.app.checkpoints import keep_checkpoint
from batch_onboard.app.clock import now_utc
from batch_onboard.app.descriptors import within_descriptors
from batch_onboard.app.foresight import foresee, known_lengths
from batch_onboard.app.groups import first_of
from batch_onboard.app.histories import keep_apart
from batch_onboard.app.learning import Learning
from batch_onboard.app.ledgers import open_any_ledger
from batch_onboard.app.losses import with_losses
from batch_onboard.app.outcome import Ending, Outcome, unsaved
from batch_onboard.app.pace import Pace
from batch_onboard.app.progress import COST, Progress
from batch_onboard.app.quotas import SupposedPace, limiter_maker
from batch_onboard.app.scope import own_targets, select
from batch_onboard.core.calls import Answer
from batch_onboard.core.course import Course
from batch_onboard.core.lifecycle import State
from batch_onboard.core.opening import Opening, is_done, opening
from batch_onboard.core.polling import PollPlan
from batch_onboard.core.ports import JournalError
from batch_onboard.core.record import Record
from batch_onboard.engine.admission import Admission
from batch_onboard.engine.circuits import Circuits
from batch_onboard.engine.helm import Helm
from batch_onboard.engine.lanes import Lanes
from batch_onboard.engine.runner import Runner
from batch_onboard.engine.tally import Tally
from batch_onboard.engine.watching import Unwatched
from batch_onboard.exits import Exit
from batch_onboard.service.settings import ServiceConfigurationError
from batch_onboard.versions import tool_version

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

    from batch_onboard.app.ledgers import Place
    from batch_onboard.app.planfile import Approved
    from batch_onboard.app.settings import Settings
    from batch_onboard.core.forecast import Forecast
    from batch_onboard.core.ports import Journal, Service
    from batch_onboard.core.shard import Shard
    from batch_onboard.core.targets import Target
    from batch_onboard.engine.watching import Watcher
    from batch_onboard.ledger.ledger import Ledger
    from batch_onboard.manifest.load import Manifest
    from batch_onboard.service.credentials import Caller


class Batch:
    """A manifest and its ledger, locked and ready for one run. `open_batch` makes one.

    Attributes:
        ledger: the ledger.
        run_id: this run's id.
        arguments: the command line, without secrets.
        targets: the targets that the run is about.
        openings: how many of them it begins with in which way, as far as the ledger knows.
        tally: counts that are kept up to date during the run.
        lanes: the limiters, for their statistics.
    """

    def __init__(self, manifest: Manifest, ledger: Ledger, settings: Settings) -> None:
        """Prepare a run.

        Raises:
            SelectionError: the settings select nothing, or what can't go together.
        """
        self.ledger = ledger
        self.run_id = secrets.token_hex(6)
        self._learning = Learning(ledger)
        make_limiter = limiter_maker(settings, ledger.history)
        self.lanes = Lanes(make_limiter, Circuits(random.random), self._learning.let_go)
        self._plan = PollPlan()
        self._manifest = manifest
        self._settings = settings
        self._signal: signal.Signals | None = None
        self._halted: Outcome | None = None
        self._runner: Runner | None = None
        self._asking: anyio.CancelScope | None = None
        settings.secrets.learn(*{each.identity.external_id for each in manifest.targets})
        self.arguments = tuple(settings.secrets.redact(word) for word in settings.arguments)
        self._own = own_targets(manifest.targets, settings)
        self.tally = Tally(self._known(target).state for target in self._own)
        self.targets = select(manifest.targets, settings, self._known)
        openings = [opening(each, self._known(each), settings.rules) for each in self.targets]
        self.openings = Counter(openings)
        self.tally.select(
            len(self.targets),
            (
                (target.key.domain, self._known(target).state)
                for target, begins in zip(self.targets, openings, strict=True)
                if begins is not Opening.NOTHING
            ),
        )

    @property
    def nothing_to_do(self) -> bool:
        """Every target is settled: the run will make no call."""
        return set(self.openings) <= {Opening.NOTHING}

    @property
    def shard(self) -> Shard | None:
        """The part of the batch that the run does; None if it does all of it."""
        return self._settings.shard

    @property
    def approved(self) -> Approved | None:
        """The plan that the run is bound to."""
        return self._settings.approved

    @property
    def forecast(self) -> Forecast:
        """How long the run will take, as far as the ledger, or the plan, tells."""
        settings = self._settings
        planned = settings.approved.planned if settings.approved is not None else {}
        chosen = (
            (
                target,
                opening(target, self._known(target), settings.rules),
                planned[target.key].action if planned else None,
            )
            for target in self.targets
        )
        return foresee(chosen, settings, self.ledger.history)

    def progress(self, now: float, cost: float = COST) -> Progress:
        """Return what looks at the run, which begins now (monotonic seconds).

        Args:
            now: when it begins.
            cost: the share of a core that looking ahead may take.
        """
        known = tuple(known_lengths(self.ledger.history))
        supposed = SupposedPace(self._settings, self.ledger.history)
        return Progress(
            self.tally, self.lanes, supposed, lambda: self._plan.lengths or known, now, cost=cost
        )

    async def run(self, watcher: Watcher | None = None) -> Outcome:
        """Do what is to be done, and say how it ended.

        Args:
            watcher: is told of each answer.

        Raises:
            LedgerError: the ledger can't be written, and no call had been made yet.
            ServiceConfigurationError: the settings in force cannot be used for any call.
            SimulatorError: the simulator can't be served.
        """
        if self.nothing_to_do:
            self._begin(None)
            return self._end(self._outcome())
        async with open_access(
            self._settings, self.run_id, may_change=self.ledger.is_certain
        ) as service:
            caller: Caller | Answer | None = None
            with anyio.CancelScope() as self._asking:
                caller = await service.caller()
            self._begin(None if caller is None or isinstance(caller, Answer) else caller.arn)
            return self._end(await self._work(service, watcher or Unwatched()))

    def interrupt(self, received: signal.Signals) -> bool:
        """Stop: the first time calls under way may finish, the second time not even those.

        Returns:
            Whether this was the first time.
        """
        first = self._signal is None
        self._signal = self._signal or received
        if first or self._runner is None:
            self._stop()
        else:
            self._runner.abort()
        return first

    def spend(self, number: int) -> None:
        """Count targets against the limit that this run has started in a process that was lost."""
        limit = self._settings.limit
        if limit is not None:
            self._settings = replace(self._settings, limit=max(0, limit - number))

    def halt(self, outcome: Outcome) -> None:
        """Stop as at a first signal, because of what was met elsewhere.

        Args:
            outcome: how the run ends then, unless it has met something of its own.
        """
        self._halted = self._halted or outcome
        self._stop()

    def _stop(self) -> None:
        if self._runner is not None:
            self._runner.stop()
        elif self._asking is not None:
            self._asking.cancel()

    async def _work(self, service: Service, watcher: Watcher) -> Outcome:
        admission = self._make_admission()
        try:
            async with self.ledger.journal() as journal:
                self._learning.journal = journal
                self._runner = self._make_runner(service, journal, admission, watcher)
                if self._signal is not None or self._halted is not None:
                    self._runner.stop()
                keep = partial(self.ledger.keep_paced, journal=journal)
                async with Pace(self.run_id, self.tally, self.lanes, keep).measured():
                    await self._runner.run()
        except JournalError as error:
            return unsaved(self._signal, error)
        except ExceptionGroup as group:
            problem = first_of(ServiceConfigurationError, group)
            if isinstance(problem, ServiceConfigurationError):
                self._end(Outcome(Exit.USAGE, str(problem)))
            raise problem from group
        return self._outcome(admission.helm, self._runner)

    def _make_admission(self) -> Admission:
        settings, history = self._settings, self.ledger.history
        rules = with_losses(settings.rules, history)
        course = settings.approved.course if settings.approved is not None else Course
        helm = Helm(
            self.targets,
            lambda target: opening(target, self._known(target), rules),
            tolerance=settings.tolerance,
            canary=settings.canary,
            limit=settings.limit,
        )
        return Admission(
            helm,
            self.lanes,
            self.tally,
            lambda target: course(target, history.record(target.key), rules, self._plan),
            rate_of=SupposedPace(settings, history).rate_of,
        )

    def _make_runner(
        self, service: Service, journal: Journal, admission: Admission, watcher: Watcher
    ) -> Runner:
        return Runner(
            service=service,
            journal=journal,
            admission=admission,
            plan=self._plan,
            watcher=watcher,
            wall=now_utc,
            chance=random.random,
            concurrency=self._settings.concurrency,
            drain_timeout=self._settings.drain_timeout,
            max_duration=self._settings.max_duration,
        )

    def _outcome(self, helm: Helm | None = None, runner: Runner | None = None) -> Outcome:
        """Say how a run ended whose calls, if there were any, are over."""
        ending = Ending(
            received=self._signal,
            unanswered=self.tally.statistics().states.get(State.SUBMITTING, 0),
            bugs=runner.bugs if runner else (),
            too_bad=helm.stopped if helm else None,
            out_of_time=runner.out_of_time if runner else False,
            left=helm.left if helm else 0,
            limit=self._settings.limit,
            settled=self.nothing_to_do,
            idle=None if self.targets else self._settings.shard,
            fine=all(self._is_fine(target) for target in self.targets),
        )
        own = self._signal is not None or ending.bugs or ending.too_bad is not None
        return self._halted if self._halted is not None and not own else ending.outcome()

    def _is_fine(self, target: Target) -> bool:
        record = self._known(target)
        running = record.state is State.IN_PROGRESS and not self._settings.rules.wait
        return running or is_done(record, target.accept_drift)

    def _known(self, target: Target) -> Record:
        return self.ledger.history.records.get(target.key, _UNTOUCHED)

    def _begin(self, caller: str | None) -> None:
        self.ledger.begin_run(run_line(self.run_id, self._manifest, self._settings, caller))
        self.ledger.sync_manifest(self._own)

    def _end(self, outcome: Outcome) -> Outcome:
        if outcome.saved:
            self._learning.end(self.lanes.limiters)
            reason = self._settings.secrets.redact(outcome.reason)
            self.ledger.end_run(self.run_id, outcome.exit_code, reason)
            if self._signal is None:  # who has sent one is in a hurry
                keep_checkpoint(self.ledger, outcome, self._settings.notify)
        return outcome


@contextmanager
def open_batch(manifest: Manifest, ledger_path: Place, settings: Settings) -> Iterator[Batch]:
    """Open a manifest's ledger for one run, creating it if there is none.

    A new one is not left behind if the run does not begin.

    Raises:
        LedgerError: it can't be used, is damaged, is held by another run, mixes what was
            simulated with what is so, or is of another shard.
        SelectionError: the settings select nothing, or what can't go together.
    """
    settings = within_descriptors(settings)
    with open_any_ledger(
        ledger_path,
        manifest_name=manifest.name,
        tool_version=tool_version(),
        wall=now_utc,
        lock_timeout=settings.lock_timeout,
        notify=settings.notify,
        secrets=settings.secrets,
    ) as ledger:
        simulate = settings.scenario is not None
        keep_apart(ledger.history, ledger_path, simulate=simulate, shard=settings.shard)
        try:
            yield Batch(manifest, ledger, settings)
        finally:
            ledger.leave_nothing_new()


_UNTOUCHED = Record()
