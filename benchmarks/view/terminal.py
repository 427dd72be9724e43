"""A command on a terminal of its own, whose output somebody reads at once."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLUMNS, ROWS = 120, 40


def cpu_of(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Run a command to a good end, with stderr on a terminal, and return its processor seconds.

    Args:
        command: and its arguments.
        environment: of the process.
    """
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=its,
    )
    os.close(its)
    shown: list[bytes] = []
    reader = Thread(target=_read, args=(ours, shown))
    reader.start()
    _, status, usage = os.wait4(process.pid, 0)
    # wait4 has taken the status, so Popen must be told, or it would wait for it in vain.
    process.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    os.close(ours)
    if process.returncode:
        sys.exit(
            f"{' '.join(command)} ended with {process.returncode}:\n{b''.join(shown).decode()}"
        )
    return usage.ru_utime + usage.ru_stime


def _read(terminal: int, shown: list[bytes]) -> None:
    """Read all that is shown, until nobody can show anything any more."""
    try:
        while some := os.read(terminal, 1 << 16):
            shown.append(some)
    except OSError:  # what Linux says once the last process has left
        return
