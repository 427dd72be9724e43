from __future__ import annotations

import json
import os
import pty
import signal
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from click.testing import CliRunner

from batch_onboard.cli.entry import cli
from batch_onboard.cli.follow import StoppedError, follow
from batch_onboard.cli.progress import ProgressMode
from batch_onboard.exits import Exit
from tests.cli.conftest import COMMAND, Shell, instance, manifest
from tests.ledger.building import opened, run_line, target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from batch_onboard.ledger.ledger import Ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of a test is."""
    return tmp_path / "emea.ledger.jsonl"


@pytest.fixture
def held(path: Path) -> Iterator[Ledger]:
    """A ledger with a run that is under way in this very process."""
    with opened(path) as ledger:
        ledger.begin_run(run_line())
        ledger.sync_manifest([target(1), target(2)])
        yield ledger


def status(path: Path, *more: str) -> str:
    """Return what the command prints."""
    result = CliRunner().invoke(cli, ["status", str(path), *more])
    assert result.exit_code == Exit.OK, result.output
    return result.stdout


@pytest.mark.usefixtures("held")
def test_status_says_whether_a_run_is_alive(path: Path) -> None:
    """By the lock, which dies with its holder; and by whom and since when it is held."""
    shown = status(path)
    assert "the latest run, r1, began 2026-11-22 20:00:00 UTC and is under way\n" in shown
    assert f"held by pid {os.getpid()} on {os.uname().nodename} since 2026-11-22 20:00" in shown
    told = json.loads(status(path, "--output", "json"))
    assert (told["held"], told["held_by"]["pid"]) == (True, os.getpid())


def test_status_says_how_a_run_ended(held: Ledger, path: Path) -> None:
    """With its exit code, which a person looks up."""
    held.end_run("r1", 3, "finished, not all targets are done")
    assert "and ended 20:00:00 with exit code 3: finished, not" in status(path)
    assert "held by pid" in status(path)
    held.close()
    assert "held by" not in status(path)


def test_status_says_that_a_run_was_cut_off(path: Path) -> None:
    """Its end is missing, and nobody holds the ledger; what another machine does can't be seen."""
    with opened(path) as ledger:
        here = os.uname().nodename
        ledger.begin_run(msgspec.structs.replace(run_line(), host=here))
    assert f"was cut off (pid 7 on {here}): run again to go on" in status(path)
    with opened(path) as ledger:
        ledger.begin_run(run_line("r2"))
    assert "has not ended, as far as this machine can see (pid 7 on h)" in status(path)


@pytest.mark.usefixtures("held")
def test_a_lock_that_names_nobody_is_told_all_the_same(path: Path) -> None:
    """A run has taken it, and not yet said who it is."""
    path.with_name(f"{path.name}.lock").write_text("")
    assert "held by a process that has only just begun" in status(path)


@pytest.mark.parametrize("mode", [ProgressMode.PLAIN, ProgressMode.JSON])
def test_following_ends_with_the_run(held: Ledger, path: Path, mode: ProgressMode) -> None:
    """Lines are told until its last line stands in the ledger."""
    said = []

    def say(line: str) -> None:
        said.append(line)
        held.end_run("r1", 0, "done")

    history = follow(path, mode, 60.0, say)
    assert history.runs[-1].ended is not None
    (line,) = said
    if mode is ProgressMode.JSON:
        told: dict[str, Any] = json.loads(line)
        assert (told["over"], told["selected"], told["calls"]) == (0, 2, None)
    else:
        assert line.startswith("0/2 0% | ok 0, stopped 0 | 0 Starts/s, 0 throttles/min")


def test_following_ends_when_the_run_is_cut_off(held: Ledger, path: Path) -> None:
    """Its lock is free, though its last line is missing."""
    history = follow(path, ProgressMode.PLAIN, 60.0, lambda _: held.close())
    assert history.runs[-1].ended is None


def test_where_no_run_is_under_way_there_is_nothing_to_follow(path: Path) -> None:
    """The status comes at once."""
    opened(path).close()
    assert status(path, "--follow").startswith("emea: 0 targets\nno run yet\n")


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_following(path: Path, number: signal.Signals) -> None:
    """Whoever had set the signal's handler before has it again."""
    before = signal.getsignal(number)
    with pytest.raises(StoppedError) as stopped:
        follow(path, ProgressMode.PLAIN, 60.0, lambda _: os.kill(os.getpid(), number))
    assert (stopped.value.number, signal.getsignal(number)) == (number, before)


def on_a_terminal(shell: Shell, *arguments: str) -> tuple[int, int]:
    """Start the command on a terminal of its own; return its process and the other end."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(shell.folder)
        environment = shell.environment | {"TERM": "xterm", "LC_ALL": "C.UTF-8", "COLUMNS": "80"}
        os.execve(sys.executable, [*COMMAND, *arguments], environment)  # noqa: S606 - a real process on a real terminal
    return process, terminal


def read_until(terminal: int, what: bytes) -> bytes:
    """Return what a terminal shows up to something, or to its end."""
    shown = b""
    try:
        while what not in shown and (more := os.read(terminal, 4096)):
            shown += more
    except OSError:  # so Linux says that the other side has closed
        pass
    return shown


def test_a_run_on_a_terminal_is_followed_on_another(shell: Shell) -> None:
    """Both show the same view; both leave one line of it, a cursor, and what is to be known."""
    shell.write("wave.yaml", manifest(instance("a"), instance("b")))
    shell.write("s.yaml", "defaults: {job_duration: {min: 1.5, max: 2}}\n")
    run, screen = on_a_terminal(shell, "run", "wave.yaml", "--simulate", "--scenario", "s.yaml")
    read_until(screen, b"calls/s")
    ledger = "wave.simulated.ledger.jsonl"
    watch, other = on_a_terminal(shell, "status", ledger, "--follow", "--progress", "bar")
    seen, left = read_until(other, b"never"), read_until(screen, b"never")
    assert os.waitstatus_to_exitcode(os.waitpid(run, 0)[1]) == Exit.OK
    assert os.waitstatus_to_exitcode(os.waitpid(watch, 0)[1]) == Exit.OK
    assert b"Starts/s" in seen
    assert b"ended" in seen.rpartition(b"\x1b[?25h")[2]
    assert b"succeeded=2" in left.rpartition(b"\x1b[?25h")[2]
    assert "2/2 100%" in left.decode()


@pytest.mark.usefixtures("held")
def test_a_person_who_has_seen_enough_presses_ctrl_c(shell: Shell, path: Path) -> None:
    """Quietly, with the terminal as it was."""
    process, terminal = on_a_terminal(shell, "status", str(path), "--follow")
    shown = read_until(terminal, b"Starts/s")
    os.write(terminal, b"\x03")
    shown += read_until(terminal, b"never")
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == Exit.INTERRUPTED
    assert shown.rpartition(b"\x1b[?25")[2].startswith(b"h")
    assert b"Traceback" not in shown
