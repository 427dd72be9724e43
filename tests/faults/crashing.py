"""Runs of the engine on virtual time that are cut off between any two steps of the event loop.

What a killed process leaves is what had left it: the entries on disk, the requests on their way,
and the world that had received some of them. So nothing need be killed: before each step of the
loop all of that is looked at, and copied where it has changed. Each copy is a wreck from which a
fresh engine goes on, over the same world, while the requests that were on their way still land.
"""

from __future__ import annotations

import asyncio
import copy
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVarTuple

import anyio

from batch_onboard.core.calls import Operation
from batch_onboard.core.course import Course
from batch_onboard.core.lifecycle import State
from batch_onboard.core.limiter import BucketLimiter
from batch_onboard.core.opening import Opening, opening
from batch_onboard.core.polling import PollPlan
from batch_onboard.core.record import Record
from batch_onboard.core.steps import Rules
from batch_onboard.engine.admission import Admission
from batch_onboard.engine.circuits import Circuits
from batch_onboard.engine.helm import Helm
from batch_onboard.engine.lanes import Lanes
from batch_onboard.engine.runner import Runner
from batch_onboard.engine.tally import Tally
from tests.engine.examples import Witness
from tests.faults.outside import LATEST, Mail, Outside, land_in_time
from tests.virtual import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextvars import Context

    from batch_onboard.core.record import Entry
    from batch_onboard.core.targets import Target, TargetKey

Ts = TypeVarTuple("Ts")

_NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_FSYNC = 0.01
_RULES = Rules()
SETTLED = frozenset({State.SUCCEEDED, State.ALREADY_ONBOARDED, State.DRIFTED})


def wall(now: float) -> datetime:
    """Return the time for people at a moment of virtual time."""
    return _NOON + timedelta(seconds=now)


@dataclass(slots=True)
class Disk:
    """A journal of which it is known what a power cut would leave.

    Attributes:
        entries: what was handed over, in order.
        groups: how many entries had been, at the end of each write.
        durable: how many entries have been synced.
    """

    entries: list[Entry] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    durable: int = 0

    async def write(self, *entries: Entry) -> None:
        """Return once the entries are durable."""
        self.entries += entries
        mark = len(self.entries)
        self.groups.append(mark)
        await anyio.sleep(_FSYNC)
        self.durable = max(self.durable, mark)

    def write_nowait(self, *entries: Entry) -> None:
        """Hand entries over."""
        self.entries += entries


@dataclass(frozen=True, slots=True)
class Wreck:
    """What a process leaves that is killed before one step of its loop.

    Attributes:
        step: the step.
        now: when, in virtual seconds.
        entries: all that was handed to the disk.
        durable: how many of these a power cut would leave at least.
        outside: the world, and what is on its way to it.
    """

    step: int
    now: float
    entries: tuple[Entry, ...]
    durable: int
    outside: Outside


@dataclass
class Recorder:
    """The recorder that looks before each step, and keeps a wreck wherever something has changed.

    Attributes:
        steps: steps of the loop so far.
        wrecks: one for each state that a kill can leave.
    """

    outside: Outside
    disk: Disk
    wanted: Callable[[int], bool] = lambda _number: True
    steps: int = 0
    changes: int = 0
    wrecks: list[Wreck] = field(default_factory=list)
    _last: object = None

    def look(self, now: float) -> None:
        """Look before a step."""
        self.steps += 1
        beyond = (
            self.outside.arrived,
            len(self.outside.on_way),
            self.outside.world.seen.requests.total(),
        )
        state = (len(self.disk.entries), self.disk.durable, *beyond)
        if state == self._last:
            return
        self._last = state
        self.changes += 1
        if self.wanted(self.changes):
            entries = tuple(self.disk.entries)
            outside = copy.deepcopy(self.outside)
            self.wrecks.append(Wreck(self.steps, now, entries, self.disk.durable, outside))


