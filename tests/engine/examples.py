"""Whole runs of the engine on virtual time, against the simulated world in memory."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio

from batch_onboard.core.course import Course
from batch_onboard.core.limiter import BucketLimiter
from batch_onboard.core.opening import Opening, opening
from batch_onboard.core.polling import PollPlan
from batch_onboard.core.ports import JournalError
from batch_onboard.core.record import Record
from batch_onboard.core.steps import Rules
from batch_onboard.core.targets import Api, Encryption, Identity, Target, TargetKey
from batch_onboard.engine.admission import Admission, unseen
from batch_onboard.engine.circuits import Circuits
from batch_onboard.engine.helm import Helm
from batch_onboard.engine.lanes import Lanes
from batch_onboard.engine.runner import Runner
from batch_onboard.engine.tally import Tally
from batch_onboard.simulator.memory import MemoryService
from batch_onboard.simulator.scenario import Scenario
from batch_onboard.simulator.world import World
from tests.virtual import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from batch_onboard.core.limiter import Limiter
    from batch_onboard.core.ports import Service
    from batch_onboard.core.record import Entry
    from batch_onboard.core.tolerance import Tolerance
    from batch_onboard.engine.watching import Happening, Notice

REGION = "eu-west-2"
KEY = "arn:aws:kms:eu-west-2:{account}:key/aaaa"
_NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def targets(number: int, *, accounts: int = 1, api: Api = Api.V1, **facts: Any) -> list[Target]:
    """Make targets `i-0`, `i-1` and so on, dealt out over accounts."""
    return [
        named(f"i-{i}", account=f"{i % accounts + 1:012}", api=api, **facts) for i in range(number)
    ]


def named(
    name: str, *, account: str = "000000000001", region: str = REGION, **facts: Any
) -> Target:
    """Make the target of one instance."""
    known: dict[str, object] = {
        "key": TargetKey(account, region, name),
        "api": Api.V1,
        "identity": Identity(role_arn=f"arn:aws:iam::{account}:role/Onboarder"),
        "encryption": Encryption(True, KEY.format(account=account), "KMS"),
    }
    return Target(**(known | facts))  # type: ignore[arg-type]  # a test names real fields


@dataclass
class MemoryJournal:
    """A journal whose disk is a list; it can be told to fail, or how long each write takes."""

    entries: list[Entry] = field(default_factory=list)
    fails_after: int | None = None
    write_times: Iterator[float] | None = None

    async def write(self, *entries: Entry) -> None:
        """Keep entries, after giving others their turn as a real journal would."""
        self.write_nowait(*entries)
        await anyio.sleep(0 if self.write_times is None else next(self.write_times, 0))

    def write_nowait(self, *entries: Entry) -> None:
        """Keep entries."""
        if self.fails_after is not None and len(self.entries) >= self.fails_after:
            raise JournalError("the disk is full", entries)
        self.entries += entries


@dataclass
class Witness:
    """Keeps what it is told."""

    happenings: list[Happening] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def happened(self, happening: Happening) -> None:
        """Keep it."""
        self.happenings.append(happening)

    def noticed(self, notice: Notice) -> None:
        """Keep it."""
        self.notices.append(notice)


class Stage:
    """A world, and the runs of the engine on it, one after the other, on one virtual clock."""

    def __init__(self, scenario: Mapping[str, object] | None = None) -> None:
        self.world = World(Scenario.model_validate(scenario or {}))
        self.journal = MemoryJournal()
        self.witness = Witness()
        self.records: dict[TargetKey, Record] = {}
        self.now = 0.0

    def run(
        self,
        what: Sequence[Target],
        *,
        rules: Rules | None = None,
        concurrency: int = 128,
        latency: float = 0.1,
        limiter: Callable[[], Limiter] = BucketLimiter,
        service: Callable[[MemoryService], Service] | None = None,
        during: Callable[[Runner], None] | None = None,
        drain_timeout: float = 20.0,
        tolerance: Tolerance | None = None,
        canary: int = 0,
        limit: int | None = None,
        max_duration: float | None = None,
        course: Callable[[Target, Record, Rules, PollPlan], Course] = Course,
        let_go: Callable[[Course], None] = unseen,
    ) -> Tally:
        """Run the engine over targets; `during` is called once the run has begun."""

        async def main() -> Tally:
            memory = MemoryService(self.world, latency=latency)
            plan = PollPlan()
            asked = rules or Rules()

            def begins(target: Target) -> Opening:
                return opening(target, self._record(target), asked)

            helm = self.helm = Helm(what, begins, tolerance=tolerance, canary=canary, limit=limit)
            states = [(it.key.domain, self._record(it).state) for it in what]
            tally = Tally(state for _, state in states)
            tally.select(
                len(what),
                [
                    state
                    for target, state in zip(what, states, strict=True)
                    if begins(target) is not Opening.NOTHING
                ],
            )
            self.lanes = Lanes(lambda _domain, _operation: limiter(), Circuits(lambda: 0.5))
            runner = Runner(
                service=service(memory) if service else memory,
                journal=self.journal,
                admission=Admission(
                    helm,
                    self.lanes,
                    tally,
                    lambda target: course(target, self._record(target), asked, plan),
                    let_go=let_go,
                ),
                plan=plan,
                watcher=self.witness,
                wall=lambda: _NOON + timedelta(seconds=anyio.current_time()),
                chance=random.Random(1).random,
                concurrency=concurrency,
                drain_timeout=drain_timeout,
                max_duration=max_duration,
            )
            self.runner = runner
            broken: JournalError | None = None
            async with anyio.create_task_group() as group:
                if during is not None:
                    group.start_soon(self._call, during, runner)
                try:
                    await runner.run()
                except JournalError as error:
                    broken = error
            self.now = anyio.current_time()
            if broken is not None:
                raise broken
            return tally

        return run_virtual(main, start=self.now)

    async def _call(self, during: Callable[[Runner], object], runner: Runner) -> None:
        result = during(runner)
        if result is not None:
            await result  # type: ignore[misc]  # a coroutine function was given

    def _record(self, target: Target) -> Record:
        return self.records.setdefault(target.key, Record())

    def states(self) -> dict[str, str]:
        """Return the state of each target, by the name of its instance."""
        return {key.instance_id: record.state.value for key, record in self.records.items()}
