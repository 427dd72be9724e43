"""What is seen of whole runs on virtual time."""

from __future__ import annotations

from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from batch_onboard.app.progress import Progress
from batch_onboard.app.quotas import SupposedPace
from batch_onboard.app.settings import Settings
from batch_onboard.core.lifecycle import State
from batch_onboard.core.limiter import BucketLimiter
from batch_onboard.core.picture import Picture, Wait
from batch_onboard.core.steps import Rules
from batch_onboard.core.targets import Domain
from batch_onboard.engine.circuits import Circuits
from batch_onboard.engine.lanes import Lanes
from batch_onboard.engine.tally import Tally
from tests.app.examples import history
from tests.engine.examples import Stage, targets

if TYPE_CHECKING:
    from batch_onboard.engine.runner import Runner

JOBS = {"job_duration": {"min": 20, "max": 30}}
SICK = "000000000001"
WORLDS: dict[str, dict[str, Any]] = {
    "calm": {"defaults": JOBS, "throttle": {"rate": None}},
    "throttled": {"defaults": JOBS, "throttle": {"rate": 1, "burst": 2}},
    "one job at a time": {"defaults": JOBS | {"max_jobs_in_progress": 1}},
    "out of order": {
        "defaults": JOBS,
        "faults": [
            {"kind": "error", "status": 503, "code": "X", "match": {"account_id": SICK}, "times": 9}
        ],
    },
    "failing": {
        "defaults": JOBS,
        "instances": [{"match": {"instance_id": "*1"}, "outcome": "FAILED"}],
    },
}


def watch(stage: Stage, number: int, **settings: Any) -> list[tuple[float, Picture]]:
    """Run the engine over targets of three accounts, and return how each second looked."""
    seen: list[tuple[float, Picture]] = []

    async def look(runner: Runner) -> None:
        progress = Progress(
            runner._tally,
            runner._lanes,
            SupposedPace(Settings(), history()),
            lambda: runner._plan.lengths,
            anyio.current_time(),
            cpu=lambda: 0.0,
        )
        while not seen or seen[-1][1].over < seen[-1][1].selected:
            await anyio.sleep(1.0)
            now = anyio.current_time()
            seen.append((now, progress.picture(now)))

    stage.run(targets(number, accounts=3), during=look, **settings)  # type: ignore[arg-type]  # a coroutine function
    return seen


@cache
def long_run() -> list[tuple[float, Picture]]:
    """How a run looked in which nothing went wrong, and two Starts a second went."""
    return watch(Stage(WORLDS["calm"]), 240)


def waits(seen: list[tuple[float, Picture]]) -> set[Wait | None]:
    """All that was waited for."""
    return {slow.wait for _, picture in seen for slow in picture.outlook.slowest}


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_what_is_seen_adds_up_at_any_moment(world: dict[str, Any]) -> None:
    """States to all targets; what is over and what is left in the domains to those of the run."""
    seen = [picture for _, picture in watch(Stage(world), 18)]
    for picture in seen:
        assert sum(picture.states.values()) == 18
        left = sum(slow.left for slow in picture.outlook.slowest)  # all three domains
        assert picture.over + left == picture.selected == 18
    assert [picture.over for picture in seen] == sorted(picture.over for picture in seen)
    assert seen[-1].outlook.slowest == ()


@pytest.mark.no_cover
def test_the_time_left_is_learned_and_then_true() -> None:
    """Not foretold before a job has ended; then quotas and jobs bound what really remains."""
    seen = long_run()
    assert seen[0][1].outlook.forecast is None
    end = seen[-1][0]
    foretold = [(at, p.outlook.forecast) for at, p in seen[:-1] if p.outlook.forecast]
    assert foretold[0][0] < 35
    for at, forecast in foretold:
        assert 0.8 * forecast.least <= end - at <= 1.2 * forecast.most + 1


def test_the_rate_is_that_of_now() -> None:
    """At first two Starts and two reads of each kind in three accounts, later Starts alone."""
    seen = long_run()
    assert 15 < dict(seen)[20.0].rate < 18
    assert dict(seen)[38.0].rate == pytest.approx(6.0, abs=0.5)
    assert all(picture.throttles == 0 for _, picture in seen)


@pytest.mark.parametrize(
    ("world", "wait"),
    [
        ("calm", Wait.QUOTA),
        ("calm", Wait.JOB),
        ("throttled", Wait.THROTTLE),
        ("one job at a time", Wait.PLACES),
        ("out of order", Wait.CIRCUIT),
    ],
)
def test_it_is_seen_what_a_domain_waits_for(world: str, wait: Wait) -> None:
    """Quota, throttle, place, job or circuit, as it is."""
    assert wait in waits(watch(Stage(WORLDS[world]), 24))


def test_what_is_out_of_order_is_named_while_it_is() -> None:
    """And not any more once it answers again."""
    seen = watch(Stage(WORLDS["out of order"]), 24)
    assert (f"{SICK}/eu-west-2",) in [picture.out for _, picture in seen]
    assert seen[-1][1].out == ()


def test_a_second_try_is_waited_for() -> None:
    """Where nothing runs and no call waits its turn, it is a pause before another try."""
    stage = Stage({"faults": [{"kind": "error", "status": 503, "code": "X", "times": 4}]})
    seen = watch(stage, 3, limiter=lambda: BucketLimiter(100, 100))
    assert Wait.BACKOFF in waits(seen)


def test_jobs_that_are_not_followed_leave_nothing_to_wait_for() -> None:
    """With --no-wait a target is over once its job runs."""
    seen = watch(Stage(WORLDS["calm"]), 30, rules=Rules(wait=False))
    assert seen[-1][1].jobs == 30
    assert seen[-1][1].outlook.slowest == ()


def test_where_looking_ahead_costs_much_it_is_done_less_often() -> None:
    """The counts are those of now all the same."""
    tally = Tally([State.PENDING] * 2)
    tally.select(2, [(Domain(SICK, "eu-west-2"), State.PENDING)] * 2)
    ticks = count()  # a second of CPU for each look
    lanes = Lanes(lambda _domain, _operation: BucketLimiter(), Circuits(lambda: 0.5))
    progress = Progress(
        tally, lanes, SupposedPace(Settings(), history()), lambda: (9.0,), 0.0,
        cpu=lambda: float(next(ticks)),
    )  # fmt: skip
    first = progress.picture(1.0)
    tally.settled()
    second = progress.picture(100.0)
    assert (second.over, second.outlook) == (1, first.outlook)
    assert second.outlook is first.outlook
    assert progress.picture(202.0).outlook is not first.outlook


def test_a_domain_that_has_not_begun_waits_for_a_free_worker() -> None:
    """And not for another try, as one that has begun may do."""
    tally = Tally([State.PENDING])
    tally.select(1, [(Domain(SICK, "eu-west-2"), State.PENDING)])
    lanes = Lanes(lambda _domain, _operation: BucketLimiter(), Circuits(lambda: 0.5))
    supposed = SupposedPace(Settings(), history())
    progress = Progress(tally, lanes, supposed, lambda: (9.0,), 0.0)
    (slow,) = progress.picture(1.0).outlook.slowest
    assert slow.wait is Wait.ANSWER
