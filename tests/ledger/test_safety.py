from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from batch_onboard.ledger.errors import LedgerUnusableError
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.opening import explain
from tests.ledger.building import ROOT, opened

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may do this")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a ledger that is alone in its folder."""
    path = tmp_path / "emea.ledger.jsonl"
    opened(path).close()
    path.with_name(f"{path.name}.lock").unlink()
    return path


def refusal(path: Path) -> str:
    """Return why a path can't be opened as a ledger; nothing may appear beside it."""
    folder = sorted(path.parent.iterdir()) if path.parent.is_dir() else None
    with pytest.raises(LedgerUnusableError) as caught:
        opened(path)
    assert folder is None or sorted(path.parent.iterdir()) == folder
    return str(caught.value)


def test_a_symbolic_link_is_not_followed(path: Path) -> None:
    """A link in the ledger's place, dangling or not, is refused for writing and for reading."""
    link = path.with_name("link")
    link.symlink_to(path)
    assert refusal(link) == (
        f"{link} can't be used: it is a symbolic link, which is not followed: name the file itself"
    )
    with pytest.raises(LedgerUnusableError, match="symbolic link"):
        read_history(link)
    link.unlink()
    link.symlink_to(path.with_name("nowhere"))
    assert "symbolic link" in refusal(link)
    assert not path.with_name("nowhere").exists()


def test_a_link_in_the_locks_place_is_not_followed(path: Path) -> None:
    """A lock that is a link to another file leaves that file alone."""
    other = path.with_name("precious")
    other.write_text("precious")
    path.with_name(f"{path.name}.lock").symlink_to(other)
    assert ".lock can't be used: it is a symbolic link" in refusal(path)
    assert other.read_text() == "precious"


def test_a_file_with_two_names_is_not_written(path: Path) -> None:
    """A hard link to someone's file is refused for writing; reading does no harm."""
    path.with_name("other").hardlink_to(path)
    with pytest.raises(LedgerUnusableError, match=r"it has 2 names \(hard links\)"):
        opened(path)
    assert read_history(path).runs == []


def test_a_pipe_is_refused_without_waiting(path: Path) -> None:
    """A named pipe, which would wait for its other end, is refused at once."""
    pipe = path.with_name("pipe")
    os.mkfifo(pipe)
    assert refusal(pipe) == f"{pipe} can't be used: it is not a regular file"
    with pytest.raises(LedgerUnusableError, match="not a regular file"):
        read_history(pipe)


def test_a_socket_and_a_device_are_refused(path: Path) -> None:
    """Other things that have a name are no ledgers either."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path.with_name("s")))
        assert "it is not a regular file" in refusal(path.with_name("s"))
    with pytest.raises(LedgerUnusableError, match="not a regular file"):
        read_history(Path("/dev/null"))


def test_a_folder_is_refused(path: Path) -> None:
    """A folder in the ledger's place is refused, for reading too."""
    assert "it is not a regular file" in refusal(path.parent)
    with pytest.raises(LedgerUnusableError, match="not a regular file"):
        read_history(path.parent)


def test_a_place_that_does_not_exist_is_told(path: Path) -> None:
    """A missing folder, a file in a folder's place, and a missing ledger each say what they are."""
    assert refusal(path.parent / "no" / "x") == (
        f"{path.parent / 'no' / 'x'} can't be used: the file or its folder does not exist"
    )
    assert "a part of its path is not a folder" in refusal(path / "x")
    assert "its name is too long" in refusal(path.with_name("x" * 255))
    with pytest.raises(LedgerUnusableError, match="does not exist"):
        read_history(path.with_name("none"))


def test_a_folder_that_takes_no_files_is_told() -> None:
    """Where no file can be made, even by root, the message says so."""
    assert "can't be used: " in refusal(Path("/proc/emea.ledger.jsonl"))


@needs_root
def test_a_read_only_file_system_is_told(path: Path) -> None:
    """On a file system that is mounted read-only, the message names that cause."""
    remount = f"mount --bind {path.parent} {path.parent} && mount -o remount,bind,ro {path.parent}"
    code = (
        f'from tests.ledger.building import opened; from pathlib import Path;opened(Path("{path}"))'
    )
    done = in_own_mounts(f"{remount} && exec {sys.executable} -c '{code}'")
    assert done.returncode == 1
    assert "its file system is read-only: name another place with --ledger" in done.stderr
    assert sorted(path.parent.iterdir()) == [path]


def in_own_mounts(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script that may mount things without anyone noticing."""
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False, cwd=ROOT
    )


@needs_root
def test_another_users_ledger_is_not_written(path: Path) -> None:
    """A ledger that belongs to someone else may say anything: it is refused for writing."""
    os.chown(path, 12345, 12345)
    with pytest.raises(LedgerUnusableError, match=r"it belongs to user 12345, not to you"):
        opened(path)
    assert read_history(path).runs == []


def test_a_ledger_that_everybody_may_write_to_is_refused(path: Path) -> None:
    """A world-writable ledger is refused with the command that mends it."""
    path.chmod(0o602)
    with pytest.raises(LedgerUnusableError, match="everybody may write to it: chmod 600"):
        opened(path)


def test_a_ledger_that_its_group_may_write_to_gets_a_warning(path: Path) -> None:
    """A group-writable ledger, as Kubernetes' fsGroup makes them, is used with a warning."""
    path.chmod(0o660)
    with opened(path) as ledger:
        assert ledger.warnings == (
            f"{path} may be written by its group: chmod 600 it unless that is meant",
        )


def test_errors_without_advice_are_told_in_the_systems_words() -> None:
    """An unforeseen error of the operating system keeps its own words."""
    assert explain(OSError(9999, "odd")) == "odd"
    assert explain(OSError("no number")) == "no number"
