from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from batch_onboard.cli.conduct import stopping_told
from batch_onboard.cli.progress import ProgressMode, can_renew
from batch_onboard.cli.telling import progress_facts, progress_line
from batch_onboard.cli.view import frame, head
from batch_onboard.core.forecast import Forecast
from batch_onboard.core.lifecycle import State
from batch_onboard.core.picture import Outlook, Picture, Slow, Wait
from batch_onboard.core.targets import Domain

SLOW = Domain("111122223333", "eu-west-2")
SEEN = Picture(
    elapsed=192.0,
    states={
        State.PENDING: 670,
        State.IN_PROGRESS: 310,
        State.SUCCEEDED: 2131,
        State.FAILED: 4,
        State.UNRESOLVED: 5,
    },
    over=2140,
    selected=3120,
    jobs=310,
    held=0,
    in_flight=12,
    calls=9000,
    starts=2450,
    throttled=40,
    rate=38.2,
    throttles=3,
    outlook=Outlook(
        Forecast(300.0, 540.0),
        (
            Slow(SLOW, 640, 540.0, 2.0, Wait.QUOTA),
            Slow(Domain("444455556666", "us-east-1"), 80, 100.0, 1.7, Wait.THROTTLE),
            Slow(Domain("777777777777", "eu-central-1"), 1, 40.0, 2.0, Wait.JOB),
        ),
    ),
)
VIEW = """\
2,140/3,120 68%  ━━━━━━━━━━━━━━━━━━━─────────  3m12s, ETA 5 to 9 min
pending 670  in_progress 310  succeeded 2,131  failed 4  unresolved 5
38 calls/s  3 throttles/min  12 calls in flight  310 jobs run
slowest 111122223333/eu-west-2     640 left, 9 min: quota, 2.0 Starts/s
        444455556666/us-east-1     80 left, 2 min: throttled, 1.7 Starts/s
        777777777777/eu-central-1  1 left, 40 s: jobs run
"""


def shown(seen: Picture, width: int, height: int = 24, *, plain: bool = False) -> str:
    """The view as a terminal without colours gets it."""
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, legacy_windows=False)
    for line in frame(seen, width, height, plain=plain):
        console.print(line, soft_wrap=True)
    return out.getvalue()


def test_the_view_tells_how_far_how_fast_and_what_is_slow() -> None:
    """Counts, a bar, rate, 429s, jobs, the time left, and the slowest domains with their reasons."""
    assert shown(SEEN, 80) == VIEW
    assert shown(SEEN, 200) == VIEW


@pytest.mark.parametrize("width", [1, 5, 20, 40, 60, 79, 80, 110, 200])
@pytest.mark.parametrize("height", [1, 2, 5, 24])
def test_the_view_fits_every_window(width: int, height: int) -> None:
    """No line reaches the last column, where terminals wrap; a row stays free below."""
    seen = replace(SEEN, held=2, out=("444455556666/us-east-1", "eu-central-1"))
    lines = frame(seen, width, height, plain=False)
    assert 1 <= len(lines) <= max(1, height - 1)
    assert all(line.cell_len < max(2, width) for line in lines)


def test_a_narrow_view_breaks_between_counts() -> None:
    """At 40 columns nothing but the reasons of domains is cut."""
    assert shown(SEEN, 40).splitlines()[:5] == [
        "2,140/3,120 68%  3m12s, ETA 5 to 9 min",
        "pending 670  in_progress 310",
        "succeeded 2,131  failed 4  unresolved 5",
        "38 calls/s  3 throttles/min",
        "12 calls in flight  310 jobs run",
    ]


def test_a_terminal_without_unicode_gets_ascii() -> None:
    """The bar and what stands for a cut are drawn otherwise there."""
    assert shown(SEEN, 60, plain=True).isascii()
    assert "####" in shown(SEEN, 60, plain=True)
    assert shown(SEEN, 30, plain=True).isascii()


