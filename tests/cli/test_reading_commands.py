from __future__ import annotations

import asyncio
import json
import os
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from batch_onboard.cli.entry import cli
from batch_onboard.cli.texts import duration, safe
from batch_onboard.core.lifecycle import Event
from batch_onboard.core.record import Entry
from batch_onboard.exits import Exit
from batch_onboard.ledger.file import open_ledger
from batch_onboard.manifest.load import load_manifest
from tests.cli.conftest import Shell, Simulated, instance, manifest
from tests.cli.test_run import QUICK, wait_for_starts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def call(*arguments: str | Path) -> Result:
    """Call the command in this process."""
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger of two targets, one of which failed."""
    path = tmp_path / "wave.yaml"
    path.write_text(manifest(instance("a"), instance("b")))
    wave = load_manifest(path)
    with open_ledger(
        tmp_path / "wave.ledger.jsonl", manifest_name="wave", tool_version="0", wall=lambda: NOON
    ) as opened:
        opened.sync_manifest(wave.targets)

        async def fail() -> None:
            async with opened.journal() as journal:
                key = wave.targets[0].key
                entry = Entry(Event.JOB_FAILED, key, NOON, failure_code="KMS_ACCESS_DENIED")
                await journal.write(entry)

        asyncio.run(fail())
    return tmp_path / "wave.ledger.jsonl"


def test_a_good_manifest_is_said_to_be_fine(tmp_path: Path) -> None:
    """People read a line with its counts, programs an object."""
    path = tmp_path / "wave.yaml"
    path.write_text(manifest(instance("a"), instance("b", "222222222222")))
    assert call("validate", path).stdout == f"{path}: 2 targets in 2 accounts and 1 Region: fine\n"
    told = json.loads(call("validate", path, "--output", "json").stdout)
    assert (told["valid"], told["targets"], told["problems"]) == (True, 2, [])


def test_a_bad_manifest_is_told_to_programs_with_its_places(tmp_path: Path) -> None:
    """Each problem has file, line, column, severity and message."""
    path = tmp_path / "wave.yaml"
    path.write_text(manifest(instance("a", acount="1")))
    result = call("validate", path, "--output", "json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["valid"]) == (Exit.USAGE, False)
    (problem,) = told["problems"]
    assert (problem["line"], problem["severity"]) == (8, "error")
    assert "account_id" in problem["message"] or "acount" in problem["message"]


def test_warnings_do_not_make_a_manifest_bad(tmp_path: Path) -> None:
    """A Region that botocore does not know the service in is told on stderr."""
    path = tmp_path / "wave.yaml"
    path.write_text(manifest(instance("a", region="eu-north-1")))
    result = call("validate", path)
    assert (result.exit_code, "warning" in result.stderr) == (Exit.OK, True)


def test_the_schema_is_json() -> None:
    """It can be written to a file for an editor."""
    schema = json.loads(call("schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")


def test_status_of_a_batch_that_never_ran(ledger: Path) -> None:
    """Targets, states and causes are told, for people and for programs."""
    shown = call("status", ledger).stdout
    assert shown.startswith("wave: 2 targets\nno run yet\n")
    assert "KMS_ACCESS_DENIED" in shown
    told = json.loads(call("status", ledger, "--output", "json").stdout)
    assert told["summary"]["states"] == {"failed": 1, "pending": 1}
    assert told["run"] is None


def test_a_report_takes_its_format_from_the_files_suffix(ledger: Path) -> None:
    """Unless --format says otherwise."""
    call("report", ledger, "-o", ledger.with_name("x.csv"))
    assert ledger.with_name("x.csv").read_text().startswith("account_id,region,")
    call("report", ledger, "-o", ledger.with_name("y.csv"), "--format", "jsonl")
    assert ledger.with_name("y.csv").read_text().startswith("{")
    call("report", ledger, "-o", ledger.with_name("z.html"))
    assert ledger.with_name("z.html").read_text().startswith("<!DOCTYPE html>")


def test_a_report_never_overwrites_its_ledger(ledger: Path) -> None:
    """-o with the ledger's own name is refused."""
    before = ledger.read_bytes()
    result = call("report", ledger, "-o", ledger)
    assert (result.exit_code, ledger.read_bytes()) == (Exit.USAGE, before)


