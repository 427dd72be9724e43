"""The coordinator: launches shards stage by stage, hears how they do, and stops them all.

What it hears decides only when to stop, and what goes next. How the run has ended is read from the
ledgers, which know what messages may have lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import anyio

from batch_onboard.app.outcome import Outcome
from batch_onboard.core.opening import Opening
from batch_onboard.core.wording import count
from batch_onboard.exits import Exit
from batch_onboard.fleet.books import Books
from batch_onboard.fleet.launches import Launches
from batch_onboard.fleet.port import Begun, End, EngineError, Held, Lost, Order, Report
from batch_onboard.fleet.stages import Canaries, Work, deal, waves

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable, Sequence

    from batch_onboard.app.happenings import Said
    from batch_onboard.app.settings import Settings
    from batch_onboard.core.shard import Shard
    from batch_onboard.core.targets import TargetKey
    from batch_onboard.engine.watching import Notice
    from batch_onboard.fleet.launches import Launch
    from batch_onboard.fleet.parts import Parts
    from batch_onboard.fleet.port import Engine, Heard, Over
    from batch_onboard.fleet.view import View

MOST_LOSSES = 20
"""Workers that may be lost with one shard in a stage: what kills more is the shard, it seems."""
_GRAVE = frozenset({Exit.USAGE, Exit.LEDGER, Exit.LOCKED})


class Audience(Protocol):
    """Those who are told what happens."""

    def tell(self, event: str, sentence: str) -> None:
        """Tell people something: the event, for programs, and a sentence."""
        ...

    def said(self, shard: Shard, said: Said) -> None:
        """Take a line of a shard's log."""
        ...

    def noticed(self, notice: Notice) -> None:
        """Take note of something that holds for many targets."""
        ...


