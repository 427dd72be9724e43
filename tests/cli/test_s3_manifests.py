from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from batch_onboard.app.ledgers import read_any_history
from batch_onboard.exits import Exit
from batch_onboard.report.results import results
from tests.cli.conftest import Shell, Simulated, instance, manifest
from tests.faults.lab import FAST, QUICK, START

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.s3 import Bucket


@pytest.fixture
def wave(shell: Shell, bucket: Bucket) -> str:
    """A manifest of two targets in S3, which the shell's commands can reach."""
    shell.environment |= {
        "AWS_ENDPOINT_URL_S3": bucket.url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    text = manifest(instance("i-1")) + "sources: [more.csv]\n"
    bucket.put("waves/wave.yaml", text.encode())
    bucket.put("waves/more.csv", b"account_id,id\n111111111111,i-2\n")
    return str(bucket.place("waves/wave.yaml"))


@pytest.mark.no_cover
def test_a_batch_needs_no_disk_at_all(
    shell: Shell, simulate: Callable[[str], Simulated], bucket: Bucket, wave: str
) -> None:
    """Manifest and sources come from S3, the ledger is beside them there, and no file is made."""
    simulator = simulate(FAST)
    before = sorted(shell.folder.iterdir())
    planned = shell.run("plan", wave, "--output", "json")
    assert planned.json["counts"] == {"start": 2}
    assert shell.run("run", wave, *QUICK, "--limit", "1").code == Exit.WORK_LEFT
    ended = shell.run("run", wave, *QUICK)
    assert ended.code == Exit.OK, ended.err
    assert simulator.seen()["requests"][START] == 2
    place = bucket.place("waves/wave.ledger.jsonl")
    history = read_any_history(place)
    assert [each.state for each in results(history)] == ["succeeded"] * 2
    began = history.runs[-1].began
    assert began.manifest == wave
    assert set(began.digests) == {wave, str(bucket.place("waves/more.csv"))}
    assert f"batch-onboard report {place}" in ended.out
    assert sorted(shell.folder.iterdir()) == before


@pytest.mark.no_cover
def test_what_reads_a_manifest_reads_one_in_s3(shell: Shell, bucket: Bucket, wave: str) -> None:
    """`validate`, `policy` and `discover --against`; a rehearsal's ledger has its own name there."""
    checked = shell.run("validate", wave)
    assert checked.out == f"{wave}: 2 targets in 1 account and 1 Region: fine\n"
    policy = shell.run("policy", wave, "--kind", "run")
    assert "instance/i-2" in policy.out
    found = shell.run("discover", "--simulate", "--against", wave, "-o", "new.yaml")
    assert found.code == Exit.OK, found.err
    assert found.out.startswith("0 new instances")
    shell.write("scenario.yaml", FAST)
    rehearsed = shell.run("run", wave, "--simulate", *QUICK, "--scenario", "scenario.yaml")
    assert rehearsed.code == Exit.OK, rehearsed.err
    assert any(key.startswith("waves/wave.simulated.ledger.jsonl/") for key in bucket.keys)


@pytest.mark.parametrize("command", ["validate", "plan", "run", "policy"])
def test_a_manifest_that_is_not_there_ends_with_2(shell: Shell, wave: str, command: str) -> None:
    """With its place, and what to do, on stderr."""
    missing = f"{wave}x"
    ended = shell.run(command, missing)
    assert ended.code == Exit.USAGE
    line = f"{missing}:1:1: the manifest can't be used: there is no such object"
    assert line in ended.err


def test_what_is_wrong_in_s3_has_its_place(shell: Shell, bucket: Bucket, wave: str) -> None:
    """As in a file, but with the object's name; also in a source."""
    bucket.put("waves/more.csv", b"account_id,id\n111,i-2\n")
    ended = shell.run("validate", wave, "--output", "json")
    assert ended.code == Exit.USAGE
    (problem,) = ended.json["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == (
        str(bucket.place("waves/more.csv")),
        2,
        1,
    )
