from __future__ import annotations

import signal
from collections import Counter
from typing import TYPE_CHECKING, Never

import anyio
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from batch_onboard.app.happenings import Said
from batch_onboard.app.outcome import Outcome
from batch_onboard.app.settings import Settings
from batch_onboard.core.tolerance import Tolerance
from batch_onboard.exits import Exit
from batch_onboard.fleet.coordinator import MOST_LOSSES, Coordinator
from batch_onboard.fleet.port import Begun, End, EngineError, Held, Order, Report
from tests.fleet.world import OK, Losing, Told, World, conduct, ended, targets, until_stopped

if TYPE_CHECKING:
    from batch_onboard.fleet.port import Part
    from tests.fleet.world import Standing, Tell


def test_every_target_is_worked_through_once_and_every_shard_is_launched() -> None:
    """Also a shard to which nothing falls gets a ledger, so that it is not missing."""
    world = World()
    whole = targets(6, accounts=2)
    coordinator = conduct(lambda: Losing(world.do), whole, shards=8)
    assert coordinator.books.over == {each.key for each in whole}
    assert sorted(index for index, _ in world.launched) == list(range(8))
    assert set(world.starts.values()) == {1}


def test_a_lost_worker_s_shard_goes_on_with_what_is_not_over() -> None:
    """The next launch has neither what was told to be over, nor more of the limit than is left."""
    world, told = World(), Told()
    whole = targets(8, accounts=1)
    coordinator = conduct(
        lambda: Losing(world.do, lost={1: 3.5}), whole, Settings(limit=6), shards=1, told=told
    )
    first, second = world.launched
    assert len(first[1]) == 8
    assert len(second[1]) == 5
    assert sum(world.starts.values()) == 6
    assert len(coordinator.books.left) == 2
    assert "worker_lost: shard 0 of 1 goes to another worker: killed" in told.words


def test_what_was_started_and_not_told_counts_against_the_limit_of_the_next_worker() -> None:
    """A worker that dies between a Start and its report does not lead to one too many."""
    world = World()

    async def dumb(part: Part, tell: Tell, order: Standing) -> End:
        return await world.do(part, tell if part.number > 1 else _begun_only(tell), order)

    conduct(
        lambda: Losing(dumb, lost={1: 3.5}), targets(8, accounts=1), Settings(limit=5), shards=1
    )
    assert sum(world.starts.values()) == 5
    assert set(world.starts.values()) == {1}


def _begun_only(tell: Tell) -> Tell:
    return lambda message: tell(message) if isinstance(message, Begun) else None


def test_a_shard_that_kills_every_worker_is_given_up() -> None:
    """It would go on for ever; the run ends and says so."""
    coordinator = conduct(
        lambda: Losing(World().do, lost=dict.fromkeys(range(1, 50), 0.5)),
        targets(2, accounts=1),
        shards=1,
    )
    assert coordinator.broken is not None
    assert coordinator.broken.exit_code is Exit.ERROR
    assert f"{MOST_LOSSES + 1} workers were lost" in coordinator.broken.reason


@given(
    number=st.integers(1, 30),
    accounts=st.integers(1, 9),
    shards=st.integers(1, 6),
    limit=st.integers(1, 30),
    there=st.sets(st.integers(0, 29)),
    lost=st.dictionaries(st.integers(1, 8), st.floats(0.1, 9.0), max_size=3),
)
@hypothesis_settings(deadline=None, max_examples=60)
def test_a_limit_is_kept_to_the_last_target(
    number: int,
    accounts: int,
    shards: int,
    limit: int,
    there: set[int],
    lost: dict[int, float],
) -> None:
    """Whatever is lost: as many are started as the limit allows or as need it, none of them twice."""
    world = World(there=frozenset(f"i-{each}" for each in there))
    whole = targets(number, accounts)
    coordinator = conduct(
        lambda: Losing(world.do, lost=lost), whole, Settings(limit=limit), shards=shards
    )
    need = sum(each.key.instance_id not in world.there for each in whole)
    assert sum(world.starts.values()) == min(limit, need)
    assert set(world.starts.values()) <= {1}
    assert len(coordinator.books.left) == need - min(limit, need)


def test_a_limit_of_the_batch_stops_what_comes_in_later_waves() -> None:
    """Wave 2 is launched for what runs already, and is left where it needs a Start."""
    world = World()
    whole = [*targets(4, wave=1), *targets(4, wave=2, name="late")]
    coordinator = conduct(lambda: Losing(world.do), whole, Settings(limit=5))
    assert sum(world.starts.values()) == 5
    assert {key.instance_id[:1] for key in coordinator.books.left} == {"l"}
    assert len(coordinator.books.left) == 3


def test_waves_follow_each_other_over_all_shards() -> None:
    """No target of wave 2 is begun before all of wave 1 are over."""
    world = World()
    whole = [*targets(6, wave=2, name="late"), *targets(6, wave=1)]
    conduct(lambda: Losing(world.do), whole)
    order = [next(iter(names))[:1] for _, names in world.launched if names]
    assert order == sorted(order)  # i, then l
    assert "l" in order


