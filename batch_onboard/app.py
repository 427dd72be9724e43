"""The composition root: the only place that picks concrete parts and joins them to a run.

manifest -> courses -> engine -> service -> ledger. Whoever embeds the tool, the command line
included, opens a `Batch`, looks at what it would do, and runs it.
"""

from __future__ import annotations

import os
import pwd
import random
import secrets
import signal
import socket
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from batch_onboard.core.adaptive import AdaptiveLimiter
from batch_onboard.core.calls import Answer
from batch_onboard.core.course import Course
from batch_onboard.core.estimate import Learned
from batch_onboard.core.lifecycle import State
from batch_onboard.core.limiter import DEFAULT_BURST, DEFAULT_RATE, BucketLimiter
from batch_onboard.core.opening import Opening, is_done, opening
from batch_onboard.core.polling import PollPlan
from batch_onboard.core.ports import JournalError
from batch_onboard.core.record import Record
from batch_onboard.core.steps import Rules
from batch_onboard.engine.lanes import Lanes
from batch_onboard.engine.runner import Runner
from batch_onboard.engine.tally import Tally
from batch_onboard.exits import Exit
from batch_onboard.ledger.errors import LedgerUnusableError
from batch_onboard.ledger.file import open_ledger
from batch_onboard.ledger.lines import LearnedLine, RunLine
from batch_onboard.service.settings import (
    ServiceConfigurationError,
    ServiceSettings,
    StaticCredentials,
)
from batch_onboard.versions import tool_version, versions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from batch_onboard.core.calls import Operation
    from batch_onboard.core.limiter import Limiter
    from batch_onboard.core.ports import Service
    from batch_onboard.core.record import Entry
    from batch_onboard.core.targets import Domain, Target
    from batch_onboard.engine.watching import Watcher
    from batch_onboard.ledger.ledger import Ledger
    from batch_onboard.manifest.load import Manifest
    from batch_onboard.service.aws import AwsService
    from batch_onboard.service.credentials import Caller
    from batch_onboard.simulator.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator asked for. Durations in seconds.

    Attributes:
        rules: what bears on a single target.
        concurrency: calls in flight.
        rate: requests a second for each domain and operation; None: learned.
        burst: requests at once, likewise.
        drain_timeout: how long calls under way may take to finish when stopping.
        lock_timeout: how long to wait for another run to end.
        allow_profiles: targets may name profiles, which can run programs.
        scenario: run against a simulator of this run's own that plays it; None: against AWS.
        change_ref: kept in the ledger, for audits.
        arguments: the command line, for the ledger.
    """

    rules: Rules = field(default_factory=Rules)
    concurrency: int = 128
    rate: float | None = None
    burst: float | None = None
    drain_timeout: float = 20.0
    lock_timeout: float = 0.0
    allow_profiles: bool = False
    scenario: Scenario | None = None
    change_ref: str | None = None
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        exit_code: the contract's.
        reason: the same in words.
        lost: entries of which it is not known whether they are on disk.
        saved: the ledger could be written to the end.
    """

    exit_code: Exit
    reason: str
    lost: tuple[Entry, ...] = ()
    saved: bool = True


