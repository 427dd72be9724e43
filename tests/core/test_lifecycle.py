from __future__ import annotations

import copy
from itertools import product

import pytest

from batch_onboard.core.lifecycle import TRANSITIONS, Event, IllegalMoveError, State, move
from batch_onboard.core.record import Entry, Record
from tests.core.examples import KEY, NOON


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_each_event_moves_as_the_table_says_or_changes_nothing(state: State, event: Event) -> None:
    """A possible event leads to the table's state; an impossible one raises and changes nothing."""
    record = Record(state=state)
    before = copy.copy(record)
    entry = Entry(event, KEY, NOON)
    if event in TRANSITIONS[state]:
        record.apply(entry)
        assert record.state is TRANSITIONS[state][event]
    else:
        with pytest.raises(IllegalMoveError, match=f"{event.value} is not possible"):
            record.apply(entry)
        assert record == before


# i(n progress), f(ailed) and so on: where an event leads; a dot: it is not possible.
TABLE = """
                  pending submitting in_progress succeeded already_onboarded drifted failed rejected unresolved
intended          s       .          .           .         .                 .       .      .        .
withdrawn         .       p          .           .         .                 .       .      .        .
refused           .       p          .           .         .                 .       .      .        .
running           i       i          i           i         i                 i       i      i        i
job_succeeded     .       S          S           S         S                 S       S      S        S
job_failed        f       f          f           f         f                 f       f      f        f
found_onboarded   a       a          a           S         a                 a       a      a        a
found_drift       d       d          d           d         d                 d       d      d        d
found_missing     .       d          d           d         d                 d       d      d        d
not_onboarded     p       p          p           .         .                 p       p      p        p
clearing          .       .          .           .         .                 .       f      .        .
cleared           .       .          .           .         .                 .       p      .        .
rejected          r       r          .           .         .                 .       .      r        r
gave_up           u       u          u           u         u                 u       u      u        u
"""
LETTERS = {state.value[0]: state for state in State} | {"s": State.SUBMITTING, "S": State.SUCCEEDED}


def test_the_table_is_the_one_that_the_contract_asks_for() -> None:
    """Written down a second time, by hand: a cell that changes is a promise that changes."""
    header, *rows = TABLE.strip().splitlines()
    written: dict[State, dict[Event, State]] = {State(name): {} for name in header.split()}
    for row in rows:
        event, *cells = row.split()
        for name, cell in zip(header.split(), cells, strict=True):
            if cell != ".":
                written[State(name)][Event(event)] = LETTERS[cell]
    assert written == TRANSITIONS


def test_an_impossible_move_names_state_and_event() -> None:
    """For whoever reads the crash note, and for the ledger, which says in which line it is."""
    with pytest.raises(IllegalMoveError) as caught:
        move(State.REJECTED, Event.INTENDED)
    assert (caught.value.state, caught.value.event) == (State.REJECTED, Event.INTENDED)
    assert str(caught.value) == "intended is not possible in state rejected"


def test_a_start_is_intended_only_by_a_pending_target() -> None:
    """No other state allows an intent, so a second Start needs proof about the first."""
    assert [state for state in State if Event.INTENDED in TRANSITIONS[state]] == [State.PENDING]


def test_a_submitting_target_becomes_pending_only_by_proof() -> None:
    """Only a withdrawal, a refusal or a late enough read of nothing reopens the way to a Start."""
    back = {e for e, to in TRANSITIONS[State.SUBMITTING].items() if to is State.PENDING}
    assert back == {Event.WITHDRAWN, Event.REFUSED, Event.NOT_ONBOARDED}


def test_what_this_ledger_onboarded_stays_its_success() -> None:
    """A read that finds it as it was left does not turn it into somebody else's work."""
    assert move(State.SUCCEEDED, Event.FOUND_ONBOARDED) is State.SUCCEEDED
    assert move(State.PENDING, Event.FOUND_ONBOARDED) is State.ALREADY_ONBOARDED


def test_every_state_can_be_reached_from_pending() -> None:
    """The table has no state that nothing leads to."""
    reached = {State.PENDING}
    while more := {to for s in reached for to in TRANSITIONS[s].values()} - reached:
        reached |= more
    assert reached == set(State)


def test_an_open_intent_survives_giving_up_and_nothing_else() -> None:
    """Whoever tries again after giving up still knows that a Start may have been sent."""
    record = Record()
    record.apply(Entry(Event.INTENDED, KEY, NOON, hold=60.0, clean=True))
    record.apply(Entry(Event.GAVE_UP, KEY, NOON, error_code="timeout"))
    assert (record.state, record.intent_at, record.clean) == (State.UNRESOLVED, NOON, True)
    record.apply(Entry(Event.RUNNING, KEY, NOON, ours=True))
    assert (record.intent_at, record.ours, record.attempts) == (None, True, 1)


def test_attempts_count_the_starts_that_were_sent() -> None:
    """A withdrawn intent is no attempt, a refused one is."""
    record = Record()
    for event in (Event.INTENDED, Event.WITHDRAWN, Event.INTENDED, Event.REFUSED):
        record.apply(Entry(event, KEY, NOON))
    assert record.attempts == 1


def test_automatic_clears_are_counted_when_they_are_done() -> None:
    """Only deletions by the rule for INTERNAL_FAILURE use up its bound, and not their tries."""
    record = Record()
    record.apply(Entry(Event.JOB_FAILED, KEY, NOON, failure_code="INTERNAL_FAILURE", ours=True))
    record.apply(Entry(Event.CLEARING, KEY, NOON))
    record.apply(Entry(Event.CLEARING, KEY, NOON))
    assert (record.automatic_clears, record.failure_code) == (0, "INTERNAL_FAILURE")
    record.apply(Entry(Event.CLEARED, KEY, NOON, automatic=True))
    assert (record.state, record.ours, record.failure_code) == (State.PENDING, False, None)
    assert record.automatic_clears == 1


def test_a_record_keeps_when_it_began_and_ended() -> None:
    """The Start's intent gives the beginning, an end its time; a new Start opens it again."""
    record = Record()
    record.apply(Entry(Event.INTENDED, KEY, NOON))
    record.apply(Entry(Event.RUNNING, KEY, NOON, ours=True, request_id="r-1"))
    record.apply(Entry(Event.JOB_FAILED, KEY, NOON, ours=True))
    assert (record.started_at, record.finished_at, record.request_id) == (NOON, NOON, "r-1")
    record.apply(Entry(Event.CLEARED, KEY, NOON))
    assert record.finished_at is None
