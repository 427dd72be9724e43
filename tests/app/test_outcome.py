"""The order of exit codes where several hold, and how an end is told."""

from __future__ import annotations

import signal

import pytest

from batch_onboard.app.outcome import Ending, unsaved
from batch_onboard.core.ports import JournalError, TakenOverError
from batch_onboard.exits import Exit

BUG = ZeroDivisionError("a bug")
EVERYTHING = {
    "received": signal.SIGTERM,
    "bugs": [BUG],
    "too_bad": "3 targets failed, more than --max-failures 2",
    "out_of_time": True,
    "left": 5,
    "limit": 7,
    "fine": False,
}
IN_ORDER = [
    ("received", Exit.TERMINATED, "interrupted, drained and saved"),
    (
        "bugs",
        Exit.ERROR,
        "finished, but a bug of batch-onboard (ZeroDivisionError: a bug) has ended 1 target",
    ),
    ("too_bad", Exit.STOPPED, "stopped: 3 targets failed, more than --max-failures 2"),
    ("out_of_time", Exit.WORK_LEFT, "--max-duration reached, work left"),
    ("left", Exit.WORK_LEFT, "--limit 7 reached, 5 targets left"),
    ("fine", Exit.UNFINISHED, "finished, not all targets are done"),
]


@pytest.mark.parametrize("gravest", range(len(IN_ORDER)))
def test_where_several_hold_the_gravest_is_the_exit_code(gravest: int) -> None:
    """130/143, then a bug, 4, 10, 3: with all at once, and with each one that is graver gone."""
    gone = {name for name, _, _ in IN_ORDER[:gravest]}
    held = {name: value for name, value in EVERYTHING.items() if name not in gone}
    outcome = Ending(**held).outcome()  # type: ignore[arg-type]  # the table has real fields
    assert (outcome.exit_code, outcome.reason) == IN_ORDER[gravest][1:]


def test_a_ledger_that_cannot_be_written_yields_to_signals_alone() -> None:
    """5 stands above all but 130 and 143, whatever else has happened."""
    full = JournalError("disk full")
    assert unsaved(None, full).exit_code is Exit.LEDGER
    assert unsaved(None, TakenOverError("another run has taken it over")).exit_code is Exit.LOCKED
    assert unsaved(signal.SIGINT, full).exit_code is Exit.INTERRUPTED
    assert not unsaved(None, full).saved


def test_a_good_end_is_told_as_such() -> None:
    """Done and nothing to do are 0; a second signal that left Starts unanswered says how many."""
    assert Ending().outcome().exit_code is Exit.OK
    assert Ending(settled=True).outcome().reason == "nothing to do"
    unfinished = Ending(settled=True, fine=False).outcome()
    assert unfinished.reason == "nothing to do, but not all targets are done"
    cut_short = Ending(received=signal.SIGINT, unanswered=2).outcome()
    assert "with 2 Starts unanswered" in cut_short.reason


def test_memory_that_ran_out_is_no_bug() -> None:
    """It has ended targets all the same, so the exit code is that of an unexpected error."""
    outcome = Ending(bugs=[MemoryError(), BUG], fine=False).outcome()
    assert (outcome.exit_code, outcome.reason) == (
        Exit.ERROR,
        "finished, but memory ran out, which has ended 2 targets",
    )
