from __future__ import annotations

import tracemalloc
from math import inf
from typing import TYPE_CHECKING

import pytest

from batch_onboard.core.calls import Answer, Meaning, Operation
from batch_onboard.core.course import Course
from batch_onboard.core.limiter import BucketLimiter
from batch_onboard.core.picture import Wait
from batch_onboard.core.polling import PollPlan
from batch_onboard.core.record import Record
from batch_onboard.core.steps import Next, Priority, Rules
from batch_onboard.engine.circuits import Circuits
from batch_onboard.engine.lanes import Lanes
from tests.engine.examples import named

if TYPE_CHECKING:
    from batch_onboard.engine.call import Call

OK, THROTTLED = Answer(Meaning.OK), Answer(Meaning.THROTTLED)
START = Next(Operation.START, Priority.START, 0.0)
POLL = Next(Operation.STATUS, Priority.POLL, 0.0)
LOOK = Next(Operation.STATUS, Priority.LOOK, 0.0)


def course(name: str, account: str = "000000000001") -> Course:
    """A course that nobody asks anything."""
    return Course(named(name, account=account), Record(), Rules(), PollPlan())


def lanes(rate: float = 2.0, burst: float = 1.0) -> Lanes:
    """Lanes whose limiters are buckets."""
    return Lanes(lambda _domain, _operation: BucketLimiter(rate, burst), Circuits(lambda: 0.5))


def names(calls: list[Call | None]) -> list[str | None]:
    """The instances that calls are for."""
    return [call.course.target.key.instance_id if call else None for call in calls]


def test_a_lane_keeps_its_order_and_its_limiters_pace() -> None:
    """Courses of one domain go first in, first out, as the limiter lets them."""
    waiting = lanes()
    for name in "abc":
        waiting.add(course(name), START, 0.0)
    assert names([waiting.take(0.0), waiting.take(0.0)]) == ["a", None]
    assert waiting.wake_at() == pytest.approx(0.5)
    assert names([waiting.take(0.5), waiting.take(0.5), waiting.take(1.0)]) == ["b", None, "c"]
    assert waiting.wake_at() == inf


def test_domains_take_turns() -> None:
    """A long queue in one account does not make the others wait."""
    waiting = lanes(burst=5)
    for name in ("a1", "a2", "a3"):
        waiting.add(course(name), START, 0.0)
    waiting.add(course("b1", "000000000002"), START, 0.0)
    assert names([waiting.take(0.0) for _ in range(4)]) == ["a1", "b1", "a2", "a3"]


def test_starts_go_before_polls_and_polls_before_looks() -> None:
    """Also where polls and looks share one limiter."""
    waiting = lanes(burst=1)
    waiting.add(course("look"), LOOK, 0.0)
    waiting.add(course("poll"), POLL, 0.0)
    waiting.add(course("start"), START, 0.0)
    assert names([waiting.take(0.0) for _ in range(3)]) == ["start", "poll", None]
    assert names([waiting.take(0.5)]) == ["look"]


def test_a_throttled_call_goes_first_again() -> None:
    """It had its turn, so it stands at the head of its lane, and its limiter pauses the lane."""
    waiting = lanes(burst=2)
    for name in ("a", "b"):
        waiting.add(course(name), START, 0.0)
    call = waiting.take(0.0)
    assert call is not None
    waiting.answered(call, THROTTLED, 0.1)
    again = Next(Operation.START, Priority.START, 0.1, first=True)
    waiting.add(call.course, again, 0.1)
    assert waiting.take(0.1) is None
    assert names([waiting.take(0.6), waiting.take(1.2)]) == ["a", "b"]


def test_a_course_that_backs_off_joins_its_lane_when_its_time_has_come() -> None:
    """It holds up nobody meanwhile."""
    waiting = lanes(burst=5)
    waiting.add(course("later"), Next(Operation.START, Priority.START, 9.0), 0.0)
    waiting.add(course("now"), START, 0.0)
    assert names([waiting.take(0.0), waiting.take(8.9)]) == ["now", None]
    assert waiting.wake_at() == 9.0
    assert names([waiting.take(9.0)]) == ["later"]


