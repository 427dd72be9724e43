"""Outages, refused identities and the budget for retries, worked by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.core.breaker import LONGEST_OUTAGE, Breaker
from batch_onboard.core.budget import SHARE, RetryBudget
from batch_onboard.core.calls import Answer, Meaning, Operation
from batch_onboard.core.course import Course
from batch_onboard.core.lifecycle import Event, State
from batch_onboard.core.permission import Permission
from batch_onboard.core.polling import PollPlan
from batch_onboard.core.record import Record
from batch_onboard.core.steps import Rules, Step
from tests.core.examples import UNCLEAR, at, target

if TYPE_CHECKING:
    from collections.abc import Sequence

DOWN = Answer(Meaning.UNCLEAR, error_code="InternalServerException")
DENIED = Answer(Meaning.DENIED, error_code="AccessDeniedException")


def fail(breaker: Breaker, number: int, *, now: float = 0.0, source: str = "a") -> None:
    """Let calls of nobody in particular fail."""
    for _ in range(number):
        breaker.failed(object(), source, DOWN, now, 0.0)


def is_open(breaker: Breaker) -> bool:
    """Say whether it is, as a type checker can't foresee."""
    return breaker.is_open


def on_trial(breaker: Breaker) -> bool:
    """Say whether it is, as a type checker can't foresee."""
    return breaker.on_trial


def test_a_breaker_opens_after_so_many_failures_in_a_row() -> None:
    """Four failures of five leave it closed, also twice with a success between; five open it."""
    breaker = Breaker(5)
    fail(breaker, 4)
    assert (is_open(breaker), breaker.ready_at) == (False, float("-inf"))
    breaker.worked()
    assert breaker.ready_at == float("-inf")
    fail(breaker, 4)
    assert not is_open(breaker)
    fail(breaker, 1)
    assert is_open(breaker)
    assert breaker.ready_at == 1.0  # half of the first pause, since chance was 0


def test_a_region_is_not_out_of_order_because_one_account_is() -> None:
    """A breaker that wants several sources does not open for any number of failures of one."""
    breaker = Breaker(10, sources=3)
    fail(breaker, 100)
    fail(breaker, 1, source="b")
    assert not is_open(breaker)
    fail(breaker, 1, source="c")
    assert is_open(breaker)


def test_only_one_trial_goes_and_its_answer_decides() -> None:
    """A trial that fails doubles the pause; one that is answered closes the breaker."""
    breaker = Breaker(1)
    breaker.failed("first", "a", DOWN, 0.0, 1.0)
    assert breaker.ready_at == 2.0
    breaker.sent("trial")
    assert on_trial(breaker)
    fail(breaker, 1, now=2.0)  # a call from before, whose failure came late
    assert on_trial(breaker)
    breaker.failed("trial", "a", DOWN, 2.0, 1.0)
    assert not on_trial(breaker)
    assert breaker.ready_at == 6.0
    breaker.sent("trial")
    breaker.withdrawn("trial")
    assert not on_trial(breaker)
    breaker.sent("another")
    breaker.worked()
    assert not is_open(breaker)
    assert not on_trial(breaker)


def test_what_goes_while_a_breaker_is_closed_is_no_trial() -> None:
    """And a trial ends by its own call alone, not by that of another caller."""
    breaker = Breaker(1)
    assert not on_trial(breaker)
    breaker.sent("early")
    assert not on_trial(breaker)
    fail(breaker, 1)
    breaker.sent("trial")
    breaker.withdrawn("another")
    assert on_trial(breaker)


def test_a_long_outage_is_given_up() -> None:
    """A failure more than five minutes after the opening is kept as the cause to give up."""
    breaker = Breaker(1)
    fail(breaker, 1, now=10.0)
    fail(breaker, 1, now=10.0 + LONGEST_OUTAGE - 1)
    assert breaker.given_up is None
    fail(breaker, 1, now=10.0 + LONGEST_OUTAGE)
    assert breaker.given_up == DOWN


@given(chances=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=40))
def test_pauses_lie_between_half_and_the_whole_of_a_doubling_up_to_a_minute(
    chances: list[float],
) -> None:
    """However long an outage is, trials are one to sixty seconds apart."""
    breaker = Breaker(1)
    now = 0.0
    for number, chance in enumerate(chances):
        breaker.failed("trial", "a", DOWN, now, chance)
        longest = min(60.0, 2.0 ** (number + 1))
        assert longest / 2 - 1e-6 <= breaker.ready_at - now <= longest + 1e-6
        now = breaker.ready_at
        breaker.sent("trial")


def test_a_refusal_is_confirmed_by_the_same_call_while_others_wait() -> None:
    """The suspect is not kept, others are; confirmed, every operation is closed to all."""
    permission = Permission(set())
    assert not permission.answered("a", Operation.STATUS, Meaning.DENIED)
    assert not permission.waits("a")
    assert permission.waits("b")
    assert not permission.answered("b", Operation.STATUS, Meaning.DENIED)  # was under way
    assert permission.closed(Operation.STATUS) is None
    assert permission.over("a", DENIED)
    assert all(permission.closed(operation) == DENIED for operation in Operation)
    assert not permission.waits("b")


