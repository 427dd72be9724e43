"""Targets begin when there is room for them, on virtual time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_onboard.core.calls import Operation
from batch_onboard.core.course import Course
from batch_onboard.core.lifecycle import State
from batch_onboard.core.limiter import BucketLimiter
from batch_onboard.core.steps import Rules
from tests.engine.examples import Stage, named, targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batch_onboard.core.polling import PollPlan
    from batch_onboard.core.record import Record
    from batch_onboard.core.targets import Target

QUICK = {"defaults": {"job_duration": {"min": 2, "max": 3}}, "throttle": {"rate": None}}


class Census:
    """Counts the courses that are alive, from where they are made to where they are let go."""

    def __init__(self) -> None:
        self.alive = self.most = 0
        self.begun: Counter[str] = Counter()
        self.order: list[str] = []

    def make(self, target: Target, record: Record, rules: Rules, plan: PollPlan) -> Course:
        """Make a course."""
        self.alive += 1
        self.most = max(self.most, self.alive)
        self.begun[str(target.key)] += 1
        self.order.append(target.key.instance_id)
        return Course(target, record, rules, plan)

    def let_go(self, course: Course) -> None:
        """Take a course that is over."""
        del course
        self.alive -= 1

    def run(self, stage: Stage, what: Sequence[Target], **options: Any) -> None:
        """Run targets, and see that each has begun once and is over."""
        stage.run(what, course=self.make, let_go=self.let_go, **options)
        assert self.alive == 0
        assert set(self.begun.values()) == {1}
        assert len(self.begun) == len(what)


def pair(account: int, number: int = 2) -> list[Target]:
    """Make the targets of one domain."""
    return [named(f"i-{account}-{i}", account=f"{account:012}") for i in range(number)]


@pytest.mark.no_cover
def test_of_many_domains_few_have_courses_at_one_time() -> None:
    """Eight hundred domains: as many courses as workers use up in the time that a job takes."""
    stage, census = Stage(QUICK), Census()
    what = [named("i", account=f"{account:012}") for account in range(1, 801)]
    census.run(stage, what, latency=0.1, concurrency=8)
    assert set(stage.states().values()) == {"succeeded"}
    # 8 workers do 80 calls a second, 5 or 6 for each target, and a target lasts some 5 seconds.
    assert census.most < 150


def test_what_is_over_leaves_nothing_in_the_lanes() -> None:
    """Limiters, places and queues of domains that are over are forgotten."""
    stage, census = Stage(QUICK), Census()
    census.run(stage, [target for account in range(1, 300) for target in pair(account)])
    assert stage.lanes.limiters.current == {}
    assert stage.lanes.places == {}
    assert stage.lanes.limiters.domains == 299
    assert len(stage.lanes.limiters.statistics()) == 600  # of some, for people


@pytest.mark.no_cover
def test_the_deepest_domain_begins_first_and_is_fed_without_gaps() -> None:
    """Though it stands last in the manifest, it ends when its quota allows, wide ones beside it."""
    stage, census = Stage(QUICK), Census()
    deep = [named(f"deep-{i}", account="9" * 12) for i in range(70)]
    wide = [named("wide", account=f"{account:012}") for account in range(1, 401)]
    census.run(stage, [*wide, *deep], concurrency=8, latency=0.05)
    assert census.order[0] == "deep-0"
    begun = [name for name in census.order if name != "wide"]
    assert begun == [target.key.instance_id for target in deep]
    seen = stage.world.seen
    of_wide = sum(
        target.requests
        for key, target in seen.targets.items()
        if key not in {it.key for it in deep}
    )
    statuses = seen.requests[Operation.STATUS] - sum(2 for _ in wide)
    assert of_wide / (8 / 0.05) < stage.now  # workers were not what it waited for
    assert stage.now < statuses / 2 * 1.05 + 5


@pytest.mark.no_cover
@pytest.mark.parametrize("shape", ["wide", "deep", "mixed"])
def test_no_order_could_be_much_faster(shape: str) -> None:
    """A run ends within 5 % and one job of what its workers, or its slowest quota, need at least."""
    shapes = {
        "wide": [named("i", account=f"{account:012}") for account in range(1, 501)],
        "deep": [target for account in range(1, 5) for target in pair(account, 80)],
        "mixed": [
            target for account in range(1, 200) for target in pair(account, 1 + 400 // account**2)
        ],
    }
    stage, census = Stage(QUICK), Census()
    census.run(stage, shapes[shape], concurrency=16, latency=0.05)
    assert set(stage.states().values()) == {"succeeded"}
    calls: Counter[str] = Counter()
    for key, target in stage.world.seen.targets.items():
        calls[key.account_id] += target.requests
    busy = stage.world.seen.requests.total() * 0.05 / 16
    # The reads and polls of a job's status share one quota of two a second, with a burst of five.
    configs_and_starts = 2 * max(Counter(t.key.account_id for t in shapes[shape]).values())
    slowest = (max(calls.values()) - configs_and_starts - 5) / 2
    assert stage.now <= 1.05 * max(busy, slowest) + 5


def test_a_domain_is_read_no_further_ahead_than_is_useful() -> None:
    """Where one job may run at a time, most of its targets are not even read while they wait."""
    one = {"job_duration": {"min": 20, "max": 20}, "max_jobs_in_progress": 1}
    stage, census = Stage(QUICK | {"defaults": one}), Census()
    stage.run(
        pair(1, 400),
        course=census.make,
        let_go=census.let_go,
        limiter=lambda: BucketLimiter(50, 50),
        max_duration=300,
    )
    assert 100 <= census.alive <= 170
    assert 10 < Counter(stage.states().values())["succeeded"] < 16


@pytest.mark.no_cover
def test_a_region_that_is_out_of_order_is_not_filled_up() -> None:
    """Its domains stay where they are until a trial is answered; the other Region goes on."""
    sick = {
        "kind": "error",
        "status": 503,
        "code": "X",
        "match": {"region": "us-east-1"},
        "times": 21,
    }
    stage, census = Stage(QUICK | {"faults": [sick]}), Census()
    there = [named("sick", account=f"{i:012}", region="us-east-1") for i in range(1, 301)]
    here = [named("fine", account=f"{i:012}") for i in range(1, 301)]
    begun: list[tuple[str, int]] = []

    def look(target: Target, record: Record, rules: Rules, plan: PollPlan) -> Course:
        course = census.make(target, record, rules, plan)
        begun.append((target.key.instance_id, census.alive))
        return course

    stage.run([*there, *here], course=look, let_go=census.let_go, concurrency=8)
    assert Counter(name for name, _ in begun[:150])["sick"] < 60
    assert max(alive for _, alive in begun) < 150
    states = Counter(record.state for record in stage.records.values())
    assert states[State.SUCCEEDED] + states[State.UNRESOLVED] == 600
    assert states[State.UNRESOLVED] < 30


def test_jobs_that_run_are_followed_while_others_of_their_domain_are_read() -> None:
    """Each way to begin has its own line, so what has been started is not held up by what was not."""
    stage, census = Stage(QUICK), Census()
    what = pair(1, 120)
    stage.run(
        what[80:], rules=Rules(wait=False, precheck=False), limiter=lambda: BucketLimiter(99, 99)
    )
    census.run(stage, what, rules=Rules(precheck=False))
    assert {"i-1-0", "i-1-80"} <= set(census.order[:8])


def test_a_limit_leaves_the_rest_without_a_course_in_the_lanes() -> None:
    """However many targets are beyond the limit: they cost no call and no queue, and are counted."""
    stage, census = Stage(QUICK), Census()
    census.run(stage, targets(1_200, accounts=600), limit=10, concurrency=8)
    assert stage.helm.left == 1_190
    assert census.most < 60
    assert stage.world.seen.requests[Operation.STATUS] < 200


@settings(max_examples=25, deadline=None)
@given(
    depths=st.lists(st.integers(1, 25), min_size=1, max_size=12),
    waves=st.integers(1, 3),
    canary=st.integers(0, 4),
    concurrency=st.integers(1, 9),
    limit=st.one_of(st.none(), st.integers(1, 30)),
    precheck=st.booleans(),
    flaky=st.sampled_from([0.0, 0.1]),
)
def test_each_target_begins_once_and_none_is_forgotten(
    *,
    depths: list[int],
    waves: int,
    canary: int,
    concurrency: int,
    limit: int | None,
    precheck: bool,
    flaky: float,
) -> None:
    """Whatever the depths, waves, canaries, limits and faults: begun once, ended, in their order."""
    lost = {"kind": "drop_after", "probability": flaky}
    stage, census = Stage(QUICK | {"faults": [lost]}), Census()
    what = [
        named(f"{account}-{i}", account=f"{account:012}", wave=1 + i % waves)
        for account, depth in enumerate(depths, 1)
        for i in range(depth)
    ]
    rules = Rules(precheck=precheck)
    census.run(stage, what, rules=rules, canary=canary, concurrency=concurrency, limit=limit)
    assert stage.world.seen.double_starts == 0
    states = Counter(stage.states().values())
    assert states["pending"] == stage.helm.left
    assert limit is None or sum(it.attempts > 0 for it in stage.records.values()) <= limit
    if not canary:
        waves_begun = [1 + int(name.split("-")[1]) % waves for name in census.order]
        assert waves_begun == sorted(waves_begun)