def test_a_wave_that_went_ill_is_the_last() -> None:
    """The gate between waves judges the whole batch, not each shard."""
    world = World(bad=frozenset({"i-0", "i-1", "i-2"}))
    whole = [*targets(8, wave=1), *targets(4, wave=2, name="late")]
    tolerance = Tolerance(percent=25.0, min_sample=100)
    coordinator = conduct(lambda: Losing(world.do), whole, Settings(tolerance=tolerance))
    assert coordinator.too_bad == "3 targets failed of 8 that ended, more than --max-failures 25%"
    assert len(world.starts) == 8


@pytest.mark.parametrize(
    ("bad", "too_bad"), [((), None), (("i-0",), "the canary: 1 target failed")]
)
def test_a_canary_is_of_different_accounts_and_decides(
    bad: tuple[str, ...], too_bad: str | None
) -> None:
    """Two of all shards go first; what needs no Start is replaced by another."""
    world = World(bad=frozenset(bad), there=frozenset({"i-1"}))
    coordinator = conduct(lambda: Losing(world.do), targets(12, accounts=6), Settings(canary=2))
    chosen = [names for _, names in world.launched if names][:3]
    assert frozenset.union(*chosen) == {"i-0", "i-1", "i-2"}
    assert coordinator.too_bad == too_bad
    assert sum(world.starts.values()) == (2 if bad else 11)


def test_failures_of_all_shards_count_together() -> None:
    """More than --max-failures in the batch stop every shard, though no shard has so many."""
    world = World(bad=frozenset(f"i-{each}" for each in range(20)))
    tolerance = Tolerance(number=3, same_cause=None)
    made: list[Losing] = []

    def engine() -> Losing:
        made.append(Losing(world.do))
        return made[0]

    coordinator = conduct(engine, targets(40, accounts=20), Settings(tolerance=tolerance))
    assert coordinator.too_bad == "4 targets failed, more than --max-failures 3"
    assert len(world.starts) < 12
    assert made[0].orders[-1].stop == Outcome(Exit.STOPPED, f"stopped: {coordinator.too_bad}")


def test_the_same_cause_in_many_accounts_stops_all() -> None:
    """One mistake is told as such, wherever its accounts are."""
    world = World(bad=frozenset(f"i-{each}" for each in range(40)))
    coordinator = conduct(lambda: Losing(world.do), targets(40, accounts=20), shards=8)
    assert coordinator.too_bad is not None
    assert "KMS_KEY_NOT_FOUND has stopped targets in 10 accounts" in coordinator.too_bad


def test_a_signal_drains_what_has_begun_and_withdraws_the_rest() -> None:
    """Shards that no worker has begun are not waited for."""
    world = World()
    made: list[Losing] = []

    def engine() -> Losing:
        made.append(Losing(world.do, idle=frozenset({1, 2})))
        return made[0]

    async def interrupt(coordinator: Coordinator, _: Losing) -> None:
        await anyio.sleep(2.5)
        assert coordinator.interrupt(signal.SIGTERM)

    coordinator = conduct(engine, targets(40, accounts=20), meanwhile=interrupt)
    assert coordinator.received is signal.SIGTERM
    assert made[0].withdrawn == {1, 2}
    assert made[0].order_now.received is signal.SIGTERM
    assert 2 <= sum(world.starts.values()) <= 6


def test_nothing_is_begun_after_a_signal_that_comes_first() -> None:
    """A signal during the start of workers ends the run when they are there."""
    world = World()

    def engine() -> Losing:
        return Losing(world.do)

    async def early(coordinator: Coordinator, _: Losing) -> None:
        coordinator.interrupt(signal.SIGINT)

    conduct(engine, targets(4), meanwhile=early)
    assert not world.starts


def test_the_second_signal_waits_for_nobody_for_long() -> None:
    """A worker that does not answer holds the coordinator up for seconds, not for ever."""

    async def deaf(part: Part, tell: Tell, order: Standing) -> End:
        del order
        tell(Begun(part.number, "here"))
        await anyio.sleep_forever()
        return End(part.number, OK)

    aborted: list[bool] = []

    async def interrupt(coordinator: Coordinator, engine: Losing) -> None:
        await anyio.sleep(10)
        assert coordinator.interrupt(signal.SIGINT)
        await anyio.sleep(10)
        aborted.append(engine.order_now.abort)
        assert not coordinator.interrupt(signal.SIGINT)
        await anyio.sleep(1)
        aborted.append(engine.order_now.abort)

    conduct(lambda: Losing(deaf), targets(4), meanwhile=interrupt)
    assert aborted == [False, True]


def test_the_longest_duration_stops_all_shards() -> None:
    """It counts from the run's begin, over all stages."""
    world = World()
    coordinator = conduct(lambda: Losing(world.do), targets(40), Settings(max_duration=3.5))
    assert coordinator.out_of_time
    assert sum(world.starts.values()) <= 16


