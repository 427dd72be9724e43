"""Outages, refused identities and the budget for retries, worked by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.core.breaker import LONGEST_OUTAGE, Breaker
from batch_onboard.core.budget import SHARE, RetryBudget
from batch_onboard.core.calls import Answer, Meaning, Operation
from batch_onboard.core.permission import Permission

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
    breaker.worked()
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


def test_where_others_were_let_in_it_takes_two_targets() -> None:
    """A first confirmed refusal may be about its target alone; a second one is not."""
    permission = Permission({Operation.START})
    for caller, closed in (("b", False), ("c", True)):
        permission.answered(caller, Operation.START, Meaning.DENIED)
        permission.over(caller, DENIED)
        assert (permission.closed(Operation.START) is not None) is closed


def test_a_refused_delete_is_closed_alone() -> None:
    """Who may not delete the record of a job may still start others."""
    permission = Permission(set())
    permission.answered("a", Operation.DELETE, Meaning.DENIED)
    permission.over("a", DENIED)
    assert permission.closed(Operation.DELETE) == DENIED
    assert permission.closed(Operation.START) is None


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
