"""A shard in a worker: opens its ledger, runs its batch, reports, and obeys the coordinator."""

from __future__ import annotations

import os
import signal
import socket
import traceback
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import anyio.from_thread
import anyio.to_thread

from batch_onboard.app.batch import open_batch
from batch_onboard.app.happenings import Said, told_of
from batch_onboard.app.outcome import Outcome
from batch_onboard.app.progress import COST
from batch_onboard.core.opening import Opening, opening
from batch_onboard.core.record import Record
from batch_onboard.core.redaction import Secrets
from batch_onboard.core.tolerance import FAILURES
from batch_onboard.exits import Exit
from batch_onboard.fleet.port import Begun, End, Held, Over, Report
from batch_onboard.ledger.errors import LedgerError, LedgerLockedError
from batch_onboard.service.settings import ServiceConfigurationError
from batch_onboard.simulator.errors import SimulatorError
from batch_onboard.versions import tool_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.app.batch import Batch
    from batch_onboard.app.progress import Progress
    from batch_onboard.core.steps import Rules
    from batch_onboard.core.targets import Target, TargetKey
    from batch_onboard.engine.watching import Happening, Notice
    from batch_onboard.fleet.port import Message, Order, Part
    from batch_onboard.fleet.standing import Standing

_ASK_AGAIN = 1.0
_LOOK_EVERY = 0.25
_COST = COST / 4
"""The share of a core that looking ahead may take in a shard: a worker does four at a time."""


async def work(part: Part, tell: Callable[[Message], None], standing: Standing) -> End:
    """Do a part, and say how it ended.

    Args:
        part: what to do.
        tell: takes a message for the coordinator; it must not block.
        standing: knows what the coordinator wants.
    """
    if part.tool != tool_version():
        return _refusal(part, Exit.USAGE, _unlike(part))
    worker = _Worker(part, tell, standing)
    while True:
        try:
            return await worker.try_once()
        except LedgerLockedError as error:
            tell(Held(part.number, str(error)))
        except LedgerError as error:
            return _refusal(part, Exit.LEDGER, str(error))
        except (ServiceConfigurationError, SimulatorError) as error:
            return _refusal(part, Exit.USAGE, str(error))
        stopped = standing.order(part.run).stop
        if stopped is not None:
            return End(part.number, stopped)
        await anyio.sleep(_ASK_AGAIN)


def is_settled(target: Target, record: Record, rules: Rules) -> bool:
    """Say whether a run makes no call for a target."""
    begins = opening(target, record, rules)
    return begins is Opening.NOTHING or (begins is Opening.FOLLOW and not rules.wait)


def broken(number: int, error: Exception) -> End:
    """Return how a part has ended that an exception which nobody foresaw has ended."""
    outcome = Outcome(Exit.ERROR, f"{type(error).__name__}: {error}")
    return End(number, outcome, traces=("".join(traceback.format_exception(error)),))


