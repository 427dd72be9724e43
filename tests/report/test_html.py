from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from batch_onboard.core.lifecycle import State
from batch_onboard.core.record import Record
from batch_onboard.core.shard import Shard
from batch_onboard.report.formats import Format, write_report
from batch_onboard.report.html.overview import bar, durations, places
from batch_onboard.report.html.timeline import timelines
from batch_onboard.report.results import results
from tests.report.building import BEGAN, START, batch, paced_line, run

if TYPE_CHECKING:
    from batch_onboard.ledger.history import History


def page(history: History) -> str:
    """The page of a batch."""
    out = io.StringIO()
    write_report(history, Format.HTML, out)
    return out.getvalue()


def data(text: str) -> dict[str, Any]:
    """What a page gives its script to draw."""
    (packed,) = re.findall(r'<script type="text/plain" id="data">(.*?)</script>', text)
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(packed)))
    return found


def only(state: State, started: float | None = None, finished: float | None = None) -> Record:
    """The record of a target, with times in seconds since the first run began."""
    record = Record(state=state, ours=True)
    record.started_at = None if started is None else BEGAN + timedelta(seconds=started)
    record.finished_at = None if finished is None else BEGAN + timedelta(seconds=finished)
    return record


def of(*records: Record) -> History:
    """A batch of two runs, ten minutes apart, whose targets have these records."""
    made = batch(len(records), accounts=2)
    made.records = dict(zip(made.targets, records, strict=True))
    made.paced.clear()
    made.runs = [run("first", BEGAN, 60, 3), run("second", BEGAN + timedelta(minutes=10), 60, 0)]
    return made


def test_ten_thousand_targets_stay_under_two_megabytes() -> None:
    """All of them stand in the page, with their messages, labels and request ids."""
    text = page(batch(10_000))
    assert len(text.encode()) < 2_000_000
    assert {len(column) for column in data(text)["targets"].values()} == {10_000}


def test_the_same_ledger_gives_the_same_page() -> None:
    """No clock and no chance goes into it, so that two copies can be compared."""
    assert page(batch(50)) == page(batch(50))


