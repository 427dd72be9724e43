from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from batch_onboard.exits import Exit
from tests.cli.conftest import Ended, Shell, Simulated, instance, manifest, shell, simulate
from tests.faults.lab import (
    FAST,
    HASTY,
    LEDGER,
    QUICK,
    START,
    assert_survived,
    assert_told,
    assert_written_ahead,
    lines,
    needs,
    run_under,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["shell", "simulate"]  # fixtures, found by their names here


def some(number: int) -> str:
    """Return the manifest of so many instances."""
    return manifest(*(instance(f"i-{n}") for n in range(number)))


def in_namespace(shell: Shell, script: str, *arguments: str) -> Ended:
    """Run a shell script where what it mounts is its own, with the command's words as `$@`."""
    return run_under(shell, ["unshare", "-m", "sh", "-c", script, "sh"], *arguments)


@needs(8, "fiu-run")
def test_an_fsync_that_fails_once_is_not_tried_again(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """A second try would succeed, falsely. So nothing more is started: exit 5, and then resumed."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", some(4))
    assert_told(shell.run("run", "wave.yaml", *QUICK, "--limit", "1"), Exit.WORK_LEFT)
    failing = ["fiu-run", "-x", "-c", "enable name=posix/io/sync/fdatasync,failinfo=5,onetime"]
    ended = run_under(shell, failing, "run", "wave.yaml", *HASTY)
    assert_told(ended, Exit.LEDGER, "disk reports an error")
    assert simulator.seen()["requests"][START] == 1
    assert_survived(shell, simulator, 4)


@needs(9, "unshare", "mount", root=True)
def test_a_full_disk_drains_ends_with_5_and_is_gone_on_with_when_there_is_room(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """What had been sent had been written; the way out is told; the same command then finishes."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", some(60))
    (shell.folder / "small").mkdir()
    script = (
        'mount -t tmpfs -o size=32k none small && "$@"; code=$?; mount -o remount,size=4m small;'
        f'"$@" > again.out 2> again.err; echo $? > again.code; cp small/ledger {LEDGER}; exit $code'
    )
    ended = in_namespace(shell, script, "run", "wave.yaml", *HASTY, "--ledger", "small/ledger")
    assert_told(ended, Exit.LEDGER, "the disk is full: make room, then run again")
    assert "not be in the ledger" in ended.err
    assert (shell.folder / "again.code").read_text() in {"0\n", "3\n"}
    assert_survived(shell, simulator, 60)


def test_a_file_that_may_not_grow_stops_new_starts_and_ends_with_5(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """A write that was cut short leaves a tail, which the next run cuts off and keeps."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", some(60))
    limited = ["bash", "-c", 'ulimit -f 24 && exec "$@"', "limited"]
    assert_told(run_under(shell, limited, "run", "wave.yaml", *HASTY), Exit.LEDGER, "ulimit -f")
    assert simulator.seen()["requests"].get(START, 0) < 60
    assert_written_ahead(shell, simulator)
    assert_survived(shell, simulator, 60)
    assert list(shell.folder.glob(f"{LEDGER}.tail-*"))


@needs(11, "unshare", "mount", "mkfs.ext4", root=True)
def test_a_disk_that_dies_under_a_run_ends_it_with_5(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """The file system has met an error and takes nothing more: told as what it is."""
    simulate("defaults: {job_duration: {min: 2, max: 2}}\nthrottle: {rate: null}\n")
    shell.write("wave.yaml", some(3))
    (shell.folder / "disk").mkdir()
    script = (
        "truncate -s 16m image && mkfs.ext4 -q -F image && mount -o loop,errors=remount-ro image disk || exit 99;"
        'device=$(basename $(findmnt -n -o SOURCE disk)); "$@" & run=$!;'
        "until grep -qs running disk/ledger || ! kill -0 $run; do sleep 0.05; done;"
        "echo 1 > /sys/fs/ext4/$device/trigger_fs_error; mount -o remount,ro disk 2>/dev/null;"
        "wait $run; code=$?; umount disk; exit $code"
    )
    ended = in_namespace(shell, script, "run", "wave.yaml", *QUICK, "--ledger", "disk/ledger")
    assert_told(ended, Exit.LEDGER, "disk/ledger", "can't be written")


@needs(14, "strace")
def test_a_slow_fsync_holds_up_no_call(shell: Shell, simulate: Callable[[str], Simulated]) -> None:
    """Each fsync takes longer than a call may, and yet no call runs into its timeout."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", some(6))
    slow = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync"]
    slow += ["-e", "inject=fdatasync:delay_enter=1200000:when=1..2"]
    options = (*QUICK, "--timeout", "1s", "-vv", "--no-wait")
    ended = run_under(shell, slow, "run", "wave.yaml", *options)
    assert_told(ended, Exit.OK)
    assert "timeout" not in ended.err
    assert_survived(shell, simulator, 6)


@pytest.mark.parametrize(
    ("ledger", "words"),
    [
        (".", "not a regular file"),
        ("nowhere/ledger", "does not exist"),
        ("link", "symbolic link"),
        ("wave.yaml/ledger", "not a folder"),
    ],
)
def test_a_ledger_that_cannot_be_there_is_refused_before_anything_is_sent(
    shell: Shell, ledger: str, words: str
) -> None:
    """Exit 5 with what is wrong with the path."""
    shell.write("wave.yaml", some(1))
    (shell.folder / "link").symlink_to("elsewhere")
    ended = shell.run("run", "wave.yaml", "--yes", "--ledger", ledger)
    assert_told(ended, Exit.LEDGER, ledger, words)


@needs(15, "bwrap")
def test_a_ledger_on_a_read_only_file_system_is_refused(shell: Shell) -> None:
    """Exit 5, and another place is asked for."""
    shell.write("wave.yaml", some(1))
    folder = str(shell.folder)
    read_only = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", folder, folder]
    ended = run_under(shell, read_only, "run", "wave.yaml", "--yes")
    assert_told(ended, Exit.LEDGER, "read-only: name another place with --ledger")
    assert lines(shell, "run") == []


def test_the_tools_that_hurt_are_really_there_or_said_to_be_missing() -> None:
    """A row that can't be shown is skipped with its number and the tool's package."""
    mark = needs(99, "no-such-tool")
    assert mark.args == (True,)
    assert "ROW 99 NOT SHOWN HERE: it needs no-such-tool" in mark.kwargs["reason"]