class _Worker:
    """Does one part. It watches its batch's engine (`engine.watching.Watcher`)."""

    def __init__(self, part: Part, tell: Callable[[Message], None], standing: Standing) -> None:
        self._part = part
        self._tell = tell
        self._standing = standing
        self._since = standing.now()
        self._secrets = Secrets()
        self._over: list[Over] = []
        self._seen: set[TargetKey] = set()
        self._said: list[Said] = []
        self._noticed: list[Notice] = []
        self._notices: list[str] = []
        self._progress: Progress | None = None
        self._obeyed: Order | None = None
        self._deserted = False
        self._settings = replace(part.settings, secrets=self._secrets, notify=self._notice)

    async def try_once(self) -> End:
        """Do the part, if its ledger can be had now.

        Raises:
            LedgerError: it can't be used; `LedgerLockedError` if another run holds it.
            ServiceConfigurationError: the settings in force cannot be used for any call.
        """
        part = self._part
        with ExitStack() as held:
            # Opening reads a whole ledger, and in S3 may wait for a minute: not in the loop, and
            # not in one of the threads that other parts write with.
            batch = await anyio.to_thread.run_sync(
                held.enter_context,
                open_batch(part.manifest, part.ledger, self._settings),
                limiter=anyio.CapacityLimiter(1),
            )
            self._tell(Begun(part.number, f"pid {os.getpid()} on {socket.gethostname()}"))
            self._take_stock(batch)
            outcome = await self._run(batch)
            return self._end(batch, outcome)

    def happened(self, happening: Happening) -> None:
        """Take note of an answer; a failure is told at once, since it may have to stop all."""
        redact = self._secrets.redact
        for said in told_of(happening):
            if said.level >= self._part.least:
                facts: dict[str, Any] = {
                    name: redact(value) if isinstance(value, str) else value
                    for name, value in said.facts.items()
                }
                self._said.append(Said(said.level, said.event, facts))
        if happening.over:
            course = happening.course
            self._note(course.target.key, course.record, spared=course.spared)
            if course.record.state in FAILURES:
                self._report()

    def noticed(self, notice: Notice) -> None:
        """Take note of something that holds for many targets."""
        message = notice.answer.message
        told = None if message is None else self._secrets.redact(message)
        self._noticed.append(replace(notice, answer=replace(notice.answer, message=told)))

    def _notice(self, sentence: str) -> None:
        self._notices.append(self._secrets.redact(sentence))
        if self._progress is None:  # it is being opened in a thread, maybe for a minute
            anyio.from_thread.run_sync(self._report)

    def _note(self, key: TargetKey, record: Record, *, spared: bool = False) -> None:
        codes = record.failure_code, record.error_code
        self._over.append(Over(key, record.state, *codes, self._was_started(key, record), spared))
        self._seen.add(key)

    def _was_started(self, key: TargetKey, record: Record) -> bool:
        return record.attempts > self._part.attempts.get(key, 0)

    def _take_stock(self, batch: Batch) -> None:
        """Count what a launch before this one, whose worker was lost, has done but not told."""
        history, rules = batch.ledger.history, self._settings.rules
        for target in batch.targets:
            record = history.records.get(target.key, _UNTOUCHED)
            if is_settled(target, record, rules):
                self._note(target.key, record)
        batch.spend(len(self._started(batch)))

    def _started(self, batch: Batch) -> frozenset[TargetKey]:
        records = batch.ledger.history.records
        return frozenset(
            target.key
            for target in batch.targets
            if self._was_started(target.key, records.get(target.key, _UNTOUCHED))
        )

    async def _run(self, batch: Batch) -> Outcome:
        self._progress = batch.progress(anyio.current_time(), _COST)
        ended: list[Outcome | Exception] = []
        async with anyio.create_task_group() as group:
            group.start_soon(self._obey, batch)
            group.start_soon(self._report_again)
            try:
                ended.append(await batch.run(self))
            except (LedgerError, ServiceConfigurationError, SimulatorError) as error:
                ended.append(error)  # past the group, which would wrap it
            group.cancel_scope.cancel()
        (outcome,) = ended
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _report_again(self) -> None:
        while True:
            self._report()
            await anyio.sleep(self._part.every)

    async def _obey(self, batch: Batch) -> None:
        while True:
            order = self._standing.order(self._part.run)
            if order != self._obeyed:
                self._obeyed = order
                _carry_out(order, batch)
            if self._standing.silent_for(self._part.run, self._since) > self._part.silence:
                self._deserted = True
                batch.halt(Outcome(Exit.WORK_LEFT, self._silence()))
            await anyio.sleep(_LOOK_EVERY)

    def _silence(self) -> str:
        return f"stopped: the coordinator was not heard of for {self._part.silence:g} s"

    def _report(self) -> None:
        self._tell(self._news())

    def _news(self) -> Report:
        progress = self._progress
        picture = None if progress is None else progress.picture(anyio.current_time())
        report = Report(
            self._part.number,
            picture,
            tuple(self._over),
            tuple(self._said),
            tuple(self._noticed),
            tuple(self._notices),
        )
        self._over, self._said, self._noticed, self._notices = [], [], [], []
        return report

    def _note_the_rest(self, batch: Batch) -> None:
        """Take note of targets that were over without a call: a run that is whole leaves none."""
        for target in batch.targets:
            if target.key not in self._seen:
                self._note(target.key, batch.ledger.history.records.get(target.key, _UNTOUCHED))

    def _end(self, batch: Batch, outcome: Outcome) -> End:
        redact = self._secrets.redact
        if outcome.exit_code in {Exit.OK, Exit.UNFINISHED}:
            self._note_the_rest(batch)
        return End(
            self._part.number,
            replace(outcome, reason=redact(outcome.reason), bugs=()),
            last=self._news(),
            started=self._started(batch),
            left=frozenset(target.key for target in batch.targets) - self._seen,
            traces=tuple(redact("".join(traceback.format_exception(bug))) for bug in outcome.bugs),
            deserted=self._deserted,
        )


def _carry_out(order: Order, batch: Batch) -> None:
    if order.received is not None or order.abort:
        received = order.received or signal.SIGINT
        batch.interrupt(received)
        if order.abort:
            batch.interrupt(received)
    elif order.stop is not None:
        batch.halt(order.stop)


def _refusal(part: Part, code: Exit, sentence: str) -> End:
    return End(part.number, Outcome(code, sentence))


def _unlike(part: Part) -> str:
    return (
        f"the worker on {socket.gethostname()} has batch-onboard {tool_version()}, the "
        f"coordinator {part.tool}: install the same on both"
    )


_UNTOUCHED = Record()