def test_a_report_that_can_not_be_written_is_explained(ledger: Path) -> None:
    """A folder that is not there, or is a file, is named."""
    result = call("report", ledger, "-o", ledger / "report.json")
    assert (result.exit_code, "can't be written" in result.stderr) == (Exit.USAGE, True)


def test_a_report_is_for_its_owner_and_whole(ledger: Path) -> None:
    """What names accounts and keys is not for all to read, and no half of it is ever seen."""
    out = ledger.with_name("report.json")
    out.write_text("the report of yesterday")
    out.chmod(0o644)
    before = out.stat().st_ino
    call("report", ledger, "-o", out)
    assert json.loads(out.read_text())["summary"]["failed"] == 1
    assert (out.stat().st_mode & 0o777, out.stat().st_ino != before) == (0o600, True)
    assert not list(ledger.parent.glob(".*.new"))


@pytest.mark.parametrize("kind", ["link", "dangling", "folder", "pipe"])
def test_a_report_follows_no_link_and_fills_no_pipe(ledger: Path, kind: str) -> None:
    """Only a file is written over, and no other file than the one that was named."""
    out, aim = ledger.with_name("report.json"), ledger.with_name("precious")
    if kind == "link":
        aim.write_text("precious")
    match kind:
        case "folder":
            out.mkdir()
        case "pipe":
            os.mkfifo(out)
        case _:
            out.symlink_to(aim)
    result = call("report", ledger, "-o", out)
    said = "is a symbolic link" if out.is_symlink() else "is not a regular file"
    assert (result.exit_code, said in result.stderr) == (Exit.USAGE, True)
    assert (aim.read_text() if kind == "link" else aim.exists()) == (kind == "link" and "precious")


def test_a_second_signal_stops_at_once_and_is_as_resumable(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """A call that hangs is not waited for when the signal comes twice."""
    hang = "faults: [{kind: hang, times: 1, match: {operation: GetInstanceOnboardingJobStatus}}]\n"
    simulator = simulate(f"defaults: {{job_duration: {{min: 0.1, max: 0.2}}}}\n{hang}")
    shell.write("wave.yaml", manifest(instance("a"), instance("b", "222222222222")))
    process = shell.start("run", "wave.yaml", *QUICK, "--timeout", "60s", "--drain-timeout", "60s")
    wait_for_starts(simulator, 1)
    process.send_signal(signal.SIGTERM)
    line = (process.stderr or pytest.fail("no output")).readline()
    while "again to stop now" not in line:
        assert line
        line = (process.stderr or pytest.fail("no output")).readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == Exit.TERMINATED
    again = shell.run("run", "wave.yaml", *QUICK)
    assert (again.code, "succeeded=2" in again.out) == (Exit.OK, True)


def test_a_port_that_is_taken_is_explained(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """The simulator says which address it can't have."""
    port = simulate("{}").settings["AWS_ENDPOINT_URL"].rpartition(":")[2]
    ended = shell.run("simulate", "--port", port)
    assert (ended.code, port in ended.err) == (Exit.USAGE, True)


def test_what_comes_from_outside_can_not_move_the_terminals_cursor() -> None:
    """Control, direction and line characters of messages are escaped, letters are kept."""
    assert safe("Grüße, \x1b[2J \u202etxt.exe\u202c \x07") == (
        "Grüße, \\x1b[2J \\u202etxt.exe\\u202c \\x07"
    )
    assert safe("plain") == "plain"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0s"), (59, "59s"), (492, "8m12s"), (3600, "1h00m00s")]
)
def test_durations_are_written_as_people_do(seconds: float, text: str) -> None:
    """8m12s."""
    assert duration(seconds) == text
