from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.core.estimate import SLOWEST
from batch_onboard.core.yielding import Yielding

GIVE = 0.7


def make(climb: float = 0.01) -> Yielding:
    """Make one with the usual constants and its own chance."""
    return Yielding(Random(1).random, give=GIVE, climb=climb)


def run(shared: Yielding, now: float, until: float) -> float:
    """Send whenever it is time, and return when that was last."""
    while shared.ready_at <= until:
        now = max(now, shared.ready_at)
        shared.sent(now)
    return now


def test_idle_until_somebody_else_is_met() -> None:
    """Alone, it paces nothing and has no pace to speak of."""
    shared = make()
    shared.sent(3.0)
    assert not shared.active
    assert not shared.met
    assert shared.ready_at == float("-inf")


def test_meeting_somebody_leaves_him_a_part() -> None:
    """The pace falls to seven tenths, and the next call waits for half to one and a half turns."""
    shared = make()
    shared.begin(5.0, 10.0)
    assert shared.active
    assert shared.pace == pytest.approx(7.0)
    assert 5.0 + 0.5 / 7.0 <= shared.ready_at <= 5.0 + 1.5 / 7.0


def test_quiet_time_lets_the_pace_climb_ever_faster() -> None:
    """The second five seconds without a refusal add more than the first."""
    shared = make()
    shared.begin(0.0, 10.0)
    now = run(shared, 0.0, 5.0)
    first = shared.pace - 7.0
    run(shared, now, 10.0)
    assert shared.pace - 7.0 > 2 * first > 0


def test_a_newcomer_climbs_sooner() -> None:
    """With quiet time on account, five seconds raise the pace by more."""
    late, early = make(), make()
    late.begin(0.0, 1.0, quiet=30.0)
    early.begin(0.0, 1.0)
    run(late, 0.0, 5.0)
    run(early, 0.0, 5.0)
    assert late.pace > 2 * early.pace


def test_time_without_work_is_no_quiet_time() -> None:
    """After an hour in which nothing was sent, the pace is about what it was."""
    shared = make()
    shared.begin(0.0, 10.0)
    now = run(shared, 0.0, 2.0)
    before = shared.pace
    shared.sent(now + 3600.0)
    assert shared.pace == pytest.approx(before, rel=0.01)


def test_a_refusal_that_our_own_bucket_explains_ends_it() -> None:
    """It gives way once more, then paces no longer, but remembers that somebody was met."""
    shared = make()
    shared.begin(0.0, 10.0)
    seen = []
    for end, alone in ((1.0, False), (2.0, True)):
        shared.refused(end, alone=alone)
        seen.append((shared.active, shared.met))
    assert seen == [(True, True), (False, True)]
    assert shared.pace == pytest.approx(10.0 * GIVE**3)


def test_paces_that_are_refused_together_draw_together() -> None:
    """Two that climb for as long and give way at once end within a tenth of each other."""
    fast, slow = make(), make()
    fast.begin(0.0, 12.0)
    slow.begin(0.0, 2.0)
    for end in range(10, 400, 10):
        for shared in (fast, slow):
            run(shared, float(end - 10), float(end))
            shared.refused(float(end), alone=False)
    assert slow.pace > 0.9 * fast.pace


@given(
    rate=st.floats(0.01, 500),
    events=st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=60),
)
def test_never_slower_than_the_slowest_rate(rate: float, events: list[tuple[float, bool]]) -> None:
    """However often it is refused, the next call waits six seconds at most."""
    shared, now = make(), 0.0
    shared.begin(now, rate)
    for gap, refused in events:
        now += gap
        if refused:
            shared.refused(now, alone=False)
        else:
            shared.sent(now)
        assert shared.pace >= SLOWEST
        assert shared.ready_at <= now + 1.5 / SLOWEST + 1e-9
