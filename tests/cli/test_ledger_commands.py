from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING

import pytest

from batch_onboard.core.lifecycle import Event
from batch_onboard.core.record import Entry
from batch_onboard.exits import Exit
from batch_onboard.ledger.codec import Seal, encode
from batch_onboard.ledger.file import open_ledger, read_history
from batch_onboard.ledger.lines import RunEndedLine
from batch_onboard.manifest.load import load_manifest
from tests.cli.conftest import Shell, Simulated, instance, manifest
from tests.cli.test_reading_commands import NOON, call
from tests.cli.test_run import QUICK
from tests.ledger.building import HEADER, ID, KEY, intent, raw_ledger, run_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from batch_onboard.ledger.ledger import Ledger

FAST = "defaults: {job_duration: {min: 0.1, max: 0.2}}\nthrottle: {rate: null}\n"


def opened(path: Path) -> Ledger:
    """Open the ledger of a test."""
    return open_ledger(path, manifest_name="wave", tool_version="0", wall=lambda: NOON)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger of two targets, one of which is about to be started."""
    path = tmp_path / "wave.yaml"
    path.write_text(manifest(instance("a"), instance("b")))
    wave = load_manifest(path)
    with opened(tmp_path / "wave.ledger.jsonl") as made:
        made.sync_manifest(wave.targets)

        async def intend() -> None:
            async with made.journal() as journal:
                for target in wave.targets:
                    await journal.write(Entry(Event.INTENDED, target.key, NOON, hold=60.0))

        asyncio.run(intend())
    return tmp_path / "wave.ledger.jsonl"


def damage(ledger: Path, *indexes: int) -> bytes:
    """Change a letter in lines of a ledger, and return what it then is."""
    lines = ledger.read_bytes().splitlines(keepends=True)
    for index in indexes:
        lines[index] = lines[index].replace(b'"type"', b'"tipe"')
    ledger.write_bytes(b"".join(lines))
    return ledger.read_bytes()


def test_a_whole_ledger_is_verified(ledger: Path) -> None:
    """People read a line with figures, programs an object; an unfinished tail is a notice."""
    with ledger.open("ab") as file:
        file.write(b"torn")
    before = ledger.read_bytes()
    result = call("ledger", "verify", ledger)
    assert result.exit_code == Exit.OK
    assert result.stdout == (
        f"{ledger} is whole: 6 lines, known to be on disk up to line 4; 2 targets, 0 runs\n"
        f"unfinished tail: line 6 (byte {len(before) - 4:,}): it ends in the middle; "
        "the next run cuts it off and keeps it\n"
    )
    told = json.loads(call("ledger", "verify", ledger, "--output", "json").stdout)
    assert (told["whole"], told["targets"], told["tail"]["line"]) == (True, 2, 6)
    assert ledger.read_bytes() == before


def test_all_damage_is_told_with_the_way_out(ledger: Path) -> None:
    """Exit code 5, each line that is wrong, and the command that salvages the rest."""
    before = damage(ledger, 1, 2)
    result = call("ledger", "verify", ledger)
    assert result.exit_code == Exit.LEDGER
    assert result.stdout.count("its checksum is wrong") == 2
    assert f"batch-onboard ledger salvage {ledger} -o NEW" in result.stdout
    told = json.loads(call("ledger", "verify", ledger, "--output", "json").stdout)
    assert [flaw["line"] for flaw in told["damage"]] == [2, 3]
    assert (told["whole"], told["targets"], ledger.read_bytes()) == (False, None, before)


def test_long_lists_of_damage_are_capped(tmp_path: Path) -> None:
    """Twenty are shown, and how many more there are."""
    path = tmp_path / "wave.ledger.jsonl"
    with opened(path) as made:
        for _ in range(30):
            made.begin_run(run_line())
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    shown = call("ledger", "verify", path).stdout
    assert shown.count("(CRLF)") == 20 + 1
    assert "and 10 more: see --output json" in shown
    assert "unfinished tail: line 31 (" in shown


def test_a_salvage_says_what_was_saved_and_lost(ledger: Path, tmp_path: Path) -> None:
    """The new ledger, the lost lines, what they name, and the next command."""
    before = damage(ledger, 3)
    new = tmp_path / "new.jsonl"
    result = call("ledger", "salvage", ledger, "-o", new)
    assert result.exit_code == Exit.OK
    assert f"{new}: 3 lines of {ledger} (2 targets, 0 runs)" in result.stdout
    assert "  lost: lines 4\n" in result.stdout
    assert "  they name: 111111111111/eu-west-2/a\n" in result.stdout
    assert "--no-precheck" in result.stdout
    assert "only --retry-failed" in result.stdout
    assert f"batch-onboard run MANIFEST --ledger {new}" in result.stdout
    assert ledger.read_bytes() == before
    assert call("ledger", "verify", new).exit_code == Exit.OK
    again = call("ledger", "salvage", ledger, "-o", new)
    assert (again.exit_code, "exists" in again.stderr) == (Exit.USAGE, True)
    told = json.loads(
        call("ledger", "salvage", ledger, "-o", tmp_path / "n2", "--output", "json").stdout
    )
    assert told["lost"] == [[4, 4]]


def test_all_kinds_of_loss_have_their_words(ledger: Path, tmp_path: Path) -> None:
    """Moved lines, unknown ends, missing ranges and what had to be put in."""
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join([lines[0], lines[2], lines[1], *lines[3:]]))
    shown = call("ledger", "salvage", ledger, "-o", tmp_path / "n1").stdout
    assert "no line is missing, as far as can be told" in shown
    assert "INTERNAL_FAILURE" not in shown
    ledger.write_bytes(b"".join([lines[0], *lines[3:], b"torn"]))
    ledger.chmod(0o660)
    result = call("ledger", "salvage", ledger, "-o", tmp_path / "n2")
    assert "lost: lines 2 to 3" in result.stdout
    assert "lost: perhaps more after the last line" in result.stdout
    assert "written by its group" in result.stderr


def test_what_was_put_in_and_left_out_is_told(tmp_path: Path) -> None:
    """Targets that certainly lack a line, lines that mean nothing alone, and mixed copies."""
    refused, ended = (
        Entry(Event.REFUSED, KEY, NOON),
        RunEndedLine(at=NOON, run="r1", exit_code=0, reason=""),
    )
    lines = raw_ledger([run_line()], [intent(1)], [intent(2)], [refused], [ended], [intent(3)])
    other = raw_ledger([intent(4)], [intent(5)], [intent(6)], [intent(7)])
    path = tmp_path / "wave.ledger.jsonl"
    path.write_bytes(b"".join([lines[0], *lines[2:], other[3], other[4]]))
    path.chmod(0o600)
    shown = call("ledger", "salvage", path, "-o", tmp_path / "new").stdout
    assert "lost: lines 2\n" in shown
    assert "different lines had the same number, and all were kept: 4, 5\n" in shown
    assert f"lines are certainly missing about: {KEY}\n" in shown
    assert "dropped: 1 line without sense once another is lost" in shown


def test_a_compaction_says_what_it_gained(ledger: Path) -> None:
    """Lines and bytes before and after; a tail that was cut off is told on stderr."""
    with ledger.open("ab") as file:
        file.write(b"torn")
    ledger.chmod(0o660)
    result = call("ledger", "compact", ledger)
    assert result.exit_code == Exit.OK
    assert result.stdout.startswith(f"{ledger}: 6 lines (")
    assert "are now 5 (" in result.stdout
    assert "4 bytes were moved to" in result.stderr
    assert "written by its group" in result.stderr
    told = json.loads(call("ledger", "compact", ledger, "--output", "json").stdout)
    assert (told["lines_before"], told["lines_after"], told["cut"]) == (5, 5, None)


def test_a_damaged_ledger_is_not_compacted(ledger: Path) -> None:
    """Exit code 5 and the way out; the file stays as it is."""
    before = damage(ledger, 1)
    result = call("ledger", "compact", ledger)
    assert (result.exit_code, "ledger salvage" in result.stderr) == (Exit.LEDGER, True)
    assert ledger.read_bytes() == before


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"hello\n", "is not a ledger"),
        (b"".join(line.replace(b"\n", b"\r\n") for line in raw_ledger([run_line()])), "CRLF"),
        (b"".join(raw_ledger([run_line()])).replace(b'"r1"', b'"r2"') + b"x", "whole"),
        (Seal(ID).line(1, 0, encode(HEADER).replace(b'"format":2', b'"format":3')), "newer"),
    ],
)
def test_no_command_changes_what_is_no_whole_ledger(
    tmp_path: Path, data: bytes, words: str
) -> None:
    """Empty, foreign, newer and edited files are refused with exit code 5, byte for byte as before."""
    path = tmp_path / "wave.ledger.jsonl"
    path.write_bytes(data)
    code = Exit.OK if words == "whole" else Exit.LEDGER
    for command in (["status"], ["report"], ["ledger", "verify"]):
        result = call(*command, path)
        assert result.exit_code == code, result.output
        if code or "verify" in command:
            assert words in result.output
        assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


def test_unlock_says_who_holds_a_ledger(ledger: Path) -> None:
    """Exit code 11 and the holder while it is held, 0 when it is free."""
    with opened(ledger):
        for command in ("unlock", "compact"):
            result = call("ledger", command, ledger)
            assert (result.exit_code, f"pid {os.getpid()}" in result.stderr) == (Exit.LOCKED, True)
    result = call("ledger", "unlock", ledger)
    assert (result.exit_code, result.stdout) == (Exit.OK, f"nobody holds {ledger}\n")
    lock = ledger.with_name(f"{ledger.name}.lock")
    lock.write_text('{"pid":7,"host":"gone","since":"2026-11-22T12:00:00Z"}')
    result = call("ledger", "unlock", ledger)
    assert "cleared what pid 7 on host gone" in result.stdout
    assert lock.read_text() == ""


def test_a_ledger_that_is_not_there_is_told(tmp_path: Path) -> None:
    """No command makes one, or a lock for one."""
    new = str(tmp_path / "new")
    for command in (["verify"], ["compact"], ["unlock"], ["salvage", "-o", new]):
        result = call("ledger", *command, tmp_path / "none")
        assert (result.exit_code, "does not exist" in result.stderr) == (Exit.LEDGER, True)
    assert list(tmp_path.iterdir()) == []


def test_a_run_with_a_compacted_ledger_has_nothing_to_do(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """The real command knows after a compaction what it knew before, and its report is the same."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(*(instance(f"i-{number}") for number in range(4))))
    assert shell.run("run", "wave.yaml", *QUICK).code == Exit.OK
    path = shell.folder / "wave.ledger.jsonl"
    before = call("report", path).stdout
    assert call("ledger", "compact", path).exit_code == Exit.OK
    assert call("report", path).stdout == before
    again = shell.run("run", "wave.yaml", *QUICK)
    assert (again.code, "succeeded=4" in again.out) == (Exit.OK, True)
    assert simulator.seen()["requests"]["StartInstanceOnboardingJob"] == 4


def test_a_run_after_a_salvage_starts_nothing_twice(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """All that was lost is read first, even with --no-precheck; what had been started is found."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(*(instance(f"i-{number}") for number in range(4))))
    assert shell.run("run", "wave.yaml", *QUICK).code == Exit.OK
    path = shell.folder / "wave.ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if b"/i-1" not in line))
    damaged = shell.run("run", "wave.yaml", "--yes")
    assert (damaged.code, "ledger salvage" in damaged.err) == (Exit.LEDGER, True)
    assert shell.run("ledger", "verify", "wave.ledger.jsonl").code == Exit.LEDGER
    assert shell.run("ledger", "salvage", "wave.ledger.jsonl", "-o", "new.jsonl").code == Exit.OK
    again = shell.run("run", "wave.yaml", *QUICK, "--no-precheck", "--ledger", "new.jsonl")
    assert again.code == Exit.OK, again.err
    assert "already_onboarded=1" in again.out
    assert simulator.seen()["requests"]["StartInstanceOnboardingJob"] == 4
    assert len(read_history(shell.folder / "new.jsonl").targets) == 4
