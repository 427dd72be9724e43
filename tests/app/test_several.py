from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from batch_onboard.app.ledgers import open_any_ledger, read_any_history
from batch_onboard.app.several import ledgers_at, merge_ledgers, read_together
from batch_onboard.core.s3place import S3Place
from batch_onboard.core.shard import Shard
from batch_onboard.ledger.errors import LedgerLockedError, LedgerUnusableError
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.lines import ClaimLine, Line
from tests.ledger.building import AT, key, raw_ledger, run_line, wall
from tests.ledger.test_merge import header, stands

if TYPE_CHECKING:
    from pathlib import Path

    from tests.s3 import Bucket

CLAIM = ClaimLine(at=AT, id="0" * 16, host="h", pid=7)


def put(bucket: Bucket, index: int, count: int, *lines: Line) -> None:
    """Put the ledger of a shard, with a target of its own, into the folder `ledgers`."""
    shard = Shard(index, count)
    run = run_line(f"r{index}", shard=shard)
    data = b"".join(raw_ledger([run, stands(key(index)), *lines], header=header(index)))
    bucket.put(f"ledgers/emea.{shard.name}.ledger.jsonl/0000000001.jsonl", data)


def test_ledgers_in_a_folder_of_s3_are_read_together(bucket: Bucket) -> None:
    """All beneath it whose names are those of ledgers, in the order of their numbers."""
    for index in (0, 2, 10):
        put(bucket, index, 11)
    bucket.put("ledgers/notes.txt", b"mine")
    bucket.put("ledgers/other/0000000001.jsonl", b"mine")
    together = read_together([S3Place(bucket.name, "ledgers/")])
    assert [each.shard for each in together.ledgers] == [Shard(each, 11) for each in (0, 2, 10)]
    assert [key.instance_id for key in together.history.targets] == [
        "instance-0",
        "instance-2",
        "instance-10",
    ]
    assert len(together.missing) == 8
    assert not any(each.held for each in together.ledgers)


def test_an_empty_folder_of_s3_is_told(bucket: Bucket) -> None:
    """As a folder of files is."""
    with pytest.raises(LedgerUnusableError, match="ledgers/ is a folder without a ledger"):
        ledgers_at([S3Place(bucket.name, "ledgers/")])


def test_ledgers_in_s3_are_merged_into_a_file(bucket: Bucket, tmp_path: Path) -> None:
    """It has what all of them know, and is of no shard."""
    for index in range(2):
        put(bucket, index, 2)
    done = merge_ledgers([S3Place(bucket.name, "ledgers/")], tmp_path / "x.ledger.jsonl")
    assert (done.ledgers, done.targets, done.is_complete) == (2, 2, True)
    history = read_history(tmp_path / "x.ledger.jsonl")
    assert (len(history.targets), history.shard) == (2, None)


def test_a_merged_ledger_can_be_put_into_s3(bucket: Bucket, tmp_path: Path) -> None:
    """As its first segment, by any tool: a run goes on with it there."""
    put(bucket, 0, 1)
    merge_ledgers([S3Place(bucket.name, "ledgers/")], new := tmp_path / "x.ledger.jsonl")
    bucket.put("emea/0000000001.jsonl", new.read_bytes())
    place = S3Place(bucket.name, "emea")
    with open_any_ledger(place, manifest_name="emea", tool_version="0", wall=wall) as ledger:
        ledger.begin_run(run_line("r9"))
    assert [run.began.run for run in read_any_history(place).runs] == ["r0", "r9"]


def test_a_ledger_in_s3_that_is_held_is_not_merged(bucket: Bucket, tmp_path: Path) -> None:
    """What its holder does next would be missing; the holder is named."""
    put(bucket, 0, 1, CLAIM)
    place = S3Place(bucket.name, "ledgers/")
    assert [each.held for each in read_together([place]).ledgers] == [True]
    with pytest.raises(LedgerLockedError, match="pid 7 on host h"):
        merge_ledgers([place], tmp_path / "x.ledger.jsonl")
    with pytest.raises(LedgerUnusableError, match="there is no ledger"):
        merge_ledgers([S3Place(bucket.name, "nothing")], tmp_path / "x.ledger.jsonl")
