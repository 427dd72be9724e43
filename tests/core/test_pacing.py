from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.core.backoff import full_jitter
from batch_onboard.core.limiter import BucketLimiter, LimiterStatistics
from batch_onboard.core.polling import SCOUTS, PollPlan


def send_all(limiter: BucketLimiter, now: float, until: float) -> list[float]:
    """Send whenever the limiter lets a call go, and return when that was."""
    sent = []
    while (now := limiter.ready_at(now)) <= until:
        limiter.send(now)
        sent.append(now)
    return sent


def test_the_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    """At 2 a second and a burst of 5, nine calls go within 2 s: 5 at once, then each half second."""
    sent = send_all(BucketLimiter(2.0, 5.0), 10.0, 12.0)
    assert sent == pytest.approx([10.0] * 5 + [10.5, 11.0, 11.5, 12.0])


def test_a_throttle_empties_the_bucket_and_pauses_for_one_token() -> None:
    """After a 429 the next call waits as long as a token takes; a second flight's doubles that."""
    limiter = BucketLimiter(2.0, 5.0)
    first = limiter.send(0.0)
    limiter.throttled(first, 0.1, None)
    assert limiter.ready_at(0.1) == pytest.approx(0.6)
    second = limiter.send(0.6)
    limiter.throttled(second, 0.7, None)
    assert limiter.ready_at(0.7) == pytest.approx(1.7)


def test_the_throttles_of_one_flight_are_one_signal() -> None:
    """Five refusals of calls that went out together pause no longer than one."""
    limiter = BucketLimiter(2.0, 5.0)
    tickets = [limiter.send(0.0) for _ in range(5)]
    for ticket in tickets:
        limiter.throttled(ticket, 0.1, None)
    assert limiter.ready_at(0.1) == pytest.approx(0.6)
    assert limiter.statistics() == LimiterStatistics(2.0, 5.0, sent=5, throttled=5)


def test_an_accepted_call_ends_the_series_of_pauses() -> None:
    """The pause begins anew with one token's time once a later call was let through."""
    limiter = BucketLimiter(2.0, 1.0)
    limiter.throttled(limiter.send(0.0), 0.0, None)
    limiter.throttled(limiter.send(0.5), 0.5, None)
    limiter.accepted(limiter.send(1.5), 1.5)
    limiter.throttled(limiter.send(2.0), 2.0, None)
    assert limiter.ready_at(2.0) == pytest.approx(2.5)


def test_retry_after_is_honoured_also_for_a_call_of_an_old_flight() -> None:
    """What the service asks to wait is waited."""
    limiter = BucketLimiter(2.0, 5.0)
    old, new = limiter.send(0.0), limiter.send(0.0)
    limiter.throttled(new, 0.1, None)
    limiter.throttled(old, 0.2, 7.0)
    limiter.lost(old, 0.2)
    assert limiter.ready_at(0.2) == pytest.approx(7.2)


def test_a_call_that_was_not_sent_gives_its_token_back() -> None:
    """Who waits for credentials does not use up the burst of his account."""
    limiter = BucketLimiter(2.0, 1.0)
    limiter.withdrawn(limiter.send(0.0), 0.0)
    assert limiter.ready_at(0.0) == 0.0


def test_a_token_given_back_is_one() -> None:
    """Five of five are spent and one comes back, so one call may go, and the next waits."""
    limiter = BucketLimiter(2.0, 5.0)
    tickets = [limiter.send(0.0) for _ in range(5)]
    limiter.withdrawn(tickets[-1], 0.0)
    assert send_all(limiter, 0.0, 0.5) == pytest.approx([0.0, 0.5])


def test_a_throttle_leaves_nothing_of_the_burst() -> None:
    """Four of five tokens were left when the 429 came: after the pause one call goes, not two."""
    limiter = BucketLimiter(2.0, 5.0)
    limiter.throttled(limiter.send(0.0), 0.0, None)
    assert send_all(limiter, 0.0, 1.1) == pytest.approx([0.5, 1.0])


def test_an_accepted_call_of_the_throttled_flight_ends_no_series() -> None:
    """It was let through before the bucket was empty, so the next pause is twice as long."""
    limiter = BucketLimiter(2.0, 2.0)
    first, second = limiter.send(0.0), limiter.send(0.0)
    limiter.throttled(first, 0.0, None)
    limiter.accepted(second, 0.1)
    limiter.throttled(limiter.send(0.5), 0.5, None)
    assert limiter.ready_at(0.5) == pytest.approx(1.5)


def test_a_moment_that_is_told_late_fills_nothing_twice() -> None:
    """Time that has passed once is counted once, whoever asks with an older moment."""
    limiter = BucketLimiter(2.0, 1.0)
    limiter.send(10.0)
    limiter.ready_at(9.0)
    assert limiter.ready_at(10.0) == pytest.approx(10.5)