class Eager(BucketLimiter):
    """A limiter that finds out, from an accepted call, that there was more to be had."""

    def accepted(self, ticket: int, now: float) -> None:
        """Fill the bucket."""
        super().accepted(ticket, now)
        self._tokens = 1.0


def test_a_lane_goes_on_earlier_when_its_limiter_finds_it_may() -> None:
    """A lane that waits is woken when an answer makes its limiter faster."""
    waiting = Lanes(lambda _domain, _operation: Eager(0.1, 1), Circuits(lambda: 0.5))
    waiting.add(course("a"), START, 0.0)
    waiting.add(course("b"), START, 0.0)
    call = waiting.take(0.0)
    assert call is not None
    assert waiting.take(0.0) is None
    assert waiting.wake_at() == pytest.approx(10.0)
    waiting.answered(call, OK, 0.2)
    assert waiting.wake_at() == pytest.approx(0.2)
    assert names([waiting.take(0.2), waiting.take(10.0)]) == ["b", None]


def test_unsent_and_unclear_calls_teach_the_limiter_nothing() -> None:
    """Only a throttle is a rate signal."""
    waiting = lanes(burst=3)
    for meaning in (Meaning.UNSENT, Meaning.UNCLEAR, Meaning.CONFLICT):
        waiting.add(course(meaning.value), START, 0.0)
        call = waiting.take(0.0)
        assert call is not None
        waiting.answered(call, Answer(meaning), 0.1)
    (limiter,) = waiting.limiters.current.values()
    assert limiter.statistics().throttled == 0


def test_polls_are_brought_forward_when_lengths_become_known() -> None:
    """What waited for scouts is asked when it is now due; nothing else moves."""
    waiting, plan = lanes(burst=9), PollPlan()
    waiting.add(course("poll"), Next(Operation.STATUS, Priority.POLL, 20.0), 0.0)
    waiting.add(course("soon"), Next(Operation.STATUS, Priority.POLL, 1.0), 0.0)
    waiting.add(course("start"), Next(Operation.START, Priority.START, 20.0), 0.0)
    plan.ended(2.0, 2.0)
    waiting.bring_polls_forward(plan, 0.5)
    assert names([waiting.take(1.0), waiting.take(1.0)]) == ["soon", None]
    assert names([waiting.take(2.0), waiting.take(2.0), waiting.take(20.0)]) == [
        "poll",
        None,
        "start",
    ]


def test_a_lane_that_comes_back_remembers_the_throttle() -> None:
    """A domain whose only course was throttled a moment ago waits because of that."""
    waiting, only = lanes(), course("a")
    waiting.add(only, START, 0.0)
    call = waiting.take(0.0)
    assert call is not None
    waiting.answered(call, THROTTLED, 0.1)
    waiting.go_on(only, START, 0.1)
    assert waiting.take(0.1) is None
    assert waiting.wait_of(only.target.key.domain, 0.2) is Wait.THROTTLE


def test_what_is_over_leaves_only_its_limiter() -> None:
    """The queues of domains whose calls are over take no memory any more."""
    waiting, number = lanes(), 500
    courses = [course("a", f"{account:012}") for account in range(number)]
    _look_once(waiting, course("a", "9" * 12))  # caches fill up, which is no domain's cost
    tracemalloc.start()
    try:
        for each in courses:
            _look_once(waiting, each)
        left = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert left / number < 1_000  # bytes, of which a queue alone would take 760


def _look_once(waiting: Lanes, only: Course) -> None:
    waiting.add(only, LOOK, 0.0)
    call = waiting.take(0.0)
    assert call is not None
    waiting.answered(call, OK, 0.0)
    waiting.go_on(only, None, 0.0)