class Batch:
    """A manifest and its ledger, locked and ready for one run. `open_batch` makes one.

    Attributes:
        ledger: the ledger.
        run_id: this run's id.
        openings: how many targets the run begins with in which way, as far as the ledger knows.
        tally: counts that are kept up to date during the run.
        lanes: the limiters, for their statistics.
    """

    def __init__(self, manifest: Manifest, ledger: Ledger, settings: Settings) -> None:
        self.ledger = ledger
        self.run_id = secrets.token_hex(6)
        self.lanes = Lanes(self._make_limiter)
        self._manifest = manifest
        self._settings = settings
        self._signal: signal.Signals | None = None
        self._runner: Runner | None = None
        self._asking: anyio.CancelScope | None = None
        records = ledger.history.records
        states = [records.get(target.key, _UNTOUCHED).state for target in manifest.targets]
        self.tally = Tally(states)
        self.openings = Counter(
            opening(target, records.get(target.key, _UNTOUCHED), settings.rules)
            for target in manifest.targets
        )

    @property
    def nothing_to_do(self) -> bool:
        """Every target is settled: the run will make no call."""
        return set(self.openings) <= {Opening.NOTHING}

    async def run(self, watcher: Watcher) -> Outcome:
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
            return self._end(self._judge("nothing to do"))
        async with self._open_service() as service:
            caller: Caller | Answer | None = None
            with anyio.CancelScope() as self._asking:
                caller = await service.caller()
            self._begin(None if caller is None or isinstance(caller, Answer) else caller.arn)
            return self._end(await self._work(service, watcher))

    def interrupt(self, received: signal.Signals) -> bool:
        """Stop: the first time calls under way may finish, the second time not even those.

        Returns:
            Whether this was the first time.
        """
        first = self._signal is None
        self._signal = self._signal or received
        if self._runner is None:
            if self._asking is not None:
                self._asking.cancel()
        elif first:
            self._runner.stop()
        else:
            self._runner.abort()
        return first

    async def _work(self, service: Service, watcher: Watcher) -> Outcome:
        plan = PollPlan()
        rules = self._rules()
        courses = [
            Course(target, self.ledger.history.record(target.key), rules, plan)
            for target in self._manifest.targets
        ]
        try:
            async with self.ledger.journal() as journal:
                self._runner = Runner(
                    service=service,
                    journal=journal,
                    lanes=self.lanes,
                    plan=plan,
                    tally=self.tally,
                    watcher=watcher,
                    wall=now_utc,
                    chance=random.random,
                    concurrency=self._settings.concurrency,
                    drain_timeout=self._settings.drain_timeout,
                )
                if self._signal is not None:
                    self._runner.stop()
                await self._runner.run(courses)
        except JournalError as error:
            code = Exit.LEDGER if self._signal is None else _EXITS[self._signal]
            return Outcome(code, str(error), error.lost, saved=False)
        except ExceptionGroup as group:
            problem = _first_of(ServiceConfigurationError, group)
            if isinstance(problem, ServiceConfigurationError):
                self._end(Outcome(Exit.USAGE, str(problem)))
            raise problem from group
        return self._judge("done")

    def _rules(self) -> Rules:
        """Return the rules of this run, with what the ledger may have lost of earlier ones."""
        history = self.ledger.history
        if not history.cuts:
            return self._settings.rules
        age = max(0.0, (now_utc() - history.cuts[-1].at).total_seconds())
        return replace(
            self._settings.rules,
            torn_at=anyio.current_time() - age,
            torn_hold=max((record.intent_hold for record in history.records.values()), default=0.0),
        )

    def _judge(self, well: str) -> Outcome:
        """Say how a run ended whose calls are over.

        Args:
            well: the reason to give if all is well.
        """
        if self._signal is not None:
            left = self.tally.statistics().states.get(State.SUBMITTING, 0)
            how = "interrupted, drained and saved"
            if left:
                how = f"interrupted with {left} Starts unanswered, which the next run reads first"
            return Outcome(_EXITS[self._signal], how)
        if all(self._is_fine(target) for target in self._manifest.targets):
            return Outcome(Exit.OK, well)
        if self.nothing_to_do:
            return Outcome(Exit.UNFINISHED, "nothing to do, but not all targets are done")
        return Outcome(Exit.UNFINISHED, "finished, not all targets are done")

    def _is_fine(self, target: Target) -> bool:
        record = self.ledger.history.record(target.key)
        running = record.state is State.IN_PROGRESS and not self._settings.rules.wait
        return running or is_done(record, target.accept_drift)

    def _begin(self, caller: str | None) -> None:
        found = versions()
        manifest = self._manifest
        sources = {str(source.path): source.digest for source in manifest.sources}
        self.ledger.begin_run(
            RunLine(
                at=now_utc(),
                run=self.run_id,
                tool=found["batch-onboard"],
                python=found["Python"],
                botocore=found["botocore"],
                host=socket.gethostname(),
                pid=os.getpid(),
                user=_user(),
                arguments=self._settings.arguments,
                manifest=str(manifest.path),
                digests={str(manifest.path): manifest.digest, **sources},
                caller=caller,
                change_ref=self._settings.change_ref,
                simulated=self._settings.scenario is not None,
            )
        )
        self.ledger.sync_manifest(manifest.targets)

    def _end(self, outcome: Outcome) -> Outcome:
        if outcome.saved:
            self.ledger.keep_learned(list(self._learned()))
            self.ledger.end_run(self.run_id, outcome.exit_code, outcome.reason)
        return outcome

    def _make_limiter(self, domain: Domain, operation: Operation) -> Limiter:
        rate, burst = self._settings.rate, self._settings.burst
        if rate is not None or burst is not None:
            return BucketLimiter(rate or DEFAULT_RATE, burst or DEFAULT_BURST)
        known = self.ledger.history.learned.get((str(domain), operation))
        if known is None:
            return AdaptiveLimiter()
        age = (now_utc() - known.at).total_seconds()
        return AdaptiveLimiter(Learned(known.rate, known.burst, known.confidence).aged(age))

    def _learned(self) -> Iterator[LearnedLine]:
        """Yield what this run found out about quotas, for the next one."""
        for (domain, operation), limiter in self.lanes.limiters.items():
            if not isinstance(limiter, AdaptiveLimiter) or (known := limiter.learned()) is None:
                continue
            counted = limiter.statistics()
            yield LearnedLine(
                at=now_utc(),
                domain=str(domain),
                operation=operation,
                rate=known.rate,
                burst=known.burst,
                confidence=known.confidence,
                sent=counted.sent,
                throttled=counted.throttled,
            )

    @asynccontextmanager
    async def _open_service(self) -> AsyncIterator[AwsService]:
        # aioboto3 takes a quarter of a second to import: only a run that calls pays for it.
        from batch_onboard.service.aws import open_service  # noqa: PLC0415

        async with AsyncExitStack() as stack:
            settings = self._service_settings()
            if self._settings.scenario is not None:
                settings = await stack.enter_async_context(
                    _simulated(self._settings.scenario, settings)
                )
            yield await stack.enter_async_context(open_service(settings))

    def _service_settings(self) -> ServiceSettings:
        return ServiceSettings(
            user_agent_extra=f"batch-onboard/{tool_version()} run/{self.run_id}",
            session_name=f"bo-{self.run_id}",
            call_timeout=self._settings.rules.call_timeout,
            connections=self._settings.concurrency,
            allow_profiles=self._settings.allow_profiles,
        )


