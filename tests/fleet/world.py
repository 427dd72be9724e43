"""A world of made-up targets, shards that work in it without any call, and an engine for them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio

from batch_onboard.app.outcome import Outcome
from batch_onboard.app.settings import Settings
from batch_onboard.core.forecast import Forecast
from batch_onboard.core.lifecycle import State
from batch_onboard.core.opening import Opening
from batch_onboard.core.picture import Outlook, Picture
from batch_onboard.exits import Exit
from batch_onboard.fleet.coordinator import Coordinator
from batch_onboard.fleet.home import Home
from batch_onboard.fleet.parts import Parts
from batch_onboard.fleet.port import Begun, End, Heard, Lost, Message, Order, Over, Part, Report
from batch_onboard.fleet.stages import Work
from batch_onboard.fleet.view import View
from tests.app.examples import history, manifest, target
from tests.virtual import run_virtual

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from batch_onboard.app.happenings import Said
    from batch_onboard.core.shard import Shard
    from batch_onboard.core.targets import Target, TargetKey
    from batch_onboard.engine.watching import Notice

OK = Outcome(Exit.OK, "done")

Tell: TypeAlias = "Callable[[Message], None]"
Standing: TypeAlias = "Callable[[], Order]"


def targets(number: int, accounts: int = 8, *, wave: int = 1, name: str = "i") -> list[Target]:
    """Make targets of several accounts, and so of several shards."""
    return [
        target(f"{name}-{each}", account=f"{each % accounts + 1:012}", wave=wave)
        for each in range(number)
    ]


@dataclass
class World:
    """What becomes of targets, and what shards have done.

    Attributes:
        bad: names whose jobs fail.
        there: names that are onboarded already.
        seconds: how long one target takes.
        starts: how often each target was started.
        launched: the targets of each launch, by the shard's index.
        done: how each target ended.
    """

    bad: frozenset[str] = frozenset()
    there: frozenset[str] = frozenset()
    seconds: float = 1.0
    starts: Counter[TargetKey] = field(default_factory=Counter)
    launched: list[tuple[int, frozenset[str]]] = field(default_factory=list)
    done: dict[TargetKey, State] = field(default_factory=dict)

    async def do(self, part: Part, tell: Tell, order: Standing) -> End:
        """Do a part as a real shard would, one target after the other."""
        settings = part.settings
        keys = settings.only or frozenset()
        assert settings.shard is not None
        self.launched.append((settings.shard.index, frozenset(key.instance_id for key in keys)))
        tell(Begun(part.number, "here"))
        started = {key for key in keys if self.starts[key] > part.attempts.get(key, 0)}
        budget = math.inf if settings.limit is None else settings.limit - len(started)
        seen: set[TargetKey] = set()
        for key in sorted(keys):
            await anyio.sleep(self.seconds)
            if (stop := order().stop) is not None:
                return End(
                    part.number, stop, started=frozenset(started), left=frozenset(keys - seen)
                )
            if key not in self.done and key.instance_id not in self.there:
                if budget <= 0:
                    continue
                budget -= 1
                self.starts[key] += 1
                started.add(key)
            seen.add(key)
            tell(Report(part.number, picture(self.seconds), (self._end(key, key in started),)))
        left = frozenset(keys - seen)
        return End(part.number, OK, started=frozenset(started), left=left)

    def _end(self, key: TargetKey, started: bool) -> Over:
        name = key.instance_id
        state = State.FAILED if name in self.bad else State.SUCCEEDED
        self.done[key] = State.ALREADY_ONBOARDED if name in self.there else state
        code = "KMS_KEY_NOT_FOUND" if name in self.bad else None
        return Over(key, self.done[key], code, None, started)


def picture(elapsed: float = 0.0) -> Picture:
    """Make a picture of a shard."""
    return Picture(elapsed, {}, 0, 0, 0, 0, 1, 1, 1, 0, 1.0, 0, Outlook(Forecast(1.0, 2.0)))


class Losing:
    """An engine in memory that loses workers as it is told to.

    Attributes:
        workers: how many there seem to be.
        lost: the numbers of the parts whose worker is lost after some seconds.
        idle: the numbers of parts that no worker ever begins.
        order_now: the order that stands.
    """

    workers = 2

    def __init__(
        self,
        do: Callable[..., Awaitable[End]],
        *,
        lost: dict[int, float] | None = None,
        idle: frozenset[int] = frozenset(),
    ) -> None:
        self.lost = lost or {}
        self.idle = idle
        self.order_now = Order()
        self.orders: list[Order] = []
        self.withdrawn: set[int] = set()
        self._do = do
        self._send, self._receive = anyio.create_memory_object_stream[Heard](math.inf)
        self.group: anyio.abc.TaskGroup | None = None

    async def launch(self, part: Part) -> None:
        assert self.group is not None
        if part.number not in self.idle:
            self.group.start_soon(self._carry_out, part)

    def withdraw(self, numbers: frozenset[int]) -> None:
        self.withdrawn |= numbers

    def order(self, order: Order) -> None:
        self.order_now = order
        self.orders.append(order)

    async def hear(self) -> Heard:
        return await self._receive.receive()

    def tell(self, heard: Heard) -> None:
        """Have the coordinator hear something."""
        self._send.send_nowait(heard)

    async def _carry_out(self, part: Part) -> None:
        with anyio.move_on_after(self.lost.get(part.number, math.inf)):
            self.tell(await self._do(part, self.tell, lambda: self.order_now))
            return
        self.tell(Lost(part.number, "killed"))

    def close(self) -> None:
        """Close what would warn of not being closed."""
        self._send.close()
        self._receive.close()


class Told:
    """What a coordinator has told, in words; conforms to its `Audience`."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.logged: list[tuple[int, str]] = []
        self.scopes: list[str] = []

    def tell(self, event: str, sentence: str) -> None:
        self.words.append(f"{event}: {sentence}")

    def said(self, shard: Shard, said: Said) -> None:
        self.logged.append((shard.index, said.event))

    def noticed(self, notice: Notice) -> None:
        self.scopes.append(notice.scope)


def conduct(
    engine: Callable[[], Losing],
    all_targets: Sequence[Target],
    settings: Settings | None = None,
    *,
    shards: int = 4,
    meanwhile: Callable[[Coordinator, Losing], Coroutine[Any, Any, None]] | None = None,
    told: Told | None = None,
) -> Coordinator:
    """Conduct a run on virtual time, and return the coordinator after it."""
    settings = settings or Settings()
    told = told or Told()
    home = Home(Path("/ledgers"), "wave", shards, created=True)
    parts = Parts(
        manifest(*all_targets), home, settings, history(), run="r1", least=30, silence=60.0
    )
    view = View({}, len(all_targets), lambda: 0, Forecast)
    coordinator = Coordinator(
        parts,
        settings,
        view,
        audience=told,
        beat=5.0,
    )
    works = [Work(each, Opening.LOOK) for each in all_targets]

    async def main() -> None:
        made = engine()
        async with anyio.create_task_group() as group:
            made.group = group
            if meanwhile is not None:
                group.start_soon(meanwhile, coordinator, made)
            await coordinator.conduct(made, works)
            group.cancel_scope.cancel()
        made.close()

    run_virtual(main)
    return coordinator


def ended(part: Part, order: Standing) -> End:
    """Return how a part ends that was stopped."""
    stop = order().stop
    assert stop is not None
    return End(part.number, stop)


async def until_stopped(part: Part, order: Standing) -> End:
    """Do nothing until all is stopped."""
    while order().stop is None:  # noqa: ASYNC110 - as a real shard does
        await anyio.sleep(1)
    return ended(part, order)
