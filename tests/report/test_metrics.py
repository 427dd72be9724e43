from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from batch_onboard.core.calls import Operation
from batch_onboard.core.lifecycle import State
from batch_onboard.core.limiter import LimiterStatistics
from batch_onboard.core.targets import Domain
from batch_onboard.ledger.history import History, RunSummary
from batch_onboard.ledger.lines import FORMAT, HeaderLine, RunEndedLine, RunLine
from batch_onboard.report.metrics import (
    Ending,
    Reading,
    last_ending,
    last_success,
    metrics_text,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
START = Operation.START


def reading(**changes: object) -> Reading:
    """A reading of a run that is under way for the first time."""
    values: dict[str, object] = {
        "batch": 'a "wave"',
        "active": True,
        "states": {State.SUCCEEDED: 2, State.FAILED: 1},
        "starts": 3,
        "calls": 9,
        "throttled": 1,
        "domains": 1,
        "quotas": [(Domain("000000000001", "eu-west-2"), START, LimiterStatistics(2.5, 5, 4, 1))],
        "last": None,
        "success": None,
    }
    return Reading(**(values | changes))  # type: ignore[arg-type]  # a test names them freely


def samples(seen: Reading) -> dict[tuple[str, ...], float]:
    """Read the text back as Prometheus does: each sample by its name and labels but the batch."""
    found = {}
    for family in text_string_to_metric_families(metrics_text(seen).decode()):
        assert family.documentation
        for sample in family.samples:
            assert sample.labels.pop("batch") == seen.batch
            name = sample.name.removeprefix("batch_onboard_")
            found[name, *sample.labels.values()] = sample.value
    return found


def test_the_text_is_what_prometheus_reads() -> None:
    """Names are quoted, totals end in _total, and every state has a number, also 0."""
    found = samples(reading())
    assert (found["targets", "succeeded"], found["targets", "pending"]) == (2, 0)
    assert len([name for name in found if name[0] == "targets"]) == len(State)
    assert (found["starts_total",], found["answers_total",], found["throttles_total",]) == (3, 9, 1)
    where = ("000000000001", START.value, "eu-west-2")
    assert found["quota_rate", *where] == 2.5
    assert (found["quota_calls_total", *where], found["quota_throttles_total", *where]) == (4, 1)


def test_what_never_happened_is_not_made_up() -> None:
    """No run has ended: no exit code is told, and the last success was never."""
    found = samples(reading())
    assert found["last_success_timestamp_seconds",] == 0
    assert ("last_run_exit_code",) not in found
    ended = samples(reading(active=False, last=Ending(1e9, 3), success=5e8))
    assert (ended["last_run_exit_code",], ended["last_run_end_timestamp_seconds",]) == (3, 1e9)
    assert (ended["last_success_timestamp_seconds",], ended["run_active",]) == (5e8, 0)


def history(*codes: int | None) -> History:
    """A ledger whose runs ended a day apart with these codes; None: killed."""
    made = History(HeaderLine(at=NOW, format=FORMAT, id="0" * 32, tool="0", manifest="wave"))
    for day, code in enumerate(codes):
        at = NOW + timedelta(days=day)
        run = f"run-{day}"
        began = RunLine(
            at=at,
            run=run,
            tool="0",
            python="0",
            botocore="0",
            host="h",
            pid=1,
            user="u",
            arguments=(),
            manifest="m",
            digests={},
        )
        ended = None
        if code is not None:
            ended = RunEndedLine(at=at, run=run, exit_code=code, reason="")
        made.runs.append(RunSummary(began, ended))
    return made


def test_the_last_success_outlives_runs_that_fail() -> None:
    """It is read from the ledger, so that it needs no file of its own."""
    seen = history(0, 0, 3, None)
    assert last_success(seen) == (NOW + timedelta(days=1)).timestamp()
    assert last_ending(seen) == Ending((NOW + timedelta(days=2)).timestamp(), 3)
    assert (last_success(history()), last_ending(history(None))) == (None, None)