@pytest.mark.parametrize(("patience", "waited"), [(0.0, 1), (3.0, 4)])
def test_a_ledger_that_another_run_holds_ends_the_run(patience: float, waited: int) -> None:
    """As in one process: at once, or after --lock-timeout."""
    asked: Counter[int] = Counter()

    async def locked(part: Part, tell: Tell, order: Standing) -> End:
        while order().stop is None:
            asked[part.number] += 1
            tell(Held(part.number, "held by pid 7"))
            await anyio.sleep(1)
        return ended(part, order)

    coordinator = conduct(
        lambda: Losing(locked), targets(1), Settings(lock_timeout=patience), shards=1
    )
    assert coordinator.broken == Outcome(Exit.LOCKED, "shard 0 of 1: held by pid 7")
    assert asked[1] == waited


def test_a_ledger_that_a_lost_worker_holds_is_waited_for() -> None:
    """A frozen worker has its lock until it wakes or dies; no second one goes on before."""
    world, told = World(), Told()

    async def frozen(part: Part, tell: Tell, order: Standing) -> End:
        if part.number == 1:
            tell(Begun(1, "here"))
            await anyio.sleep_forever()
        for _ in range(50 if part.number == 2 else 0):
            tell(Held(part.number, "held by pid 7"))
            await anyio.sleep(1)
        return await world.do(part, tell, order)

    coordinator = conduct(
        lambda: Losing(frozen, lost={1: 30.0}), targets(3, accounts=1), shards=1, told=told
    )
    assert coordinator.broken is None
    assert len(coordinator.books.over) == 3
    assert told.words.count("waiting: shard 0 of 1 waits for its ledger: held by pid 7") == 1


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(Exit.LEDGER, "no space left"),
        Outcome(Exit.USAGE, "another version"),
        Outcome(Exit.LOCKED, "taken over", saved=False),
    ],
)
def test_what_would_meet_all_shards_ends_the_run(outcome: Outcome) -> None:
    """A full disk, a wrong version, a ledger that was taken: the others drain, and it is told whose."""

    async def broken(part: Part, tell: Tell, order: Standing) -> End:
        tell(Begun(part.number, "here"))
        if part.number == 2:
            return End(part.number, outcome)
        return await until_stopped(part, order)

    coordinator = conduct(lambda: Losing(broken), targets(8))
    assert coordinator.broken is not None
    assert coordinator.broken.exit_code is outcome.exit_code
    assert coordinator.broken.reason == f"shard 1 of 4: {outcome.reason}"
    assert coordinator.broken.saved is outcome.saved


def test_a_bug_in_one_shard_costs_the_others_nothing() -> None:
    """Its trace is kept, and all others are worked through."""
    world = World()

    async def buggy(part: Part, tell: Tell, order: Standing) -> End:
        if part.number == 1:
            return End(1, Outcome(Exit.ERROR, "x"), traces=("Traceback\nValueError: x\n",))
        return await world.do(part, tell, order)

    coordinator = conduct(lambda: Losing(buggy), targets(16, accounts=16))
    assert coordinator.traces == ["Traceback\nValueError: x\n"]
    assert coordinator.broken is None
    assert len(world.launched) == 3


def test_a_shard_that_felt_deserted_is_launched_again() -> None:
    """Where the coordinator was only slow, nothing is left undone."""
    world = World()

    async def deserted(part: Part, tell: Tell, order: Standing) -> End:
        if part.number == 1:
            tell(Begun(1, "here"))
            return End(1, Outcome(Exit.WORK_LEFT, "silence"), deserted=True)
        return await world.do(part, tell, order)

    coordinator = conduct(lambda: Losing(deserted), targets(8), shards=2)
    assert len(coordinator.books.over) == 8


def test_a_scheduler_that_is_gone_ends_the_run() -> None:
    """It can't be known what workers do from then on; the ledgers are what is left."""

    class Broken(Losing):
        async def hear(self) -> Never:
            await anyio.sleep(1)
            raise EngineError("the scheduler is gone")

    coordinator = conduct(lambda: Broken(World(seconds=100).do), targets(8))
    assert coordinator.broken == Outcome(Exit.ERROR, "the scheduler is gone")


def test_workers_are_told_of_again_and_again_and_late_ones_are_not_heard() -> None:
    """Every few seconds the standing order is repeated; what a given-up part tells is dropped."""
    world, told = World(), Told()
    made: list[Losing] = []

    def engine() -> Losing:
        made.append(Losing(world.do))
        return made[0]

    async def late(_: Coordinator, engine: Losing) -> None:
        await anyio.sleep(1)
        said = Said(30, "job_failed", {})
        engine.tell(Report(77, None, said=(said,)))
        engine.tell(Report(1, None, said=(said,)))
        engine.workers = 3

    conduct(engine, targets(40), shards=1, told=told, meanwhile=late)
    assert len(made[0].orders) == 9
    assert set(made[0].orders) == {Order()}
    assert told.logged == [(0, "job_failed")]
    assert told.words == ["workers: 2 workers at work", "workers: 3 workers at work"]