class _SteppedLoop(VirtualLoop):
    """A loop on virtual time that calls back before each of its steps."""

    def __init__(self, start: float, before: Callable[[float], None]) -> None:
        self._before = before
        super().__init__(start)

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Arrange for a step."""

        def step() -> None:
            self._before(self.time())
            callback(*args)

        return super().call_soon(step, context=context)


@dataclass(frozen=True, slots=True)
class Plan:
    """How the engine is run.

    Attributes:
        latency: draws the seconds of one way of a call.
    """

    targets: tuple[Target, ...]
    rules: Rules = _RULES
    concurrency: int = 128
    latency: Callable[[], float] = lambda: 0.05
    seed: int = 1
    pace: float = 50.0


def play(
    plan: Plan,
    outside: Outside,
    disk: Disk,
    records: dict[TargetKey, Record],
    *,
    now: float,
    recorder: Recorder | None = None,
) -> float:
    """Run the engine once, to its end, and return when that is, in virtual seconds."""
    outside.land_before(now)
    look = recorder.look if recorder is not None else None
    made = _SteppedLoop(now, look) if look is not None else VirtualLoop(now)
    with asyncio.Runner(loop_factory=lambda: made) as runner:
        return runner.run(_work(plan, outside, disk, records))


async def _work(
    plan: Plan, outside: Outside, disk: Disk, records: dict[TargetKey, Record]
) -> float:
    for flight in outside.on_way:
        land_in_time(outside, flight)
    polls = PollPlan()
    chance = random.Random(plan.seed)

    def known(target: Target) -> Record:
        return records.setdefault(target.key, Record())

    def begins(target: Target) -> Opening:
        return opening(target, known(target), plan.rules)

    tally = Tally(known(target).state for target in plan.targets)
    left = [each for each in plan.targets if begins(each) is not Opening.NOTHING]
    tally.select(len(plan.targets), [(each.key.domain, known(each).state) for each in left])
    runner = Runner(
        service=Mail(outside, plan.latency),
        journal=disk,
        admission=Admission(
            Helm(plan.targets, begins),
            Lanes(
                lambda _domain, _operation: BucketLimiter(plan.pace, plan.pace),
                Circuits(chance.random),
            ),
            tally,
            lambda target: Course(target, known(target), plan.rules, polls),
        ),
        plan=polls,
        watcher=Witness(),
        wall=lambda: wall(anyio.current_time()),
        chance=chance.random,
        concurrency=plan.concurrency,
    )
    await runner.run()
    return anyio.current_time()


def remembered(entries: Iterable[Entry]) -> dict[TargetKey, Record]:
    """Return the records that entries add up to, as an opened ledger would."""
    records: dict[TargetKey, Record] = {}
    for entry in entries:
        records.setdefault(entry.key, Record()).apply(entry)
    return records


def survivals(wreck: Wreck) -> Iterator[int]:
    """Yield how many entries may be left: after a kill all, after a power cut the synced ones."""
    yield len(wreck.entries)
    if wreck.durable < len(wreck.entries):
        yield wreck.durable


def fates(outside: Outside) -> Iterator[Outside]:
    """Yield what may become of the requests on their way: they land, are lost, or are very late."""
    yield copy.deepcopy(outside)
    if outside.on_way:
        lost = copy.deepcopy(outside)
        lost.on_way.clear()
        yield lost
        late = copy.deepcopy(outside)
        late.on_way = [replace(each, lands_at=each.sent_at + LATEST) for each in late.on_way]
        yield late


def resume(
    plan: Plan, outside: Outside, entries: Sequence[Entry], *, now: float, runs: int = 4
) -> dict[TargetKey, Record]:
    """Go on from what a wreck has left, as an operator would: again until all is settled.

    Returns:
        The records at the end. Those that the ledger's entries add up to are the same.
    """
    disk = Disk(list(entries), durable=len(entries))
    records = remembered(disk.entries)
    for _ in range(runs):
        now = play(plan, outside, disk, records, now=now) + 120.0
        check(plan, outside, disk.entries)
        assert remembered(disk.entries) == records
        if all(record.state in SETTLED for record in records.values()):
            break
    return records


def check(plan: Plan, outside: Outside, entries: Iterable[Entry]) -> None:
    """Check what holds at every moment: no double Start, and none that was not written before."""
    seen = outside.world.seen
    assert seen.double_starts == 0
    intended: dict[TargetKey, int] = {}
    for entry in entries:
        intended[entry.key] = intended.get(entry.key, 0) + (entry.event == "intended")
    for target in plan.targets:
        if (told := seen.targets.get(target.key)) is not None:
            on_way = sum(
                each.call.key == target.key and each.call.operation is Operation.START
                for each in outside.on_way
            )
            assert told.starts_received + on_way <= intended.get(target.key, 0)
