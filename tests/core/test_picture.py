from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from batch_onboard.core.forecast import JobLength, Pace, Work
from batch_onboard.core.picture import Growth, Wait, look_ahead
from batch_onboard.core.targets import Domain

if TYPE_CHECKING:
    from batch_onboard.core.calls import Operation

JOBS = JobLength(20.0, 40.0)


def domain(number: int) -> Domain:
    """One of many accounts in one Region."""
    return Domain(f"{number:012}", "eu-west-2")


def pace_of(where: Domain, operation: Operation) -> Pace:
    """Two requests a second everywhere."""
    del where, operation
    return Pace(2.0, 5.0)


def test_a_rate_is_that_of_the_span_alone() -> None:
    """What grew before is forgotten; one look of before it stays as the beginning."""
    growth = Growth(10.0)
    assert (growth.number, growth.rate) == (0, 0.0)
    for second in range(100):
        growth.see(float(second), 5 * second)
    assert (growth.number, growth.rate) == (50, 5.0)
    growth.see(200.0, 495)
    assert (growth.number, growth.rate) == (0, 0.0)


def test_rare_looks_give_the_rate_between_them() -> None:
    """A line a minute tells how fast the last minute was."""
    growth = Growth(10.0)
    growth.see(0.0, 0)
    assert growth.rate == 0.0
    growth.see(60.0, 120)
    assert (growth.number, growth.rate) == (120, 2.0)


def test_the_slowest_domains_come_first_with_what_they_wait_for() -> None:
    """Three are named, whatever their order; each with what is left in it."""
    works = {domain(n): Work(reads=n, perhaps=n, starts=1, following=2) for n in range(5)}
    seen = look_ahead(works, pace_of, JOBS, lambda where: Wait.JOB if where[0] else None)
    assert [slow.domain for slow in seen.slowest] == [domain(4), domain(3), domain(2)]
    first = seen.slowest[0]
    assert (first.left, first.rate, first.wait) == (7, 2.0, Wait.JOB)
    assert seen.forecast is not None
    assert first.seconds == pytest.approx(seen.forecast.most)


def test_nothing_is_foretold_while_nothing_is_known_of_jobs() -> None:
    """'Learning' is honest; the domains with most left are named all the same."""
    seen = look_ahead({domain(1): Work(reads=9, perhaps=9)}, pace_of, None, lambda _: None)
    assert seen.forecast is None
    (slow,) = seen.slowest
    assert (slow.seconds, slow.wait, slow.left) == (None, None, 9)


def test_where_nothing_is_left_nothing_is_slow() -> None:
    """Whoever draws it finds no domain."""
    seen = look_ahead({}, pace_of, JOBS, lambda _: None)
    assert (seen.slowest, seen.forecast and seen.forecast.most) == ((), 0.0)
