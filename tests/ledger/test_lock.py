from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from batch_onboard.ledger.errors import LedgerLockedError
from batch_onboard.ledger.lock import LedgerLock, glance, unlock
from tests.ledger import races
from tests.ledger.building import AT, ROOT, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLD = """
import os, subprocess, sys
from pathlib import Path
from batch_onboard.ledger.errors import LedgerLockedError
from tests.ledger.building import opened
try:
    ledger = opened(Path(sys.argv[1]))
except LedgerLockedError:
    print("locked", flush=True)
else:
    if "with-fork" in sys.argv:
        begun, told = os.pipe()
        if not os.fork():
            os.write(told, b"the child runs")
            sys.stdin.read()
            os._exit(0)
        os.read(begun, 1)
    if "with-child" in sys.argv:
        subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], close_fds=False)
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of a test will be."""
    return tmp_path / "emea.ledger.jsonl"


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that a test has started; they end with it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def start(path: Path, *more: str) -> subprocess.Popen[str]:
    """Start a process that opens a ledger, tells, and holds it until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def first_word(process: subprocess.Popen[str]) -> str:
    """Return what a process tells first."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_second_run_is_told_who_holds_the_ledger(path: Path) -> None:
    """The error names process, machine and time of the holder, and what one can do."""
    with opened(path), pytest.raises(LedgerLockedError) as caught:
        opened(path)
    error = caught.value
    assert (error.pid, error.host, error.since) == (os.getpid(), socket.gethostname(), AT)
    assert str(error) == (
        f"another run holds {path}: pid {os.getpid()} on host {socket.gethostname()} "
        "since 2026-11-22T20:00:00Z; let it end or stop it, or wait with --lock-timeout"
    )


def test_a_holder_that_has_not_yet_told_is_none_the_less_found(path: Path) -> None:
    """Between taking the lock and telling who it is, a holder is already respected."""
    with path.with_name(f"{path.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for told in ("", '{"pid":', "[" * 4096):
            file.write(told)
            file.flush()
            with pytest.raises(
                LedgerLockedError, match=r"another run holds .*jsonl; let it end"
            ) as caught:
                opened(path)
            assert caught.value.pid is None


def test_a_released_lock_names_nobody(path: Path) -> None:
    """The lock's file stays when the run ends, but no longer says who holds it."""
    lock = path.with_name(f"{path.name}.lock")
    with opened(path):
        assert json.loads(lock.read_text())["pid"] == os.getpid()
    assert lock.read_text() == ""


def test_waiting_ends_when_the_other_run_does(path: Path) -> None:
    """With a timeout, a run waits in small steps and goes on as soon as it can."""
    other = LedgerLock(path, AT)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            other.release()

    LedgerLock(path, AT, timeout=1000.0, pause=pause).release()
    assert pauses == [0.1, 0.1, 0.1]


def test_waiting_has_an_end(path: Path) -> None:
    """When the timeout has passed, the error comes; no longer than that is waited."""
    other = LedgerLock(path, AT)
    pauses: list[float] = []
    with pytest.raises(LedgerLockedError):
        LedgerLock(path, AT, timeout=0.25, pause=pauses.append)
    assert sum(pauses) == pytest.approx(0.25)
    other.release()


def test_of_runs_that_race_exactly_one_holds_the_ledger(
    path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    """Of several processes that open a ledger at once, also a new one, one gets it."""
    processes += [start(path) for _ in range(4)]
    assert sorted(map(first_word, processes)) == ["held", "locked", "locked", "locked"]


def test_a_killed_holder_frees_the_ledger(
    path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    """The lock dies with its process, kill -9 included."""
    processes.append(start(path))
    assert first_word(processes[0]) == "held"
    with pytest.raises(LedgerLockedError) as caught:
        opened(path)
    assert caught.value.pid == processes[0].pid
    processes[0].kill()
    processes[0].wait()
    opened(path).close()


@pytest.mark.parametrize("how", ["with-child", "with-fork"])
def test_a_child_does_not_keep_the_lock_of_a_dead_holder(
    path: Path, processes: list[subprocess.Popen[str]], how: str
) -> None:
    """Neither a program that the holder started, nor its fork, has inherited the lock."""
    processes.append(start(path, how))
    assert first_word(processes[0]) == "held"
    with pytest.raises(LedgerLockedError):
        opened(path)
    processes[0].kill()
    processes[0].wait()
    opened(path).close()


def test_unlock_never_breaks_a_lock(path: Path, processes: list[subprocess.Popen[str]]) -> None:
    """A ledger that is held stays held, and unlock says by whom."""
    processes.append(start(path))
    assert first_word(processes[0]) == "held"
    for _ in range(2):
        with pytest.raises(LedgerLockedError) as caught:
            unlock(path, AT)
        assert caught.value.pid == processes[0].pid


def test_unlock_clears_what_a_dead_holder_has_left(
    path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    """The text of a killed holder goes, the lock's file stays, and the ledger is free as before."""
    processes.append(start(path))
    assert first_word(processes[0]) == "held"
    processes[0].kill()
    processes[0].wait()
    lock = path.with_name(f"{path.name}.lock")
    assert lock.read_text() != ""
    left = unlock(path, AT)
    assert left is not None
    assert left.pid == processes[0].pid
    assert lock.read_text() == ""
    assert unlock(path, AT) is None
    opened(path).close()


def test_unlock_makes_no_lock_where_there_is_none(path: Path) -> None:
    """A ledger that was never opened has no lock, and gets none."""
    assert unlock(path, AT) is None
    assert list(path.parent.iterdir()) == []


@pytest.mark.no_cover
def test_in_many_races_there_are_never_two_holders(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Processes that take and release a lock as fast as they can never hold it at once."""
    monkeypatch.setattr("sys.argv", ["races", "--rounds", "200", "--folder", str(path.parent)])
    races.main()
    assert capsys.readouterr().out.startswith("200 holds by 4 processes, ")


def test_a_glance_says_who_holds_a_ledger(path: Path) -> None:
    """While it is held; a ledger that nobody ever held has no lock's file, and gets none."""
    assert glance(path) == (False, None)
    assert not path.with_name(f"{path.name}.lock").exists()
    with opened(path):
        held, holder = glance(path)
        assert holder is not None
        assert (held, holder.pid, holder.since) == (True, os.getpid(), AT)
    assert glance(path) == (False, None)


def test_a_glance_keeps_no_run_from_its_ledger(path: Path) -> None:
    """The instant for which it takes the lock is waited for, even without a timeout."""
    LedgerLock(path, AT).release()
    with path.with_name(f"{path.name}.lock").open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        LedgerLock(path, AT, pause=lambda _: looking.close()).release()