def test_nothing_but_the_page_s_own_style_and_script_may_run() -> None:
    """The content security policy forbids all, and allows two texts by their digests."""
    text = page(batch(5))
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="(.*?)"', text)
    rules = dict(rule.split(" ", 1) for rule in policy.replace("&#39;", "'").split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert not re.search(
        r"<[^>]+\s(on\w+|style|src|href)=",
        re.sub(r"<script>.*</script>", "", text, flags=re.DOTALL),
    )


def test_a_batch_without_runs_or_targets_has_a_page() -> None:
    """It says that nothing has happened yet, and draws nothing."""
    empty = batch(1)
    empty.runs.clear()
    empty.paced.clear()
    empty.learned.clear()
    empty.targets.clear()
    empty.records.clear()
    text = page(empty)
    assert "0 targets in 0 accounts" in text
    assert "No run yet" in text
    assert data(text) | {"targets": None} == {"targets": None, "timelines": [], "durations": None}


def test_a_page_says_what_ran_who_ran_it_and_how_it_ended() -> None:
    """A run that has not ended says so, and a rehearsal is not taken for the real thing."""
    made = batch(20)
    text = page(made)
    for told in ("run1", "ops", "runner-1", "CHG-1234", "assumed-role/Onboarding/ops", "<b>3</b>"):
        assert told in text
    assert "Rehearsal" not in text
    made.runs[-1] = run("r", BEGAN + timedelta(days=1), 9, 0, simulated=True, caller=None)
    made.runs[0].ended = made.runs[-1].ended = None
    text = page(made)
    assert "Rehearsal" in text
    assert "not when this was written" in text
    assert "2026-11-21 20:00 UTC, not ended" in text


def test_long_lists_are_cut_and_say_so() -> None:
    """Thousands of accounts and years of runs make no endless page."""
    made = batch(100, accounts=100)
    made.runs += [run(f"old{day}", BEGAN + timedelta(days=2 + day), 9, 0) for day in range(40)]
    text = page(made)
    assert "And 85 more, whose targets" in text
    assert "And 12 earlier." in text


def test_each_cause_names_what_to_do_and_knows_its_targets() -> None:
    """The targets behind a cause are those that it counts: an accepted drift is not among them."""
    failed = only(State.FAILED, 1, 2)
    failed.failure_code, failed.message = "KMS_KEY_NOT_FOUND", "the key's gone"
    made = of(*[only(State.DRIFTED, 1, 2) for _ in range(3)], failed, only(State.SUCCEEDED, 1, 2))
    accepted = next(iter(made.targets))
    assert sum(place.done for place in places(results(made))) == 1
    made.targets[accepted] = made.targets[accepted]._replace(accept_drift="CHG-1")
    assert sum(place.done for place in places(results(made))) == 2
    text = page(made)
    assert data(text)["targets"]["cause"] == [0, 1, 1, 2, 0]
    assert "2 targets in 2 accounts" in text
    assert "check the key&#39;s ARN" in text
    assert "the key&#39;s gone" in text


def test_what_happened_is_told_by_run_and_moment() -> None:
    """A Start and its end may belong to two runs: each stands where it happened."""
    made = of(
        only(State.SUCCEEDED, 1, 3.5),
        only(State.SUCCEEDED, 2, 601),
        only(State.FAILED, 2, 4),
        only(State.ALREADY_ONBOARDED, None, 5),
        only(State.IN_PROGRESS, 602),
        only(State.SUCCEEDED, -9, -5),
    )
    first, second = timelines(made, results(made))
    assert (first.run, first.width, first.began) == ("first", 1, BEGAN.timestamp())
    assert (first.starts, first.succeeded, first.stopped) == (
        [0, 1, 2, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
    )
    assert (sum(second.starts), sum(second.succeeded)) == (1, 1)
    assert (first.throttled, first.rates) == (None, {})


def test_runs_of_shards_side_by_side_are_told_apart() -> None:
    """What happened belongs to the run of its own shard, though another began later."""
    made = batch(60)
    made.runs = [
        run(f"shard{index}", BEGAN + timedelta(seconds=index), 9, 0, shard=Shard(index, 2))
        for index in range(2)
    ]
    drawn = {each.run: sum(each.starts) for each in timelines(made, results(made))}
    started = [
        key.domain
        for key, record in made.records.items()
        if record.started_at is not None and record.started_at > BEGAN + timedelta(seconds=1)
    ]
    of_second = sum(Shard(1, 2).has(domain) for domain in started)
    assert 0 < of_second < len(started)
    assert drawn["shard1"] == of_second
    assert drawn["shard0"] >= len(started) - of_second
    text = page(made)
    assert "2026-11-21 20:00 UTC, shard 1 of 2, 9s, exit 0" in text
    assert "shard0, shard 0 of 2" in text


def test_throttles_are_spread_over_the_stretch_of_their_sample() -> None:
    """A sample of ten seconds with five throttles is half a throttle a second."""
    made = of(only(State.SUCCEEDED, 0, 20))
    made.paced += [
        paced_line("first", 10, seconds=10, throttled=5),
        paced_line("first", 20, seconds=0, throttled=3),
        paced_line("unknown", 20, seconds=5, throttled=99),
    ]
    (first,) = timelines(made, results(made))
    assert first.throttled is not None
    assert first.throttled[:11] == [0.5] * 10 + [0]
    assert first.throttled[20] == 3
    assert sum(first.throttled) == 8


def test_a_long_run_has_no_more_bins_than_a_screen_shows() -> None:
    """A night is told in stretches of ten minutes, a batch of years in days."""
    (night,) = timelines(made := of(only(State.SUCCEEDED, 0, 500)), results(made))
    assert (night.width, len(night.starts)) == (10, 51)
    (year,) = timelines(made := of(only(State.SUCCEEDED, 700, 1e8)), results(made))
    assert year.width == 86400


def test_the_rates_are_those_of_the_quotas_that_were_slow_most_often() -> None:
    """A quota that was not among the slowest at some moment has no value there."""
    made = of(only(State.SUCCEEDED, 0, 20))
    made.paced += [
        paced_line("first", 5, rates=tuple((f"a{n}/r", START, 2.0 + n) for n in range(6))),
        paced_line("first", 9, rates=tuple((f"a{n}/r", START, 1.0 + n) for n in range(1, 8))),
    ]
    (first,) = timelines(made, results(made))
    assert len(first.rates) == 6
    assert first.rates[f"a1/r {START}"] == [3.0, 2.0]
    assert first.rates[f"a0/r {START}"] == [2.0, None]
    assert first.rate_times == [BEGAN.timestamp() + 5, BEGAN.timestamp() + 9]


def test_durations_are_of_the_ledger_s_own_jobs() -> None:
    """The last bin takes in what took much longer, and nothing is made up where no job ended."""
    records = [only(State.SUCCEEDED, 0, 30 + number / 10) for number in range(99)]
    took = durations(results(of(*records, only(State.SUCCEEDED, 0, 9000))))
    assert took is not None
    assert (took.jobs, took.step, sum(took.bins)) == (100, 2, 100)
    assert (took.bins[15], took.bins[-1], took.longest) == (20, 1, 9000)
    assert 30 < took.median < took.most < 40
    assert durations(results(of(only(State.IN_PROGRESS, 1)))) is None
    slow = durations(results(of(*[only(State.SUCCEEDED, 0, 1e6)] * 3)))
    assert slow is not None
    assert (slow.jobs, len(slow.bins)) == (3, 24)


def test_places_with_most_that_was_stopped_come_first() -> None:
    """A bar's parts add up to all of its targets, in the same order everywhere."""
    made = of(only(State.SUCCEEDED, 0, 1), only(State.FAILED, 0, 1), only(State.SUCCEEDED, 0, 1))
    first, second = places(results(made))
    assert (first.account_id, first.done, first.targets) == ("000000000001", 0, 1)
    assert (second.account_id, second.done, second.targets) == ("000000000000", 2, 2)
    parts = bar({State.FAILED: 1, State.SUCCEEDED: 3})
    assert [(part.state, part.left, part.width) for part in parts] == [
        (State.SUCCEEDED, 0, 75),
        (State.FAILED, 75, 25),
    ]
    assert bar({}) == ()
