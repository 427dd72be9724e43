from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from batch_onboard.cli.texts import missing_told
from batch_onboard.core.lifecycle import Event
from batch_onboard.core.record import Entry
from batch_onboard.core.shard import Shard
from batch_onboard.exits import Exit
from batch_onboard.ledger.lines import Line, RunEndedLine
from tests.cli.conftest import Shell, Simulated, instance, manifest
from tests.cli.test_reading_commands import call
from tests.cli.test_run import FAST, QUICK
from tests.ledger.building import AT, key, opened, raw_ledger, run_line
from tests.ledger.test_merge import header, stands

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.s3 import Bucket

ACCOUNTS = [f"{number:012}" for number in range(1, 7)]


def shard_ledger(folder: Path, index: int, count: int, *lines: Entry | Line, code: int = 3) -> Path:
    """Write the ledger of a shard whose run has ended."""
    shard = Shard(index, count)
    path = folder / f"emea.{shard.name}.ledger.jsonl"
    run = run_line(f"r{index}", shard=shard)
    end = RunEndedLine(at=AT, run=run.run, exit_code=code, reason="finished")
    path.write_bytes(b"".join(raw_ledger([run, *lines, end], header=header(index))))
    path.chmod(0o600)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The ledgers of shards 0 and 2 of 4, with two targets and one."""
    made = tmp_path / "ledgers"
    made.mkdir()
    failed = Entry(Event.JOB_FAILED, key(1), AT, failure_code="KMS_ACCESS_DENIED")
    shard_ledger(made, 0, 4, stands(key(0)), stands(key(1)), failed)
    shard_ledger(made, 2, 4, stands(key(2)))
    return made


def test_the_status_of_a_folder_is_that_of_all_its_ledgers(folder: Path) -> None:
    """Counts are summed, each ledger has a line, and missing shards are named."""
    result = call("status", folder)
    assert result.exit_code == Exit.OK
    lines = result.stdout.splitlines()
    assert lines[:6] == [
        "emea: 3 targets in 2 ledgers",
        "shards 1, 3 of 4 have no ledger yet",
        "  shard 0 of 4         2  exit 3, finished",
        "  shard 2 of 4         1  exit 3, finished",
        "  pending                   2",
        "  failed                    1",
    ]
    assert "KMS_ACCESS_DENIED (failed): 1 target in 1 account" in result.stdout


def test_programs_are_told_of_each_ledger(folder: Path) -> None:
    """With its shard, its latest run, and whether a run holds it."""
    (unbound := folder / "other.ledger.jsonl").write_bytes(
        b"".join(raw_ledger([stands(key(3))], header=header(9)))
    )
    unbound.chmod(0o600)
    with opened(folder / "emea.shard-2-of-4.ledger.jsonl"):
        told = json.loads(call("status", folder, "--output", "json").stdout)
    assert told["summary"]["states"] == {"pending": 3, "failed": 1}
    assert told["missing_shards"] == [{"index": 1, "count": 4}, {"index": 3, "count": 4}]
    assert [(each["shard"], each["targets"], each["held"]) for each in told["ledgers"]] == [
        (None, 1, False),
        ({"index": 0, "count": 4}, 2, False),
        ({"index": 2, "count": 4}, 1, True),
    ]
    assert [each["run"] and each["run"]["exit_code"] for each in told["ledgers"]] == [None, 3, 3]


def test_runs_that_last_or_were_cut_off_are_told(tmp_path: Path) -> None:
    """Also those of which nothing is written down yet."""
    for index in (0, 1):
        shard_ledger(tmp_path, index, 2)
        path = tmp_path / f"emea.shard-{index}-of-2.ledger.jsonl"
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    new = tmp_path / "new.ledger.jsonl"
    new.write_bytes(b"".join(raw_ledger(header=header(7))))
    new.chmod(0o600)
    with opened(tmp_path / "emea.shard-1-of-2.ledger.jsonl"), opened(new):
        lines = call("status", tmp_path).stdout.splitlines()
    assert lines[1].endswith("0  held, no run yet")
    assert lines[2].split(maxsplit=5)[5] == "not ended, pid 7 on h"
    assert "under way since 2026-11-22 20:00:00 UTC, pid 7 on h" in lines[3]


def test_of_many_ledgers_those_that_need_someone_are_told(tmp_path: Path) -> None:
    """The others are a number."""
    for index in range(50):
        shard_ledger(tmp_path, index, 50, code=0 if index < 25 else 3)
    lines = call("status", tmp_path).stdout.splitlines()
    assert lines[0] == "emea: 0 targets in 50 ledgers"
    assert lines[1].startswith("  shard 25 of 50")
    assert lines[21:] == [
        "  25 more, whose latest run ended with exit code 0",
        "  ... 5 more; --output json has them all",
    ]


def test_one_report_is_made_of_several_ledgers(folder: Path, tmp_path: Path) -> None:
    """It has all targets once; what is missing is told beside it; no ledger is written over."""
    result = call("report", folder, "--format", "jsonl")
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == ("shards 1, 3 of 4 have no ledger yet: their targets are not in it\n")
    told = json.loads(call("report", *sorted(folder.iterdir())).stdout)
    assert told["summary"] == {"pending": 2, "failed": 1}
    assert [run["shard"] for run in told["runs"]] == [
        {"index": 0, "count": 4},
        {"index": 2, "count": 4},
    ]
    over = call("report", folder, "-o", folder / "emea.shard-2-of-4.ledger.jsonl")
    assert (over.exit_code, over.stdout) == (Exit.USAGE, "")
    assert call("report", folder, "-o", tmp_path / "all.html").exit_code == Exit.OK


def test_nothing_is_counted_twice(folder: Path) -> None:
    """A merged ledger beside those that it was made of is refused, with both names."""
    merged = folder / "emea.ledger.jsonl"
    assert call("ledger", "merge", folder, "-o", merged).exit_code == Exit.OK
    for command in ("status", "report"):
        result = call(command, folder)
        assert result.exit_code == Exit.USAGE
        assert f"{merged} and {folder}" in result.stderr
        assert "counted twice" in result.stderr
    assert call("status", merged).exit_code == Exit.OK


def test_a_merge_tells_what_it_made_and_what_is_missing(folder: Path, tmp_path: Path) -> None:
    """And how to go on; programs get an object."""
    out = tmp_path / "whole.jsonl"
    result = call("ledger", "merge", folder, "-o", out)
    assert result.stdout.splitlines() == [
        f"{out}: 3 targets and 2 runs of 2 ledgers",
        "  shards 1, 3 of 4 have no ledger yet",
        "Every target may be concerned: the next run reads each before it starts it, also with --no-precheck.",
        "The old ledgers are as they were. Run no shard with them any more: the new one would",
        "not know of it.",
        f"Next: batch-onboard run MANIFEST --ledger {out}",
    ]
    again = call("ledger", "merge", folder, out, "-o", tmp_path / "more.jsonl", "--output", "json")
    told = json.loads(again.stdout)
    assert (told["ledgers"], told["targets"], told["shared"]) == (3, 3, 3)


def test_a_merge_tells_of_tails_and_of_what_several_knew(folder: Path, tmp_path: Path) -> None:
    """Both are left to the reader to judge."""
    torn = folder / "emea.shard-2-of-4.ledger.jsonl"
    with torn.open("ab") as file:
        file.write(b"torn")
    (copy := folder / "a.ledger.jsonl").write_bytes(
        b"".join(raw_ledger([stands(key(2))], header=header(9)))
    )
    copy.chmod(0o600)
    lines = call("ledger", "merge", folder, "-o", tmp_path / "whole.jsonl").stdout.splitlines()
    assert "  1 target stood in several, and what they knew was joined" in lines
    assert f"  {torn} ends in the middle of a write, which was left out" in lines


def test_what_can_not_be_read_together_is_told(folder: Path, tmp_path: Path) -> None:
    """An empty folder, and a ledger that a run holds."""
    (empty := tmp_path / "empty").mkdir()
    result = call("status", empty)
    assert (result.exit_code, result.stdout) == (Exit.LEDGER, "")
    assert result.stderr == f"{empty} is a folder without a ledger (*.ledger.jsonl)\n"
    with opened(folder / "emea.shard-2-of-4.ledger.jsonl"):
        assert call("ledger", "merge", folder, "-o", tmp_path / "x").exit_code == Exit.LOCKED
    assert call("status", folder, "--follow").exit_code == Exit.USAGE


def test_a_single_shards_status_says_which_it_is(folder: Path) -> None:
    """Whoever sees few targets sees why."""
    result = call("status", folder / "emea.shard-2-of-4.ledger.jsonl")
    assert result.stdout.splitlines()[0] == "emea, shard 2 of 4: 1 target"


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ([Shard(3, 8)], "shard 3 of 8 has no ledger yet"),
        ([Shard(3, 8), Shard(5, 8)], "shards 3, 5 of 8 have no ledger yet"),
        ([Shard(n, 8) for n in (0, 1, 2, 6)], "shards 0 to 2, 6 of 8 have no ledger yet"),
        ([Shard(1, 2), *(Shard(n, 8) for n in (4, 5))], "shard 1 of 2 and shards 4 to 5 of 8 have no ledger yet"),
    ],
)  # fmt: skip
def test_missing_shards_are_named_shortly(missing: list[Shard], told: str) -> None:
    """Those that follow each other together."""
    assert missing_told(missing) == told


def test_of_very_many_missing_shards_not_all_are_named() -> None:
    """A line stays a line."""
    told = missing_told([Shard(index, 1000) for index in range(0, 1000, 2)])
    assert told.endswith("36, 38 and 480 more of 1000 have no ledger yet")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--shard-index", "1"), "--shard-index and --shard-count go together"),
        (("--shard-count", "4"), "--shard-index and --shard-count go together"),
        (("--shard-index", "4", "--shard-count", "4"), "so the last is 3"),
    ],
)
def test_half_a_shard_is_refused(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    """Also when it comes from the environment, as in an array job."""
    (path := tmp_path / "wave.yaml").write_text(manifest(instance("a")))
    result = call("run", path, "--yes", *options)
    assert result.exit_code == Exit.USAGE
    assert said in result.stderr


@pytest.mark.no_cover
def test_an_array_job_does_the_batch_once_and_a_merge_goes_on(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Each shard has a ledger under the one folder; after the merge nothing is left to do."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(*(instance("a", account) for account in ACCOUNTS)))
    (shell.folder / "ledgers").mkdir()
    for index in range(3):
        ended = shell.run(
            "run", "wave.yaml", *QUICK, "--ledger", "ledgers",
            BATCH_ONBOARD_SHARD_INDEX=str(index), BATCH_ONBOARD_SHARD_COUNT="3",
        )  # fmt: skip
        assert ended.code == Exit.OK, ended.err
    assert sorted(path.name for path in (shell.folder / "ledgers").glob("*.jsonl")) == [
        f"wave.shard-{index}-of-3.ledger.jsonl" for index in range(3)
    ]
    assert simulator.seen()["requests"]["StartInstanceOnboardingJob"] == 6
    told = shell.run("status", "ledgers", "--output", "json").json
    assert (told["summary"]["states"], told["missing_shards"]) == ({"succeeded": 6}, [])
    wrong = shell.run(
        "run", "wave.yaml", *QUICK, "--ledger", "ledgers/wave.shard-0-of-3.ledger.jsonl"
    )
    assert (wrong.code, "--shard-index 0 --shard-count 3" in wrong.err) == (Exit.LEDGER, True)
    assert shell.run("ledger", "merge", "ledgers", "-o", "wave.ledger.jsonl").code == Exit.OK
    whole = shell.run("run", "wave.yaml", *QUICK)
    assert (whole.code, "nothing to do" in whole.out) == (Exit.OK, True)


@pytest.mark.no_cover
def test_shards_without_a_disk_are_one_batch(
    shell: Shell, simulate: Callable[[str], Simulated], bucket: Bucket
) -> None:
    """Each has a ledger beneath the one place in S3, by which they are found again."""
    simulate(FAST)
    shell.environment["AWS_ENDPOINT_URL_S3"] = bucket.url
    shell.write("wave.yaml", manifest(*(instance("a", account) for account in ACCOUNTS)))
    place = f"s3://{bucket.name}/ledgers/"
    options = ("--ledger", place, "--shard-index", "1", "--shard-count", "3")
    ended = shell.run("run", "wave.yaml", *QUICK, *options)
    assert ended.code == Exit.OK, ended.err
    told = shell.run("status", place).out.splitlines()
    assert told[0].startswith("wave, shard 1 of 3: ")
    assert {key.rpartition("/")[0] for key in bucket.keys} == {
        "ledgers/wave.shard-1-of-3.ledger.jsonl"
    }


def test_a_shard_without_targets_is_done_and_says_so(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """It leaves a ledger, so that it is not missing."""
    simulate(FAST)
    shell.write("wave.yaml", manifest(instance("a", "111122223333")))  # of shard 3
    options = ("--shard-index", "0", "--shard-count", "8")
    ended = shell.run("run", "wave.yaml", *QUICK, *options)
    assert ended.code == Exit.OK
    assert "nothing to do: no selected target falls to shard 0 of 8" in ended.out
    assert (shell.folder / "wave.shard-0-of-8.ledger.jsonl").exists()
    planned = shell.run("plan", "wave.yaml", *options, "--detailed-exitcode")
    assert (planned.code, planned.out.splitlines()[0]) == (
        Exit.OK,
        "Plan: nothing, since no selected target falls to this shard.",
    )
