"""The real command, killed or hurt at one of its system calls (strace), and what is left then."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from batch_onboard.ledger.file import read_history
from tests.faults.lab import HASTY, LEDGER, assert_survived, assert_written_ahead, run_under

if TYPE_CHECKING:
    from tests.cli.conftest import Ended, Shell, Simulated

# Whatever writes to the ledger, makes it durable or visible, and sends requests.
POINTS = ("write", "fdatasync", "fsync", "rename", "sendto", "ftruncate")
HURT = ("write", "fdatasync", "fsync", "rename", "ftruncate", "flock")


def killed_at(shell: Shell, call: str, number: int) -> bool:
    """Kill a run at a thread's so many-th system call of a name, by SIGKILL before it is made.

    Returns:
        Whether it was killed, or ended before that.
    """
    ended = _traced(shell, call, f"signal=KILL:when={number}")
    return ended.code == -signal.SIGKILL


def failed_at(shell: Shell, call: str, number: int) -> Ended:
    """Let a thread's so many-th system call of a name fail with an I/O error, in one run."""
    return _traced(shell, call, f"error=EIO:when={number}")


def was_hurt(shell: Shell) -> bool:
    """Say whether the latest run under strace came as far as its injected error."""
    return "(INJECTED)" in (shell.folder / "strace.log").read_text(errors="replace")


def _traced(shell: Shell, call: str, what: str) -> Ended:
    log = shell.folder / "strace.log"
    trace = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={call}"]
    return run_under(shell, [*trace, "-e", f"inject={call}:{what}"], "run", "wave.yaml", *HASTY)


def assert_left_whole(shell: Shell, simulator: Simulated) -> None:
    """What a killed run leaves can be read, and knows every Start that was sent."""
    assert_written_ahead(shell, simulator)
    if (shell.folder / LEDGER).exists():
        read_history(shell.folder / LEDGER)


def assert_resumed(shell: Shell, simulator: Simulated, number: int) -> None:
    """What a killed run leaves is whole, and is gone on with to the end."""
    assert_left_whole(shell, simulator)
    assert_survived(shell, simulator, number)
