"""How long work will take, worked out by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.core.calls import Operation
from batch_onboard.core.forecast import (
    EXAMPLES,
    OVERALL_RATE,
    UNKNOWN_LENGTH,
    Forecast,
    JobLength,
    Pace,
    Slowest,
    Work,
    forecast,
    gather,
)
from batch_onboard.core.targets import Domain

HERE = Domain("111122223333", "eu-west-2")
THERE = Domain("444455556666", "us-east-1")
JOBS = JobLength(20.0, 60.0)


def default_pace(domain: Domain, operation: Operation) -> Pace:
    """Say what AWS's documentation says of every quota."""
    del domain, operation
    return Pace(2.0, 5.0)


def test_nothing_to_do_takes_no_time() -> None:
    """Without work there is no time to wait and nothing that is slow."""
    assert forecast({}, default_pace) == Forecast()
    assert forecast({HERE: Work()}, default_pace) == Forecast()


def test_starts_take_their_quota_and_then_a_job() -> None:
    """45 Starts at 2/s with a burst of 5 leave in 20 s, and the last one's job follows."""
    found = forecast({HERE: Work(starts=45)}, default_pace, JobLength(10.0, 15.0))
    # At worst no burst is left, and 135 polls at 2/s take longer than the last job.
    assert found == Forecast(30.0, 67.5, Slowest(HERE, Operation.STATUS, 135, 2.0))


def test_few_starts_wait_for_their_jobs() -> None:
    """Where a burst covers all calls, the length of the jobs is what is waited for."""
    found = forecast({HERE: Work(starts=2)}, default_pace, JOBS)
    assert found == Forecast(20.0, 61.0, Slowest(HERE, None, 2, 0.0))


def test_what_is_only_read_takes_no_job() -> None:
    """Reads alone take the quota of one operation, since both kinds go on side by side."""
    found = forecast({HERE: Work(reads=25)}, default_pace, JOBS)
    assert found == Forecast(10.0, 12.5, Slowest(HERE, Operation.STATUS, 25, 2.0))


def test_what_may_need_a_start_counts_at_worst() -> None:
    """Targets that may turn out to need a Start make the most longer, not the least."""
    found = forecast({HERE: Work(reads=2, perhaps=2)}, default_pace, JOBS)
    assert found == Forecast(4 / OVERALL_RATE, 61.0, Slowest(HERE, None, 2, 0.0))


def test_jobs_that_run_already_may_end_at_once() -> None:
    """A job that is followed has at worst its whole length before it."""
    found = forecast({HERE: Work(following=1)}, default_pace, JOBS)
    assert found == Forecast(1 / OVERALL_RATE, 60.0, Slowest(HERE, None, 1, 0.0))


def test_the_slowest_domain_decides() -> None:
    """Domains work side by side, so the time is that of the slowest, which is named."""

    def pace_of(domain: Domain, operation: Operation) -> Pace:
        slow = domain == THERE and operation is Operation.START
        return Pace(0.1, 1.0) if slow else Pace(10.0, 10.0)

    works = {HERE: Work(starts=40), THERE: Work(starts=11)}
    found = forecast(works, pace_of, JOBS)
    assert found == Forecast(120.0, 170.0, Slowest(THERE, Operation.START, 11, 0.1))


def test_many_domains_keep_the_process_busy() -> None:
    """Where all calls together take longer than any domain, no domain is to blame."""
    works = {Domain(f"{number:012}", "eu-west-2"): Work(reads=2) for number in range(10_000)}
    found = forecast(works, default_pace, JOBS)
    assert found == Forecast(40_000 / OVERALL_RATE, 40_000 / OVERALL_RATE)


def test_lengths_of_jobs_leave_out_what_is_odd() -> None:
    """A tenth of the known lengths at each end says nothing; none at all is what AWS says."""
    assert JobLength.of([]) == UNKNOWN_LENGTH
    assert JobLength.of([30.0]) == JobLength(30.0, 30.0)
    assert JobLength.of([*range(30, 39), 1000.0, 1.0]) == JobLength(30, 38)


works = st.builds(
    Work,
    reads=st.integers(0, 1000),
    starts=st.integers(0, 1000),
    perhaps=st.integers(0, 1000),
    following=st.integers(0, 1000),
)


@given(st.dictionaries(st.sampled_from([HERE, THERE]), works), works)
def test_more_work_never_takes_less(before: dict[Domain, Work], more: Work) -> None:
    """The least never exceeds the most, and more work shortens neither."""
    found = forecast(before, default_pace)
    assert 0 <= found.least <= found.most
    had = before.get(HERE, Work())
    added = Work(
        had.reads + more.reads,
        had.starts + more.starts,
        had.perhaps + more.perhaps,
        had.following + more.following,
    )
    longer = forecast({**before, HERE: added}, default_pace)
    assert longer.least >= found.least
    assert longer.most >= found.most


def test_domains_that_are_alike_are_foretold_as_they_are_one_by_one() -> None:
    """Half a million of them are looked at by a few examples, and those that are known alone."""
    works = {Domain(f"{i:012}", "eu-west-2"): Work(reads=i % 4, starts=1) for i in range(4_000)}
    known = Domain(f"{7:012}", "eu-west-2")

    def pace_of(domain: Domain, _operation: Operation) -> Pace:
        return Pace(0.001, 1.0) if domain == known else Pace(2.0, 5.0)

    found, alike = gather(works.items(), {known})
    assert len(found) == 4 * EXAMPLES + 1
    assert sum(alike.get(domain, 1) for domain in found) == len(works)
    assert forecast(found, pace_of, JOBS, alike) == forecast(works, pace_of, JOBS)
