from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from batch_onboard.app.care import new_ledger, salvage_any
from batch_onboard.app.s3segments import S3Segments
from batch_onboard.ledger.errors import (
    LedgerDamagedError,
    LedgerLockedError,
    LedgerUnusableError,
    NothingToSalvageError,
)
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.newplaces import new_segments
from batch_onboard.ledger.salvage import Salvage, carve
from batch_onboard.ledger.segment_wrecks import wreck_in
from batch_onboard.ledger.segments import read_segments, verify_segments
from tests.ledger.building import AT, run_line, target, wall
from tests.ledger.test_taking import Clock, opened, segments_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from batch_onboard.ledger.ledger import Ledger
    from tests.s3 import Bucket


def other(bucket: Bucket) -> S3Segments:
    """Return the segments of the new ledger."""
    return S3Segments(bucket.place("saved"), bucket.objects, ExitStack())


def salvaged(bucket: Bucket, clock: Clock | None = None) -> Salvage:
    """Salvage the one ledger of a test to another name."""
    timing = (clock or Clock()).timing
    with (
        wreck_in(segments_of(bucket), wall=wall, timing=timing) as wreck,
        new_segments(other(bucket), timing) as write,
    ):
        return carve(wreck, write, tool_version="9", now=AT)


@contextmanager
def held(bucket: Bucket) -> Iterator[Ledger]:
    """A ledger of two targets that somebody holds."""
    with opened(segments_of(bucket)) as ledger:
        ledger.begin_run(run_line())
        ledger.sync_manifest([target(1)])
        ledger.sync_manifest([target(1), target(2)])
        yield ledger


def released(bucket: Bucket) -> None:
    """Make a ledger that nobody holds."""
    with held(bucket):
        pass


def lose(bucket: Bucket, number: int) -> None:
    """Take a segment away."""
    bucket.client.delete_object(Bucket=bucket.name, Key=f"emea/{number:010}.jsonl")


@pytest.mark.parametrize("number", [1, 3])
def test_what_is_left_of_segments_becomes_a_whole_ledger(bucket: Bucket, number: int) -> None:
    """A missing one, even the first, costs its own lines; what is left is as it was, and a run goes on."""
    released(bucket)
    lose(bucket, number)
    before = {name: bucket.get(name) for name in bucket.keys}
    told = salvaged(bucket)
    assert told.lost
    assert target(2).key in read_segments(other(bucket)).targets
    assert verify_segments(other(bucket)).damage == ()
    assert {name: bucket.get(name) for name in before} == before
    with opened(other(bucket)) as ledger:
        assert ledger.history.cuts


def test_a_last_segment_that_was_cut_is_salvaged(bucket: Bucket) -> None:
    """In S3 it is damage, for no run cuts it off."""
    released(bucket)
    last = bucket.keys[-1]
    bucket.put(last, bucket.get(last)[:-5])
    assert salvaged(bucket, Clock()).open_end


def test_a_holder_that_is_silent_loses_the_ledger_first(bucket: Bucket) -> None:
    """It may only be frozen: when it wakes, its next write fails, and it sends nothing."""
    with held(bucket) as ledger:
        lose(bucket, 3)
        clock = Clock()
        salvaged(bucket, clock)
        assert sum(clock.pauses) >= 60
        with pytest.raises(LedgerLockedError):
            ledger.begin_run(run_line("r2"))
    assert read_segments(other(bucket)).holder is None


def test_a_holder_that_lives_is_left_alone(bucket: Bucket) -> None:
    """As by a second run."""
    with held(bucket) as ledger:
        lose(bucket, 3)
        clock = Clock(meanwhile=lambda _: ledger.begin_run(run_line("r2")))
        with pytest.raises(LedgerLockedError):
            salvaged(bucket, clock)


def test_what_is_written_at_the_last_moment_is_a_sign_of_life(bucket: Bucket) -> None:
    """The number of the claim is used then: nothing was taken."""
    with held(bucket) as ledger:
        lose(bucket, 3)
        store = segments_of(bucket)
        put = store.put_new

        def late(number: int, data: bytes) -> bool:
            ledger.begin_run(run_line("r2"))
            return put(number, data)

        store.put_new = late  # type: ignore[method-assign]
        with (
            pytest.raises(LedgerLockedError),
            wreck_in(store, wall=wall, timing=Clock().timing),
        ):
            pass


def test_what_is_whole_is_not_taken_from_its_holder(bucket: Bucket) -> None:
    """There is nothing to salvage, held or not; nor where there is none."""
    with held(bucket), pytest.raises(NothingToSalvageError, match="is whole"):
        salvaged(bucket)
    lose(bucket, 1)
    for key in bucket.keys:
        bucket.put(key, b"nothing of a ledger\n")
    with pytest.raises(LedgerUnusableError, match="can't be salvaged"):
        salvaged(bucket)
    for key in bucket.keys:
        bucket.client.delete_object(Bucket=bucket.name, Key=key)
    with pytest.raises(LedgerUnusableError, match="there is no ledger"):
        salvaged(bucket)


def test_a_new_one_may_be_anywhere(bucket: Bucket, tmp_path: Path) -> None:
    """From S3 to a file, and from a file to S3; nothing is overwritten."""
    released(bucket)
    lose(bucket, 3)
    file = tmp_path / "saved.jsonl"
    settings = {"lock_timeout": 0.0, "notify": lambda _: None}
    salvage_any(bucket.place(), file, **settings)  # type: ignore[arg-type]
    assert target(2).key in read_history(file).targets
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:2] + lines[3:]))
    with pytest.raises(LedgerDamagedError):
        read_history(file)
    salvage_any(file, bucket.place("again"), **settings)  # type: ignore[arg-type]
    with pytest.raises(NothingToSalvageError, match="again exists"):
        salvage_any(file, bucket.place("again"), **settings)  # type: ignore[arg-type]
    with new_ledger(tmp_path / "new.jsonl"):
        assert not (tmp_path / "new.jsonl").exists()