def test_what_lacks_by_rounding_alone_is_not_waited_for() -> None:
    """A tenth of a billionth of a second before the token is whole, it counts as whole."""
    limiter = BucketLimiter(1.0, 1.0)
    limiter.send(0.0)
    nearly = 1.0 - 1e-10
    assert limiter.ready_at(nearly) == nearly


@pytest.mark.parametrize(("rate", "burst"), [(0.0, 5.0), (-1.0, 5.0), (2.0, 0.5)])
def test_a_bucket_that_lets_nothing_through_is_refused(rate: float, burst: float) -> None:
    """A rate of 0 or a burst below one call would wait for ever."""
    with pytest.raises(ValueError, match="rate > 0"):
        BucketLimiter(rate, burst)


@given(
    rate=st.floats(0.1, 100),
    burst=st.floats(1, 100),
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=60),
)
def test_never_more_than_the_bucket_holds(rate: float, burst: float, gaps: list[float]) -> None:
    """In any stretch of time no more calls go than burst plus rate times its length."""
    limiter, now, sent = BucketLimiter(rate, burst), 0.0, []
    for gap in gaps:
        now = max(now + gap, limiter.ready_at(now + gap))
        limiter.send(now)
        sent.append(now)
    for i, start in enumerate(sent):
        for j in range(i, len(sent)):
            assert j - i + 1 <= burst + rate * (sent[j] - start) + 1e-6


@given(events=st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=80))
def test_a_limiter_always_lets_go_on_within_its_longest_pause(
    events: list[tuple[float, bool]],
) -> None:
    """However the service throttles, the next call may go within 30 s."""
    limiter, now = BucketLimiter(), 0.0
    for gap, refused in events:
        now = max(now + gap, limiter.ready_at(now + gap))
        ticket = limiter.send(now)
        if refused:
            limiter.throttled(ticket, now, None)
        else:
            limiter.accepted(ticket, now)
        assert limiter.ready_at(now) <= now + 30.0


@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (9, 20.0), (5000, 20.0)]
)
def test_full_jitter_spreads_over_the_whole_wait(attempt: int, longest: float) -> None:
    """A wait lies anywhere between nothing and a bound that doubles up to its cap."""
    assert full_jitter(attempt, 0.0, base=1.0, cap=20.0) == 0.0
    assert full_jitter(attempt, 0.5, base=1.0, cap=20.0) == pytest.approx(longest / 2)


def test_scouts_ask_early_and_the_others_wait_for_them() -> None:
    """The first five jobs are asked after 1 s, all others after 20 s."""
    plan = PollPlan()
    assert [plan.first(100.0) for _ in range(SCOUTS + 2)] == [101.0] * SCOUTS + [120.0, 120.0]


def test_a_scout_asks_each_time_half_as_long_again() -> None:
    """A scout's job is asked at 1, 2, 3, 4.5, 6.75 s and so on, never more than 20 s apart."""
    plan, asked = PollPlan(), [1.0]
    for _ in range(14):
        asked.append(plan.next(0.0, asked[-1]))
    assert asked[:5] == pytest.approx([1.0, 2.0, 3.0, 4.5, 6.75])
    assert max(b - a for a, b in itertools.pairwise(asked)) == 20.0


def test_a_known_length_tells_when_to_ask() -> None:
    """A job is asked first at the usual length, and then each tenth of its age."""
    plan = PollPlan()
    plan.ended(38.0, 42.0)
    assert plan.expected == pytest.approx(40.0)
    assert plan.first(100.0) == pytest.approx(140.0)
    assert plan.next(100.0, 110.0) == pytest.approx(140.0)
    assert plan.next(100.0, 140.0) == pytest.approx(144.0)
    assert plan.next(100.0, 102.0) == pytest.approx(140.0)


@given(length=st.floats(6, 300), jitter=st.lists(st.floats(0.9, 1.1), min_size=100, max_size=100))
def test_about_two_questions_a_job_once_lengths_are_known(
    length: float, jitter: list[float]
) -> None:
    """For jobs within a tenth of one another, at most 2.5 questions and a tenth of delay a job."""
    plan, questions, delay = PollPlan(), 0, 0.0
    plan.ended(length, length)
    for factor in jitter:
        end, asked, seen_running = length * factor, plan.first(0.0), 0.0
        questions += 1
        while asked < end:
            seen_running = asked
            asked = plan.next(0.0, asked)
            questions += 1
        delay += (asked - end) / end
        plan.ended(seen_running, asked)
    assert questions <= 250
    assert delay / 100 <= 0.1
