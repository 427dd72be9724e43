from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from batch_onboard.core.calls import Operation
from batch_onboard.core.lifecycle import Event, State
from batch_onboard.core.targets import Api, TargetKey
from batch_onboard.ledger.fold import Fold
from batch_onboard.ledger.history import History
from batch_onboard.ledger.lines import ENTRY_LINES, LearnedLine, Line, TargetLine
from batch_onboard.report.following import Following
from tests.ledger.building import AT, HEADER, run_line

START = timedelta(seconds=10)


def at(seconds: float) -> Any:
    """The time so many seconds after the beginning."""
    return AT + timedelta(seconds=seconds)


class Told:
    """A ledger of which lines are told one by one."""

    def __init__(self) -> None:
        self.history = History(HEADER)
        self.following = Following()
        self._fold = Fold(self.history)

    def tell(self, *lines: Line) -> None:
        """Take lines in, as a follower does."""
        for line in lines:
            self._fold.take(line)
            self.following.take(line)

    def targets(self, account: str, number: int) -> None:
        """Let targets stand in the manifest."""
        for i in range(number):
            name = str(TargetKey(account, "eu-west-2", f"i-{i}"))
            self.tell(TargetLine(at=AT, target=name, api=Api.V1, encryption="disabled"))

    def event(self, event: Event, seconds: float, number: int, **facts: Any) -> None:
        """Let something happen to a target of the first account."""
        name = str(TargetKey("000000000001", "eu-west-2", f"i-{number}"))
        self.tell(ENTRY_LINES[event](at=at(seconds), target=name, **facts))


@pytest.fixture
def told() -> Told:
    """A run over two accounts: 4 targets in one, 2 in the other."""
    made = Told()
    made.tell(run_line())
    made.targets("000000000001", 4)
    made.targets("000000000002", 2)
    return made


def test_states_and_rates_are_those_of_the_ledger(told: Told) -> None:
    """Starts of the last ten seconds, throttles of the last minute; the rest can't be seen."""
    told.event(Event.INTENDED, 1, 0)
    told.event(Event.REFUSED, 2, 0, error_code="ThrottlingException")
    for number in range(3):
        told.event(Event.INTENDED, 50 + number, number)
    told.event(Event.REFUSED, 53, 2, error_code="ConflictException")
    told.event(Event.RUNNING, 53, 0, ours=True)
    told.event(Event.JOB_FAILED, 55, 0, ours=True)
    seen = told.following.picture(told.history, at(58))
    assert seen.states == {State.FAILED: 1, State.SUBMITTING: 1, State.PENDING: 4}
    assert (seen.over, seen.selected, seen.jobs, seen.elapsed) == (1, 6, 0, 58.0)
    assert (seen.starts, seen.throttled, seen.throttles) == (4, 1, 1)
    assert seen.rate == pytest.approx(0.3)
    assert (seen.calls, seen.in_flight) == (None, None)
    assert told.following.picture(told.history, at(90)).throttles == 0


def test_what_is_left_is_foretold_once_a_job_has_ended(told: Told) -> None:
    """With what the ledger knows of quotas; the slowest domain comes first."""
    assert told.following.picture(told.history, at(1)).outlook.forecast is None
    told.event(Event.INTENDED, 1, 0)
    told.event(Event.RUNNING, 2, 0, ours=True)
    told.event(Event.JOB_SUCCEEDED, 31, 0, ours=True)
    told.tell(
        LearnedLine(
            at=AT,
            domain="000000000002/eu-west-2",
            operation=Operation.START,
            rate=0.01,
            burst=1.0,
            confidence=1.0,
            sent=9,
            throttled=1,
        )
    )
    outlook = told.following.picture(told.history, at(32)).outlook
    assert outlook.forecast is not None
    assert outlook.forecast.most == pytest.approx(230.0)  # two Starts, 100 s each, and a job
    assert [(slow.left, slow.wait) for slow in outlook.slowest] == [(2, None), (3, None)]


def test_a_new_run_begins_at_nought(told: Told) -> None:
    """What earlier runs of the ledger did is not this one's."""
    told.event(Event.INTENDED, 1, 0)
    told.event(Event.RUNNING, 2, 0)
    told.tell(run_line("r2"))
    seen = told.following.picture(told.history, at(5))
    assert (seen.starts, seen.rate, seen.jobs) == (0, 0.0, 1)
