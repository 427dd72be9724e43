from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.core.places import Places


def filled(taken: int) -> Places:
    """Places of which so many are taken."""
    places = Places()
    for _ in range(taken):
        places.take()
    return places


def test_without_a_conflict_there_is_no_limit() -> None:
    """An account is not held back on suspicion."""
    places = filled(1000)
    assert (places.free, places.cap, places.taken) == (True, None, 1000)
    places.ended()
    assert places.cap is None


def test_a_conflict_shows_how_many_places_there_are() -> None:
    """Three others ran when a Start was refused, so there are three places."""
    places = filled(4)
    places.refused(3)
    places.give_back()
    assert (places.cap, places.free) == (3, False)
    places.ended()
    assert places.free


def test_the_conflicts_of_one_flight_say_the_same() -> None:
    """A later conflict with as many or more others teaches nothing new."""
    places = filled(5)
    places.refused(4)
    places.refused(3)
    places.refused(3)
    places.refused(9)
    assert places.cap == 3


def test_a_conflict_that_is_not_about_our_own_jobs_teaches_nothing() -> None:
    """With no other job of ours, somebody else is in the way."""
    places = filled(1)
    places.refused(0)
    assert places.cap is None


def test_a_conflict_about_the_instance_itself_lifts_the_cap_again() -> None:
    """Unless another conflict has been about places."""
    places = filled(4)
    places.refused(3)
    places.explained(by_places=False)
    assert places.cap is None
    places.refused(3)
    places.explained(by_places=True)
    places.refused(2)
    places.explained(by_places=False)
    assert places.cap == 2


def test_one_more_place_is_tried_ever_more_rarely() -> None:
    """After three jobs of three places a fourth is tried; when that fails, only after six."""
    places = filled(3)
    places.refused(3)
    for expected, rounds in ((4, 3), (4, 6), (4, 12)):
        for _ in range(rounds):
            assert places.cap == 3
            places.ended()
            places.take()
        assert places.cap == expected
        places.refused(3)


@given(limit=st.integers(1, 20), jobs=st.integers(50, 300))
def test_an_accounts_limit_is_kept_to_with_few_conflicts(limit: int, jobs: int) -> None:
    """Jobs in a row, whatever the limit: it is used fully, and conflicts are rare."""
    places, running, started, conflicts = Places(), 0, 0, 0
    while started < jobs:
        while places.free and started < jobs:
            places.take()
            if running < limit:
                running += 1
                started += 1
            else:
                conflicts += 1
                places.refused(places.taken - 1)
                places.give_back()
        assert running >= min(limit, jobs)
        places.ended()
        running -= 1
    assert conflicts <= 1 + jobs / limit / 2
    assert conflicts < jobs


def test_what_is_learned_grows_on_while_no_conflict_comes() -> None:
    """Of one place, one end makes two, and two more ends make three: each count begins at 0."""
    places = filled(2)
    places.refused(1)
    caps = []
    for _ in range(4):
        places.ended()
        places.take()
        caps.append(places.cap)
    assert caps == [2, 2, 3, 3]


def test_a_conflict_that_teaches_nothing_changes_no_count() -> None:
    """Two of three jobs have ended when the last conflict of a flight comes: one more is enough."""
    places = filled(4)
    places.refused(3)
    places.ended()
    places.ended()
    places.refused(3)
    places.ended()
    assert places.cap == 4


def test_only_a_try_that_fails_costs_patience() -> None:
    """Two conflicts of one flight, none of them after a try: a try comes after one round still."""
    places = filled(5)
    places.refused(4)
    places.refused(3)
    for _ in range(3):
        places.ended()
    assert places.cap == 4
