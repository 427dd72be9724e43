"""What passes between the coordinator and its shards, and what it needs of an engine for that.

All values are frozen and can be pickled, so that an engine may carry them to other machines. An
engine conforms to `Engine` by shape; `docs/fleet.md` says what another one takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from batch_onboard.app.happenings import Said
    from batch_onboard.app.ledgers import Place
    from batch_onboard.app.outcome import Outcome
    from batch_onboard.app.settings import Settings
    from batch_onboard.core.lifecycle import State
    from batch_onboard.core.picture import Picture
    from batch_onboard.core.targets import TargetKey
    from batch_onboard.engine.watching import Notice
    from batch_onboard.manifest.load import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One launch of a shard: a run like any other, in whatever process the engine finds for it.

    Attributes:
        number: counts the launches of a run. What a worker that was given up tells later has a
            number that nobody waits for any more.
        run: the id of the coordinator's run.
        tool: the coordinator's version of batch-onboard, which the worker's has to be.
        manifest: with the shard's targets alone.
        ledger: the shard's.
        settings: those of a run, with the shard, the targets to be worked through, and the
            shard's share of the limit; without gates, which are the coordinator's.
        attempts: Starts that had been sent for those targets when the coordinator's run began;
            targets without any are left out.
        least: the level of `logging` from which on lines are told.
        silence: seconds without a word of the coordinator after which the shard drains and ends.
        every: seconds between two reports.
    """

    number: int
    run: str
    tool: str
    manifest: Manifest
    ledger: Place
    settings: Settings
    attempts: Mapping[TargetKey, int]
    least: int
    silence: float
    every: float = 1.0


class Over(NamedTuple):
    """A target that is over for this run, with what tells whether that is a failure.

    Attributes:
        started: a Start was sent for it in this run.
        spared: it was given up because of what others had met.
    """

    key: TargetKey
    state: State
    failure_code: str | None
    error_code: str | None
    started: bool
    spared: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """A part holds its ledger.

    Attributes:
        where: the machine and the process.
    """

    number: int
    where: str


@dataclass(frozen=True, slots=True)
class Held:
    """A part waits for its ledger, which another run holds.

    Attributes:
        sentence: says which, and whose it is.
    """

    number: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Report:
    """How a part stands, and what is new since its last report.

    Attributes:
        picture: how it stands; None if it has not begun.
        over: targets that are over.
        said: lines of its log.
        noticed: what holds for many targets.
        notices: sentences of what was done otherwise than asked for.
    """

    number: int
    picture: Picture | None
    over: tuple[Over, ...] = ()
    said: tuple[Said, ...] = ()
    noticed: tuple[Notice, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class End:
    """A part has ended by itself.

    Attributes:
        outcome: how; its bugs are in `traces`.
        last: what is new since its last report.
        started: targets that were started in this run, by this launch of the shard or one before.
        left: targets that are not over.
        traces: of exceptions that nobody foresaw, for the one who mends them.
        deserted: it has drained because it did not hear of the coordinator.
    """

    number: int
    outcome: Outcome
    last: Report | None = None
    started: frozenset[TargetKey] = frozenset()
    left: frozenset[TargetKey] = frozenset()
    traces: tuple[str, ...] = ()
    deserted: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """The engine has lost the worker that had a part, or has given it up; it may live on unseen.

    Attributes:
        why: in the engine's words.
    """

    number: int
    why: str


Message: TypeAlias = Begun | Held | Report
"""What a part tells while it lasts."""
Heard: TypeAlias = Begun | Held | Report | End | Lost
"""What the coordinator hears."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the coordinator wants of all its parts, until it says otherwise.

    It is said again and again, so that one that is lost, or comes before its part has begun, does
    no harm; and so that parts know that they have a coordinator.

    Attributes:
        stop: how parts end that are to stop now; None: they go on.
        received: the signal that is the reason.
        abort: not even calls under way may finish.
    """

    stop: Outcome | None = None
    received: signal.Signals | None = None
    abort: bool = False


class Engine(Protocol):
    """Finds workers for parts, carries messages, and tells of workers that it has lost.

    A part is given to one worker after the other until one ends it or is lost: the engine tries
    none again by itself, since the coordinator knows what of it is left to do.
    """

    @property
    def workers(self) -> int:
        """How many workers there are now."""
        ...

    async def launch(self, part: Part) -> None:
        """Have a part begun by a worker as soon as one has room, and return at once."""
        ...

    def withdraw(self, numbers: frozenset[int]) -> None:
        """Have parts not begun that no worker has begun; of others this has no effect."""
        ...

    def order(self, order: Order) -> None:
        """Have all workers told what the coordinator wants, as far as they can be reached."""
        ...

    async def hear(self) -> Heard:
        """Wait for what comes next: what parts tell, each in its order, and `Lost`.

        Raises:
            EngineError: no part will be heard of any more.
        """
        ...


OpenEngine: TypeAlias = "Callable[[str], AbstractAsyncContextManager[Engine]]"
"""Opens an engine for the run of an id; at the end it lets its workers go."""


class EngineError(Exception):
    """There are no workers, or no longer. `str()` says why, and what to do."""
