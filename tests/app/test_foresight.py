"""How long a run will take, from what the ledger and the plan tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from batch_onboard.app.foresight import foresee
from batch_onboard.app.settings import Settings
from batch_onboard.core.forecast import Forecast
from batch_onboard.core.lifecycle import State
from batch_onboard.core.opening import Opening
from batch_onboard.core.planning import Action
from batch_onboard.core.record import Record
from batch_onboard.core.steps import Rules
from tests.app.examples import NOON, history, target

PLAIN = Settings()
A = target("a")


@pytest.mark.parametrize(
    ("begins", "action", "least", "most"),
    [
        (Opening.NOTHING, None, 0, 0),
        (Opening.NOTHING, Action.START, 0, 0),  # what was planned has been done since
        (Opening.LOOK, None, 0, 300),
        (Opening.START, None, 20, 300),
        (Opening.FOLLOW, None, 0, 300),
        (Opening.LOOK, Action.START, 20, 300),
        (Opening.LOOK, Action.LATER, 0, 0),
        (Opening.LOOK, Action.CHECK, 0, 300),
        (Opening.LOOK, Action.DONE, 0, 0),
    ],
)
def test_what_is_due_takes_its_time(
    begins: Opening, action: Action | None, least: int, most: int
) -> None:
    """A sure Start takes a job at least; one that may be needed does so only at most."""
    found = foresee([(A, begins, action)], PLAIN, history())
    assert (round(found.least), round(found.most, -1)) == (least, most)


def test_waves_go_one_after_the_other() -> None:
    """Their times add up, and the slowest of all is named."""
    late = target("b", account="444455556666", wave=2)
    begin = [(A, Opening.START, None), (late, Opening.START, None)]
    one = foresee(begin[:1], PLAIN, history())
    both = foresee(begin, PLAIN, history())
    assert (both.least, both.most) == (2 * one.least, 2 * one.most)
    assert both.slowest is not None


def test_jobs_that_have_ended_tell_how_long_one_takes() -> None:
    """The ledger's own jobs count, not those that others started; without waiting none does."""
    known = history()
    known.records[A.key] = Record(
        State.SUCCEEDED, ours=True, started_at=NOON, finished_at=NOON + timedelta(seconds=40)
    )
    known.records[target("b").key] = Record(
        State.ALREADY_ONBOARDED, started_at=NOON, finished_at=NOON + timedelta(hours=1)
    )
    begins = [(A, Opening.START, None)]
    assert foresee(begins, PLAIN, known).most == 40.5  # half a second of quota, then the job
    unwatched = replace(PLAIN, rules=Rules(wait=False))
    assert foresee(begins, unwatched, known).most < 3


def test_nothing_takes_no_time() -> None:
    """An empty batch is over at once."""
    assert foresee([], PLAIN, history()) == Forecast()