class Coordinator:
    """Conducts one run.

    Attributes:
        books: what it has counted.
        waves_begun: how many waves have been.
        received: the first signal.
        too_bad: why failures have stopped it, in words.
        broken: what has ended it that is not about targets.
        out_of_time: its longest duration has.
        traces: of exceptions that nobody foresaw.
    """

    def __init__(
        self,
        parts: Parts,
        settings: Settings,
        view: View,
        *,
        audience: Audience,
        beat: float,
    ) -> None:
        """Prepare a run.

        Args:
            parts: makes parts.
            settings: what the operator asked for.
            view: takes in what there is to see.
            audience: is told.
            beat: seconds between two words to the workers.
        """
        self.books = Books(settings.tolerance, settings.limit)
        self.waves_begun = 0
        self.received: signal.Signals | None = None
        self.too_bad: str | None = None
        self.broken: Outcome | None = None
        self.out_of_time = False
        self.traces: list[str] = []
        self._parts = parts
        self._settings = settings
        self._view = view
        self._audience = audience
        self._beat = beat
        self._launches = Launches(parts, view.gone)
        self._untouched = set(parts.shards)
        self._bereft: set[Shard] = set()
        self._order = Order()
        self._changed = anyio.Event()
        self._engine: Engine | None = None

    async def conduct(self, engine: Engine, works: Sequence[Work]) -> None:
        """Have all targets worked through, stage by stage, until they are over or all is stopped.

        Args:
            engine: has the workers.
            works: the targets that calls are needed for.
        """
        self._engine = engine
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep_in_touch, engine)
            group.start_soon(self._watch_the_time)
            await self._stages(works, engine)
            group.cancel_scope.cancel()

    def interrupt(self, received: signal.Signals) -> bool:
        """Have all shards drain; the second time, not even that.

        Returns:
            Whether this was the first time.
        """
        first = self.received is None
        self.received = self.received or received
        stop = self._order.stop or Outcome(Exit.INTERRUPTED, "interrupted")
        self._tell_all(Order(stop, self.received, abort=not first))
        return first

    # Stages.

    async def _stages(self, works: Sequence[Work], engine: Engine) -> None:
        ordered = list(waves(works)) or [[]]
        first: set[TargetKey] = set()
        canaries = Canaries(ordered[0], self._settings.canary)
        while not self._stopping and (chosen := canaries.choose()):
            first.update(work.target.key for work in chosen)
            await self._work_through(chosen, engine)
            canaries.over(chosen, self.books.started)
        if first:
            self._judge(canary=True)
        for wave in ordered:
            self.waves_begun += 1
            rest = [work for work in wave if work.target.key not in first]
            await self._work_through(rest, engine)
            self._judge(canary=False)

    async def _work_through(self, works: Sequence[Work], engine: Engine) -> None:
        """Have targets worked through; those that a share of the limit has left, once more."""
        while (works or self._untouched) and not self._stopping:
            await self._launch_all(works, engine)
            await self._until_ended(engine)
            left = self.books.left
            # Whatever it began with: what the limit has left is what needs a Start.
            works = [Work(each.target, Opening.LOOK) for each in works if each.target.key in left]
            if not self.books.budget:
                return
            left.difference_update(work.target.key for work in works)

    async def _launch_all(self, works: Iterable[Work], engine: Engine) -> None:
        mine = self._parts.by_shard(works)
        wanted = {shard: sum(work.may_start for work in mine[shard]) for shard in mine}
        budget = self.books.budget
        shares = None if budget is None else deal(budget, wanted)
        for shard in self._parts.shards:
            if (shard in mine or shard in self._untouched) and not self._stopping:
                keys = frozenset(work.target.key for work in mine.get(shard, ()))
                share = None if shares is None else shares.get(shard, 0)
                self._untouched.discard(shard)
                await self._launches.begin(engine, shard, keys, share)

    async def _until_ended(self, engine: Engine) -> None:
        try:
            await self._launches.hear(engine, self._take)
        except EngineError as error:
            self.broken = Outcome(Exit.ERROR, str(error))
            self._order = Order(self.broken)

    def _judge(self, *, canary: bool) -> None:
        """Stop if what has ended so far is too bad for further targets to begin."""
        reason = None if self._stopping else self.books.at_gate(canary=canary)
        if reason is not None:
            self._stop_for(reason)

    # What is heard.

    async def _take(self, launch: Launch, heard: Heard, engine: Engine) -> None:
        match heard:
            case Begun():
                launch.begun = True
            case Held(sentence=sentence):
                self._held(launch, sentence)
            case Report():
                self._report(launch, heard)
            case End():
                await self._ended(launch, heard, engine)
            case Lost(why=why):
                self._launches.end(launch)
                await self._replace(launch, why, engine)

    def _held(self, launch: Launch, sentence: str) -> None:
        """Wait for a ledger that a worker may hold which was lost, or as long as is asked for."""
        now = anyio.current_time()
        if launch.begun:  # the engine has tried again by itself
            self._bereft.add(launch.shard)
        if launch.held_since is None:
            launch.held_since = now
            self._audience.tell("waiting", f"{launch.shard} waits for its ledger: {sentence}")
        waited = now - launch.held_since
        if launch.shard not in self._bereft and waited >= self._settings.lock_timeout:
            self._break(launch, Outcome(Exit.LOCKED, sentence))

    def _report(self, launch: Launch, report: Report) -> None:
        if report.picture is not None:
            self._view.see(report.number, launch.shard, report.picture)
        for said in report.said:
            self._audience.said(launch.shard, said)
        for notice in report.noticed:
            self._audience.noticed(notice)
        for sentence in report.notices:
            self._audience.tell("notice", sentence)
        for over in report.over:
            if over.key not in self.books.over:
                self._over(launch, over)

    def _over(self, launch: Launch, over: Over) -> None:
        if over.started and launch.share is not None:
            launch.share = max(0, launch.share - 1)
        reason = self.books.ended(over)
        if reason is not None and not self._stopping:
            self._stop_for(reason)

    async def _ended(self, launch: Launch, end: End, engine: Engine) -> None:
        if end.last is not None:
            self._report(launch, end.last)
        self._launches.end(launch)
        self.books.have_started(end.started)
        self.traces += end.traces
        if end.deserted:
            await self._replace(launch, end.outcome.reason, engine)
        elif end.outcome.exit_code in _GRAVE or not end.outcome.saved:
            self._break(launch, end.outcome)
        elif self.books.budget is not None and not self._stopping:
            self.books.left |= end.left

    async def _replace(self, launch: Launch, why: str, engine: Engine) -> None:
        """Have another worker go on with what is left of a part."""
        self._bereft.add(launch.shard)
        if self._stopping:
            return
        if launch.losses >= MOST_LOSSES:
            told = f"{launch.losses + 1} workers were lost with it, the last one so: {why}"
            self._break(launch, Outcome(Exit.ERROR, told))
            return
        self._audience.tell("worker_lost", f"{launch.shard} goes to another worker: {why}")
        only = launch.part.settings.only or frozenset()
        await self._launches.begin(
            engine, launch.shard, only - self.books.over, launch.share, launch.losses + 1
        )

    # Stopping.

    @property
    def _stopping(self) -> bool:
        return self._order.stop is not None

    def _stop_for(self, reason: str) -> None:
        self.too_bad = reason
        self._tell_all(Order(Outcome(Exit.STOPPED, f"stopped: {reason}")))

    def _break(self, launch: Launch, outcome: Outcome) -> None:
        """Stop for what is not about targets, and would meet other shards as well."""
        told = Outcome(
            outcome.exit_code, f"{launch.shard}: {outcome.reason}", outcome.lost, outcome.saved
        )
        self.broken = self.broken or told
        if not self._stopping:
            self._tell_all(Order(Outcome(told.exit_code, f"stopped: {told.reason}")))

    def _tell_all(self, order: Order) -> None:
        """Have this stand for all from now on; what no worker has begun is not begun any more."""
        self._order = order
        self._changed.set()
        idle = self._launches.let_idle_go()
        if self._engine is not None:
            self._engine.withdraw(idle)
        if order.abort:
            self._launches.hurry()

    async def _keep_in_touch(self, engine: Engine) -> None:
        """Tell all workers what is wanted, now and then and whenever that changes."""
        workers = -1
        while True:
            if engine.workers != workers:
                workers = engine.workers
                self._audience.tell("workers", f"{count(workers, 'worker')} at work")
            engine.order(self._order)
            self._changed = anyio.Event()
            with anyio.move_on_after(self._beat):
                await self._changed.wait()

    async def _watch_the_time(self) -> None:
        if self._settings.max_duration is not None:
            await anyio.sleep(self._settings.max_duration)
            self.out_of_time = True
            if not self._stopping:
                self._tell_all(Order(Outcome(Exit.WORK_LEFT, "--max-duration reached, work left")))