def test_what_is_out_of_order_or_unproven_has_a_line_of_its_own() -> None:
    """Nothing seems to happen then, and this is why."""
    text = shown(replace(SEEN, held=2, out=("444455556666/us-east-1",)), 80)
    assert "2 wait for proof that no Start landed\n" in text
    assert "out of order: 444455556666/us-east-1\n" in text


def test_a_run_that_is_over_has_no_time_left() -> None:
    """The last line that stays says how far it came and how long it took."""
    over = replace(SEEN, over=3120, outlook=Outlook(Forecast()))
    assert head(over, 80, plain=True).plain == f"3,120/3,120 100%  {'#' * 28}  3m12s"


def test_progress_is_one_line_off_a_terminal() -> None:
    """It tells the same as the view, in short."""
    assert progress_line(SEEN) == (
        "2,140/3,120 68% | ok 2,131, stopped 9 | "
        "38 calls/s, 3 throttles/min, 12 calls in flight, 310 jobs run | ETA 5 to 9 min | "
        "slowest 111122223333/eu-west-2 640 left, 9 min: quota, 2.0 Starts/s | 3m12s"
    )
    held = replace(SEEN, held=2, outlook=Outlook())
    assert "| ETA learning | 2 wait for proof that no Start landed |" in progress_line(held)


def test_progress_seen_from_outside_leaves_out_what_can_not_be_seen() -> None:
    """A ledger tells of Starts, not of every call, nor of what is waited for."""
    slow = Slow(SLOW, 640, None, 2.0, None)
    seen = replace(SEEN, calls=None, in_flight=None, outlook=Outlook(None, (slow,)))
    line = progress_line(seen)
    assert "38 Starts/s, 3 throttles/min, 310 jobs run" in line
    assert "slowest 111122223333/eu-west-2 640 left |" in line


def test_progress_for_programs_is_json() -> None:
    """The fields are those that docs/operations.md has."""
    told = json.loads(json.dumps(progress_facts(SEEN)))
    assert told["eta"] == {"least": 300, "most": 540}
    assert told["slowest"][0] == {
        "domain": "111122223333/eu-west-2",
        "left": 640,
        "seconds": 540,
        "rate": 2.0,
        "waits_for": "quota",
    }
    learning = progress_facts(replace(SEEN, outlook=Outlook()))
    assert (learning["eta"], learning["slowest"]) == (None, [])


@pytest.mark.parametrize(
    ("mode", "terminal", "events", "expected"),
    [
        (ProgressMode.AUTO, True, False, ProgressMode.BAR),
        (ProgressMode.AUTO, False, False, ProgressMode.PLAIN),
        (ProgressMode.JSON, True, False, ProgressMode.JSON),
        (ProgressMode.AUTO, True, True, ProgressMode.PLAIN),
        (ProgressMode.BAR, True, True, ProgressMode.PLAIN),
        (ProgressMode.BAR, False, False, ProgressMode.PLAIN),
        (ProgressMode.NONE, False, True, ProgressMode.NONE),
    ],
)
def test_progress_fits_where_it_is_shown(
    mode: ProgressMode, terminal: bool, events: bool, expected: ProgressMode
) -> None:
    """A view that renews itself is for terminals only, and never stands among events."""
    assert mode.resolved(terminal=terminal, events=events) is expected


@pytest.mark.parametrize(("term", "able"), [("xterm", True), ("dumb", False), (None, False)])
def test_a_dumb_terminal_gets_plain_lines(
    monkeypatch: pytest.MonkeyPatch, term: str | None, able: bool
) -> None:
    """Where TERM says that nothing can be renewed, nothing is."""
    monkeypatch.delenv("TERM", raising=False)
    if term is not None:
        monkeypatch.setenv("TERM", term)
    assert (can_renew(terminal=True), can_renew(terminal=False)) == (able, False)


def test_a_signal_is_answered_with_what_is_finished_first() -> None:
    """Where nothing is under way, there is nothing to finish."""
    assert stopping_told(12) == "stopping: finishing 12 calls, again to stop now"
    assert stopping_told(0) == "stopping, again to stop now"
