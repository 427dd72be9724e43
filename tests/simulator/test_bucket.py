from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.core.calls import Operation
from batch_onboard.simulator.bucket import TokenBucket
from batch_onboard.simulator.protocol import Payload, Reply
from tests.simulator.helpers import call, instance, world


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    """2 a second, burst 5: five at once, none more, one after 0.5 s, two after another second."""
    bucket = TokenBucket(rate=2.0, burst=5.0, now=100.0)
    assert [bucket.take(100.0) for _ in range(6)] == [True] * 5 + [False]
    assert [bucket.take(100.5), bucket.take(100.5)] == [True, False]
    assert [bucket.take(101.5) for _ in range(3)] == [True, True, False]


def test_a_bucket_holds_no_more_than_its_burst() -> None:
    """An hour of rest gives five tokens, not 7200."""
    bucket = TokenBucket(rate=2.0, burst=5.0, now=0.0)
    assert sum(bucket.take(3600.0) for _ in range(10)) == 5


def test_small_refills_add_up() -> None:
    """Ten refills of a tenth of a token are one token, whatever floats say."""
    bucket = TokenBucket(rate=1.0, burst=1.0, now=0.0)
    assert bucket.take(0.0)
    taken = [bucket.take(step / 10) for step in range(1, 11)]
    assert taken == [False] * 9 + [True]


@given(st.lists(st.floats(0.0, 10.0), max_size=60), st.floats(0.1, 10.0), st.integers(1, 9))
def test_a_bucket_never_gives_more_than_burst_and_rate_allow(
    pauses: list[float], rate: float, burst: int
) -> None:
    """Over any time t at most burst + rate * t calls pass."""
    bucket = TokenBucket(rate, float(burst), 0.0)
    now = 0.0
    passed = 0
    for pause in pauses:
        now += pause
        passed += bucket.take(now)
    assert passed <= burst + rate * now + 1e-6


def _refused(calls: int, **throttle: object) -> list[Reply]:
    a_world = world(throttle=throttle)
    replies = [a_world.handle(call(Operation.STATUS), 0.0) for _ in range(calls)]
    return [reply for reply in replies if reply.code == "ThrottlingException"]


def test_calls_over_the_quota_are_throttled_and_counted() -> None:
    """By default 5 pass at once, the sixth is a 429."""
    a_world = world(throttle={})
    replies = [a_world.handle(call(Operation.STATUS), 0.0) for _ in range(6)]
    assert [reply.status for reply in replies] == [404] * 5 + [429]
    assert a_world.seen.throttles == {("111122223333", "eu-west-2"): 1}


def test_operations_accounts_and_regions_have_buckets_of_their_own() -> None:
    """An empty bucket of one stops no other."""
    a_world = world(throttle={"burst": 1})
    others = [instance("i"), instance("i", account_id="444455556666"), instance("i", region="x")]
    replies = [a_world.handle(call(Operation.STATUS, key), 0.0) for key in others]
    replies.append(a_world.handle(call(Operation.CONFIG), 0.0))
    assert {reply.status for reply in replies} == {404}


def test_one_bucket_may_be_shared_by_all_operations() -> None:
    """With scope `account` a status uses up what a config would need."""
    a_world = world(throttle={"burst": 1, "scope": "account"})
    assert a_world.handle(call(Operation.STATUS), 0.0).status == 404
    assert a_world.handle(call(Operation.CONFIG), 0.0).status == 429


def test_a_throttled_start_makes_no_job() -> None:
    """A 429 proves that the call was not accepted."""
    a_world = world(throttle={"burst": 1, "scope": "account", "rate": 1})
    a_world.handle(call(Operation.STATUS), 0.0)
    assert a_world.handle(call(Operation.START), 0.0).status == 429
    assert a_world.handle(call(Operation.STATUS), 1.0).status == 404


@pytest.mark.parametrize(
    ("shape", "status", "payload"),
    [
        ("normal", 429, Payload.INTACT),
        ("empty_body", 429, Payload.EMPTY),
        ("html", 429, Payload.HTML),
        ("code_400", 400, Payload.INTACT),
    ],
)
def test_throttles_come_in_the_shape_that_the_scenario_says(
    shape: str, status: int, payload: Payload
) -> None:
    """Services throttle in more than one way."""
    (reply,) = _refused(6, shape=shape)
    assert (reply.status, reply.payload) == (status, payload)


def test_throttles_may_say_how_long_to_wait() -> None:
    """Both headers are written as the scenario has them."""
    (reply,) = _refused(6, retry_after="never", retry_after_ms=1500)
    assert reply.headers == (("Retry-After", "never"), ("x-amz-retry-after", "1500"))
    (reply,) = _refused(6, retry_after=3)
    assert reply.headers == (("Retry-After", "3"),)


def test_throttles_differ_where_an_override_matches() -> None:
    """An override may lift the limit for some calls, and keeps the keys that it doesn't set."""
    override = {"match": {"account_id": "1111*", "operation": "Get*Status"}, "rate": None}
    a_world = world(throttle={"burst": 1, "overrides": [override]})
    statuses = [a_world.handle(call(Operation.STATUS), 0.0).status for _ in range(9)]
    assert statuses == [404] * 9
    configs = [a_world.handle(call(Operation.CONFIG), 0.0).status for _ in range(2)]
    assert configs == [404, 429]
