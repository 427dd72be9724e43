"""How far runs go: canaries, waves, limits, on virtual time."""

from __future__ import annotations

from collections import Counter

import pytest

from batch_onboard.core.calls import Operation
from batch_onboard.core.lifecycle import Event
from batch_onboard.core.limiter import BucketLimiter
from batch_onboard.core.steps import Rules
from batch_onboard.core.tolerance import Tolerance
from tests.engine.examples import Stage, named, targets

QUICK = {"defaults": {"job_duration": {"min": 20, "max": 40}}, "throttle": {"rate": None}}
BAD_KEYS = QUICK | {
    "instances": [
        {"match": {"instance_id": "bad*"}, "outcome": "FAILED", "failure_code": "KMS_KEY_NOT_FOUND"}
    ]
}


def fast() -> BucketLimiter:
    """A limiter that never holds anybody up."""
    return BucketLimiter(1000, 1000)


def starts(stage: Stage) -> list[tuple[float, str]]:
    """Return when each Start was intended, and for which instance."""
    entries = [entry for entry in stage.journal.entries if entry.event is Event.INTENDED]
    began = stage.journal.entries[0].at
    return [((e.at - began).total_seconds(), e.key.instance_id) for e in entries]


def test_a_wave_begins_when_the_one_before_is_over() -> None:
    """No Start of wave 2 before the last job of wave 1 has ended."""
    stage = Stage(QUICK)
    stage.run([*targets(5, wave=2), named("first", wave=1)], limiter=fast)
    assert set(stage.states().values()) == {"succeeded"}
    (first_at, first), *others = starts(stage)
    assert first == "first"
    assert all(at - first_at > 20 for at, _ in others)


def test_a_canary_that_fails_keeps_the_rest_from_being_touched() -> None:
    """One bad canary of two: nothing else is even read, and the reason says so."""
    stage = Stage(BAD_KEYS)
    rest = [named(f"rest-{i}", account=f"{i + 10:012}") for i in range(20)]
    canaries = [named("bad", account="000000000001"), named("good", account="000000000002")]
    stage.run([*canaries, *rest], limiter=fast, canary=2)
    assert stage.helm.stopped == "the canary: 1 target failed"
    assert Counter(stage.states().values()) == {"failed": 1, "succeeded": 1, "pending": 20}
    assert stage.world.seen.requests[Operation.START] == 2
    read = {h.course.target.key.instance_id for h in stage.witness.happenings}
    assert read == {"bad", "good"}


def test_a_canary_within_tolerance_lets_the_rest_go() -> None:
    """With --max-failures 1 one bad canary is borne."""
    stage = Stage(BAD_KEYS)
    what = [named("bad"), *targets(10)]
    stage.run(what, limiter=fast, canary=2, tolerance=Tolerance(number=1))
    assert Counter(stage.states().values()) == {"failed": 1, "succeeded": 10}
    assert stage.helm.stopped is None


def test_canaries_that_were_onboarded_before_are_replaced() -> None:
    """The canary needs Starts to prove anything: what is onboarded makes room for another."""
    onboarded = {"match": {"instance_id": "done*"}, "initial": "onboarded"}
    stage = Stage(QUICK | {"instances": [onboarded]})
    done = [named(f"done-{i}", account=f"{i + 1:012}") for i in range(5)]
    fresh = [named(f"fresh-{i}", account=f"{i + 6:012}") for i in range(5)]
    stage.run([*done, *fresh], limiter=fast, canary=2)
    begun = starts(stage)
    assert [name for _, name in begun[:2]] == ["fresh-0", "fresh-1"]
    assert begun[2][0] - begun[1][0] > 20


@pytest.mark.no_cover
def test_too_many_failures_stop_the_run_and_the_next_one_goes_on() -> None:
    """At the third failure no further call is begun; what runs stays in progress."""
    stage = Stage(BAD_KEYS)
    what = [named(f"bad-{i}", account=f"{i:012}") for i in range(1, 200)]
    stage.run(what, limiter=fast, concurrency=2, tolerance=Tolerance(number=2))
    assert stage.helm.stopped == "3 targets failed, more than --max-failures 2"
    states = Counter(stage.states().values())
    assert 3 <= states["failed"] <= 4  # one more may have been under way
    assert not states["submitting"]
    stage.run(what, limiter=fast)
    assert set(stage.states().values()) == {"failed"}
    assert stage.world.seen.double_starts == 0


def test_one_cause_in_ten_accounts_stops_a_run() -> None:
    """A wrong key everywhere fails ten accounts, not two hundred."""
    stage = Stage(BAD_KEYS)
    what = [named(f"bad-{i}", account=f"{i:012}") for i in range(1, 201)]
    stage.run(what, limiter=fast, concurrency=1, tolerance=Tolerance())
    assert "KMS_KEY_NOT_FOUND has stopped targets in 10 accounts" in str(stage.helm.stopped)
    assert Counter(stage.states().values())["failed"] == 10


def test_a_limit_starts_so_many_and_follows_them_to_their_end() -> None:
    """Of 30 targets 7 are started and succeed; a second run starts 7 others."""
    stage = Stage(QUICK)
    what = targets(30, accounts=10)
    stage.run(what, limiter=fast, limit=7)
    assert Counter(stage.states().values()) == {"succeeded": 7, "pending": 23}
    assert stage.helm.left == 23
    stage.run(what, limiter=fast, limit=7)
    assert Counter(stage.states().values()) == {"succeeded": 14, "pending": 16}
    assert stage.world.seen.requests[Operation.START] == 14


def test_a_limit_counts_targets_and_not_their_retries() -> None:
    """Starts that were refused with a 409 and sent again count once."""
    one_at_a_time = {"job_duration": {"min": 20, "max": 40}, "max_jobs_in_progress": 1}
    stage = Stage(QUICK | {"defaults": one_at_a_time})
    stage.run(targets(8), limiter=fast, limit=5)
    assert Counter(stage.states().values()) == {"succeeded": 5, "pending": 3}


def test_a_limit_deletes_no_record_that_it_may_not_start_anew() -> None:
    """Of five failed jobs of our own two are deleted and started again; three keep their record."""
    inside = {"match": {"instance_id": "i-*"}, "failures": 1, "failure_code": "INTERNAL_FAILURE"}
    stage = Stage(QUICK | {"instances": [inside]})
    stage.run(targets(5), limiter=fast)
    stage.run(targets(5), limiter=fast, limit=2)
    assert Counter(stage.states().values()) == {"succeeded": 2, "failed": 3}
    assert stage.world.seen.requests[Operation.DELETE] == 2


def test_a_limit_without_prechecks_leaves_the_rest_untouched() -> None:
    """Without prechecks, too, exactly as many are started as are allowed."""
    stage = Stage(QUICK)
    stage.run(targets(30), limiter=fast, limit=4, rules=Rules(precheck=False))
    assert Counter(stage.states().values()) == {"succeeded": 4, "pending": 26}


def test_a_run_that_has_lasted_long_enough_begins_nothing_more() -> None:
    """After its longest duration calls end, nothing is lost, and the next run goes on."""
    stage = Stage(QUICK)
    what = targets(50)
    stage.run(what, limiter=lambda: BucketLimiter(2, 5), max_duration=12)
    assert stage.runner.out_of_time is True
    assert 12 <= stage.now < 14
    assert not Counter(stage.states().values())["submitting"]
    stage.run(what, limiter=lambda: BucketLimiter(2, 5), max_duration=10_000)
    assert set(stage.states().values()) == {"succeeded"}
    assert stage.world.seen.double_starts == 0