def test_a_refusal_that_is_not_repeated_lets_others_go_on() -> None:
    """The same call let through, or the suspect going home for another reason, ends the wait."""
    permission = Permission(set())
    permission.answered("a", Operation.STATUS, Meaning.DENIED)
    assert not permission.answered("a", Operation.STATUS, Meaning.THROTTLED)
    assert permission.waits("b")
    assert permission.answered("a", Operation.STATUS, Meaning.OK)
    permission.answered("b", Operation.START, Meaning.CREDENTIALS)
    assert permission.over("b", None)
    assert permission.closed(Operation.START) is None
    assert permission.is_open


def test_where_others_were_let_in_it_takes_two_targets() -> None:
    """A first confirmed refusal may be about its target alone; a second one is not."""
    permission = Permission({Operation.START})
    for caller, closed in (("b", False), ("c", True)):
        permission.answered(caller, Operation.START, Meaning.DENIED)
        permission.over(caller, DENIED)
        assert (permission.closed(Operation.START) is not None) is closed


def test_who_is_let_in_again_after_a_refusal_needs_two_refusals_anew() -> None:
    """A second target whose call was let through shows that the first refusal was about its own."""
    permission = Permission({Operation.START})
    for caller in ("a", "b"):
        permission.answered(caller, Operation.START, Meaning.DENIED)
        permission.over(caller, DENIED)
        assert permission.is_open
        permission.answered("c", Operation.START, Meaning.OK)


def test_only_the_suspect_ends_the_wait() -> None:
    """Another caller that goes home, refused or not, closes nothing and lets nobody go on."""
    permission = Permission(set())
    permission.answered("a", Operation.STATUS, Meaning.DENIED)
    assert not permission.over("b", None)
    assert not permission.over("b", DENIED)
    assert permission.is_open
    assert permission.waits("b")


def test_a_refused_delete_is_closed_alone() -> None:
    """Who may not delete the record of a job may still start others."""
    permission = Permission(set())
    permission.answered("a", Operation.DELETE, Meaning.DENIED)
    permission.over("a", DENIED)
    assert permission.closed(Operation.DELETE) == DENIED
    assert permission.closed(Operation.START) is None
    assert permission.is_open


@given(st.lists(st.booleans(), max_size=2000))
def test_retries_are_at_most_a_fifth_of_calls_and_a_handful(calls: Sequence[bool]) -> None:
    """Whatever the order of calls and wishes to retry, the budget holds."""
    budget = RetryBudget()
    made = retried = 0
    for wants_retry in calls:
        budget.earn()
        made += 1
        retried += wants_retry and budget.spend()
    assert retried <= 20 + SHARE * made


def bound(budget: RetryBudget, answer: Answer) -> tuple[Record, Step]:
    """Let a budget judge what an answer to a course's first call has led to."""
    course = Course(target(), Record(), Rules(), PollPlan())
    course.begin(at(0))
    step = course.answered(Operation.STATUS, answer, at(0))
    return course.record, budget.bound(course, answer, step, at(0))


def test_a_run_has_twenty_retries_and_one_more_with_each_fifth_call() -> None:
    """Each call earns a fifth of one, the call that is to be tried again included."""
    budget = RetryBudget()
    assert [budget.spend() for _ in range(21)] == [True] * 20 + [False]
    for _ in range(5):
        budget.earn()
    assert [budget.spend() for _ in range(2)] == [True, False]


def test_a_retry_too_many_ends_the_course_with_its_last_cause() -> None:
    """The cause is that of the answer, and it is told why it was not tried again."""
    budget = RetryBudget()
    while budget.spend():
        pass
    record, step = bound(budget, UNCLEAR)
    assert (step.next, [entry.event for entry in step.entries]) == (None, [Event.GAVE_UP])
    assert (record.state, record.error_code) == (State.UNRESOLVED, "timeout")
    spent = "the run's retries (20% of its calls) are used up"
    assert record.message == f"no answer within 20 s; {spent}"
    assert bound(budget, Answer(Meaning.UNSENT))[0].message == spent


@pytest.mark.parametrize("meaning", [Meaning.THROTTLED, Meaning.ABSENT])
def test_what_tells_something_draws_on_no_budget(meaning: Meaning) -> None:
    """A throttle has a pace of its own, and an answer leads on."""
    budget = RetryBudget()
    while budget.spend():
        pass
    record, step = bound(budget, Answer(meaning))
    assert (record.state, step.next is None) == (State.PENDING, False)


def test_a_retry_that_is_in_the_budget_goes() -> None:
    """And costs one: of twenty, and a fifth for its call, 19 are left."""
    budget = RetryBudget()
    assert bound(budget, UNCLEAR)[1].next is not None
    assert [budget.spend() for _ in range(20)] == [True] * 19 + [False]
