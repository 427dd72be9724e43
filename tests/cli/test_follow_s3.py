from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from batch_onboard.app.ledgers import open_any_ledger
from batch_onboard.cli.follow import follow
from batch_onboard.cli.progress import ProgressMode
from batch_onboard.exits import Exit
from batch_onboard.ledger.row import Timing
from tests.ledger.building import run_line, target, wall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.ledger.ledger import Ledger
    from tests.cli.conftest import Shell
    from tests.s3 import Bucket

SETTINGS: dict[str, Any] = {"manifest_name": "emea", "tool_version": "0", "wall": wall}


@pytest.fixture
def held(shell: Shell, bucket: Bucket) -> Iterator[Ledger]:
    """A ledger in S3 with a run that is under way in this very process."""
    shell.environment |= {
        "AWS_ENDPOINT_URL_S3": bucket.url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    with open_any_ledger(bucket.place(), **SETTINGS) as ledger:
        ledger.begin_run(run_line())
        ledger.sync_manifest([target(1)])
        yield ledger


def test_a_run_is_followed_to_its_end(shell: Shell, bucket: Bucket, held: Ledger) -> None:
    """As in a file: lines of progress on stderr, and at the end where the batch stands."""
    watching = shell.start(
        "status", str(bucket.place()), "--follow", "--progress", "json", "--progress-every", "1s"
    )
    assert watching.stderr is not None
    assert json.loads(watching.stderr.readline())["states"] == {"pending": 1}
    held.end_run("r1", 10, "max duration")
    out, _ = watching.communicate(timeout=60)
    assert watching.returncode == Exit.OK
    assert "and ended 20:00:00 with exit code 10: max duration" in out


@pytest.mark.usefixtures("held")
def test_a_run_that_may_be_dead_is_told_with_when_it_last_wrote(
    shell: Shell, bucket: Bucket
) -> None:
    """By the line's own time; nothing is concluded from it, alone or among several ledgers."""
    place = str(bucket.place())
    told = (
        "is under way, or was killed: its last line is of 2026-11-22 20:00:00 UTC by its own clock"
    )
    assert told in shell.run("status", place).out
    assert shell.run("status", place, "--output", "json").json["last_written"].startswith("2026-11")
    other = bucket.place("other")
    open_any_ledger(other, **SETTINGS).close()
    both = shell.run("status", place, str(other))
    assert re.search(
        r"under way since 2026-11-22 20:00:00 UTC, last wrote 20:00:00, pid 7", both.out
    )
    found = shell.run("status", place, str(other), "--output", "json").json["ledgers"]
    assert [each["last_written"] is None for each in found] == [False, True]


@pytest.mark.usefixtures("held")
def test_following_ends_when_a_holder_is_silent(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed, as far as can be told, and would never end: a person judges."""
    monkeypatch.setattr("batch_onboard.app.following.Timing", lambda: Timing(silence=0.1, step=0.2))
    history = follow(bucket.place(), ProgressMode.NONE, 60.0, print)
    assert history.runs[-1].ended is None
    assert history.holder is not None
