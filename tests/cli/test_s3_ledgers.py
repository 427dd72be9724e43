from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from batch_onboard.app.ledgers import open_any_ledger, read_any_history
from batch_onboard.core.shard import Shard
from batch_onboard.exits import Exit
from tests.cli.conftest import Shell, instance, manifest
from tests.ledger.building import run_line, target, wall

if TYPE_CHECKING:
    from tests.s3 import Bucket

SETTINGS: dict[str, Any] = {"manifest_name": "emea", "tool_version": "0", "wall": wall}


@pytest.fixture
def place(shell: Shell, bucket: Bucket) -> str:
    """A folder in S3 with the ledgers of two shards, which the shell's commands can reach."""
    shell.environment |= {
        "AWS_ENDPOINT_URL_S3": bucket.url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    for index in (0, 1):
        part = Shard(index, 2)
        with open_any_ledger(bucket.place(f"l/{part.name}.ledger.jsonl"), **SETTINGS) as ledger:
            ledger.begin_run(run_line(f"r{index}", shard=part))
            ledger.sync_manifest([target(index)])
            ledger.end_run(f"r{index}", 0, "done")
    return str(bucket.place("l/"))


def test_ledgers_are_merged_compacted_and_salvaged_in_s3(
    shell: Shell, bucket: Bucket, place: str
) -> None:
    """Each into a new name; where something is, nothing is written (exit 2)."""
    whole, small, saved = (f"s3://{bucket.name}/{name}" for name in ("whole", "small", "saved"))
    merged = shell.run("ledger", "merge", place, "-o", whole)
    assert f"{whole}: 2 targets and 2 runs of 2 ledgers" in merged.out, merged.err
    assert shell.run("ledger", "merge", place, "-o", whole).code == Exit.USAGE
    told = shell.run("ledger", "compact", whole, "-o", small)
    assert told.out.splitlines()[1:] == [
        f"{whole} is closed: runs with it are refused.",
        f"Next: batch-onboard run MANIFEST --ledger {small}",
    ]
    again = shell.run("ledger", "compact", whole, "-o", small, "--output", "json")
    assert set(again.json) == {"lines_before", "segments_before", "lines_after"}
    assert f"it goes on as {small}" in shell.run("status", whole).out
    assert shell.run("status", whole, "--output", "json").json["moved_to"] == small
    data = bucket.get("small/0000000001.jsonl").splitlines(keepends=True)
    bucket.put("small/0000000001.jsonl", b"".join(data[:3] + data[4:]))
    salvaged = shell.run("ledger", "salvage", small, "-o", saved)
    assert f"Next: batch-onboard run MANIFEST --ledger {saved}" in salvaged.out, salvaged.err
    assert shell.run("ledger", "salvage", small, "-o", saved).code == Exit.USAGE
    assert read_any_history(bucket.place("saved")).holder is None


def test_runs_and_plans_are_told_where_a_ledger_goes_on(
    shell: Shell, bucket: Bucket, place: str
) -> None:
    """Exit 5, with the new name; among all ledgers of a folder the old one is left out."""
    shell.write("emea.yaml", manifest(instance("i-1"), name="emea"))
    old, new = f"{place}shard-0-of-2.ledger.jsonl", f"{place}new.ledger.jsonl"
    assert shell.run("ledger", "compact", old, "-o", new).code == Exit.OK
    for command in ("run", "plan"):
        refused = shell.run(command, "emea.yaml", "--yes", "--simulate", "--ledger", old)
        assert refused.code == Exit.LEDGER
        assert f"it goes on as {new}: name that" in refused.err
    assert "emea: 2 targets in 2 ledgers" in shell.run("status", place).out
    whole = str(bucket.place("whole"))
    assert (
        "2 targets and 2 runs of 2 ledgers" in shell.run("ledger", "merge", place, "-o", whole).out
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("s3://my-bucket/old",), "nothing in S3 is ever rewritten"),
        (("s3://my-bucket/old", "-o", "new.jsonl"), "nothing in S3 is ever rewritten"),
        (("old.jsonl", "-o", "s3://my-bucket/new"), "-o goes with a ledger in S3"),
    ],
)
def test_a_compaction_stays_where_the_ledger_is(
    shell: Shell, arguments: tuple[str, ...], told: str
) -> None:
    """A file is written anew in its place, a ledger in S3 goes on in S3."""
    refused = shell.run("ledger", "compact", *arguments)
    assert refused.code == Exit.USAGE
    assert told in refused.err
