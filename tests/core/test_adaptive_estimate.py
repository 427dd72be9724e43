from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.core.estimate import SLOWEST, Estimate, Learned, Refusal

DAY = 86_400.0


def refusal(at: float, spent: int, *, level: float = 0.5, ticket: int = 0) -> Refusal:
    """A moment at which the bucket was empty; nothing pending, nothing lost."""
    return Refusal(
        at=at,
        ticket=ticket or spent + 1,
        spent=spent,
        pending=0,
        lost=0,
        level=level,
        since=0.0,
    )


def test_a_refusal_that_the_prior_foretold_confirms_it() -> None:
    """Five calls let through at once and the sixth refused: 2 a second with burst 5, as told."""
    estimate = Estimate()
    estimate.refused(refusal(0.1, 5), first=True)
    assert estimate.rate == 2.0
    assert estimate.burst == pytest.approx(4.8)
    assert estimate.confidence == pytest.approx(0.2)


def test_a_bucket_that_gave_more_has_a_higher_rate_and_burst() -> None:
    """30 calls in one second are 23 more than foretold: 2 + 23 / 1.5 a second."""
    estimate = Estimate()
    estimate.refused(refusal(1.0, 30, level=-23.0), first=True)
    assert estimate.rate == pytest.approx(2.0 + 23.0 / 1.5)
    assert estimate.burst == pytest.approx(30 - estimate.rate)


def test_a_bucket_that_gave_less_is_believed_down_to_half() -> None:
    """A bucket that somebody has just emptied does not overturn the documented rate."""
    estimate = Estimate()
    estimate.refused(refusal(0.0, 0, level=5.0), first=True)
    assert (estimate.rate, estimate.burst) == (1.0, 1.0)


def test_what_passed_between_two_empty_moments_is_the_rate() -> None:
    """40 calls in 4 seconds: between 9.75 and 10.25 a second."""
    estimate = Estimate()
    estimate.refused(refusal(1.0, 30, level=-23.0), first=True)
    estimate.refused(refusal(5.0, 70), first=True)
    assert 9.75 <= estimate.rate <= 10.25
    assert estimate.evidence == 40


def test_refusals_too_close_together_show_a_cut() -> None:
    """After minutes at 10 a second, 4 calls in 4 seconds mean one a second, not the average."""
    estimate = Estimate()
    estimate.refused(refusal(0.0, 20, level=-15.0), first=True)
    estimate.refused(refusal(100.0, 1020), first=True)
    burst = estimate.burst
    estimate.refused(refusal(104.0, 1024), first=True)
    assert 0.75 <= estimate.rate <= 1.25
    assert estimate.burst == burst


def test_a_dip_of_more_than_a_burst_shows_a_raise() -> None:
    """Where the bucket may have been full in between, the average is not believed."""
    estimate = Estimate()
    estimate.refused(refusal(0.1, 5), first=True)
    estimate.refused(refusal(50.1, 105), first=True)
    dip = refusal(100.0, 300, level=-40.0)._replace(since=98.0)
    estimate.refused(dip, first=True)
    assert estimate.rate == pytest.approx(2.0 + 40.0 / 2.5)
    assert estimate.evidence == 1.0


def test_an_answer_that_comes_late_corrects_the_count() -> None:
    """A call that was taken for let through, and was not, is taken out of all later moments."""
    late, prompt = Estimate(), Estimate()
    late.refused(refusal(1.0, 30, level=-23.0, ticket=40), first=True)
    late.recount(35)
    prompt.refused(refusal(1.0, 29, level=-23.0, ticket=40), first=True)
    for estimate in (late, prompt):
        estimate.refused(refusal(1.1, 30, level=-24.0, ticket=41), first=False)
    assert late.rate == pytest.approx(prompt.rate)
    assert late.burst == pytest.approx(prompt.burst)


def test_knowledge_loses_half_its_worth_in_a_day() -> None:
    """A learned rate is begun with as far as it is trusted, and that is less each day."""
    learned = Learned(10.0, 20.0, 0.8)
    assert learned.aged(DAY).confidence == pytest.approx(0.4)
    assert learned.aged(-5.0) == learned
    assert Estimate(learned).rate == pytest.approx(2.0 + 0.8 * 8.0)
    assert Estimate(learned.aged(DAY)).rate == pytest.approx(2.0 + 0.4 * 8.0)
    assert Estimate(Learned(10.0, 20.0, 7.0)).burst == pytest.approx(20.0)


def test_before_a_refusal_nothing_is_known() -> None:
    """An estimate that was never tested has no confidence."""
    estimate = Estimate()
    assert not estimate.tested
    assert estimate.confidence == 0.0


@given(
    rate=st.floats(0.5, 100),
    burst=st.floats(2, 100),
    gaps=st.lists(st.floats(0.5, 30), min_size=2, max_size=20),
)
def test_the_rate_converges_whatever_the_bucket(
    rate: float, burst: float, gaps: list[float]
) -> None:
    """Told of a bucket's true empty moments, the estimate is within two calls of its rate."""
    estimate, at, spent = Estimate(), 1.0, burst + rate
    estimate.refused(refusal(at, int(spent), level=5.0 - spent), first=True)
    for gap in gaps:
        at += gap
        spent += rate * gap
        estimate.refused(refusal(at, int(spent)), first=True)
    assert abs(estimate.rate - rate) <= max(2.0 / gaps[-1], SLOWEST) + 1e-6


def test_a_refusal_that_comes_late_may_make_a_draught_unlikely() -> None:
    """Four of five at once is within the doubt; three are two too few: 3 in the 2.5 s of five."""
    estimate = Estimate()
    estimate.refused(refusal(0.0, 4, level=1.0), first=True)
    assert estimate.rate == 2.0
    estimate.recount(2)
    assert estimate.rate == pytest.approx(1.2)
    assert estimate.guessed