@asynccontextmanager
async def _simulated(
    scenario: Scenario, settings: ServiceSettings
) -> AsyncIterator[ServiceSettings]:
    """Serve a simulator, and give settings that lead to it and to nothing else."""
    from batch_onboard.simulator.server import serve  # noqa: PLC0415

    caller = scenario.callers[0]
    keys = StaticCredentials(caller.access_key_id, caller.secret_access_key)
    async with serve(scenario) as simulator:
        yield replace(settings, endpoint_url=simulator.url, static_credentials=keys)


@contextmanager
def open_batch(manifest: Manifest, ledger_path: Path, settings: Settings) -> Iterator[Batch]:
    """Open a manifest's ledger for one run, creating it if there is none.

    Raises:
        LedgerError: it can't be used, is damaged, is held by another run, or mixes what was
            simulated with what is so.
    """
    with open_ledger(
        ledger_path,
        manifest_name=manifest.name,
        tool_version=tool_version(),
        wall=now_utc,
        lock_timeout=settings.lock_timeout,
    ) as ledger:
        _keep_apart(ledger, simulate=settings.scenario is not None)
        yield Batch(manifest, ledger, settings)


def _keep_apart(ledger: Ledger, *, simulate: bool) -> None:
    """Refuse to take a rehearsal's results for real ones, or the other way round."""
    if any(run.began.simulated is not simulate for run in ledger.history.runs):
        what = "real runs" if simulate else "rehearsals (--simulate)"
        raise LedgerUnusableError(
            f"{ledger.path} tells of {what}: name another ledger with --ledger"
        )


def _first_of(kind: type[Exception], group: ExceptionGroup) -> Exception:
    """Return the exception of a kind that workers have raised, or the group if there is none."""
    found: Exception = group.subgroup(kind) or group
    while found is not group and isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    return found


def now_utc() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


def _user() -> str:
    """Return who runs this, by the system's user database: the environment can say anything."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


_UNTOUCHED = Record()
_EXITS = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}
