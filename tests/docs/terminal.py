"""Types the commands of a page, section by section, as a reader would: in a folder, on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a command.

    Attributes:
        code: its exit code.
        out: what it wrote to stdout.
        seen: what it wrote to the terminal.
    """

    code: int
    out: str
    seen: str


def typed(text: str, folder: Path, environment: dict[str, str]) -> Came:
    """Type a command for bash; stderr is a terminal, on which every question is answered with yes."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", text],
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,
        text=True,
    )
    os.close(theirs)
    os.write(ours, b"y\n")
    seen: list[bytes] = []
    reader = threading.Thread(target=_drain, args=(ours, seen))
    reader.start()
    out, _ = process.communicate(timeout=120)
    reader.join()
    os.close(ours)
    return Came(process.returncode, out, b"".join(seen).decode().replace("\r\n", "\n"))


def environment(home: Path, settings: dict[str, str]) -> dict[str, str]:
    """Return the environment of somebody who has installed the tool and set AWS up."""
    nothing = home / "no-aws-config"
    nothing.touch()
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(home),
        "TERM": "dumb",
        "COLUMNS": "200",
        "AWS_CONFIG_FILE": str(nothing),
        "AWS_SHARED_CREDENTIALS_FILE": str(nothing),
        "AWS_EC2_METADATA_DISABLED": "true",
        **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
        **settings,
    }


def _drain(terminal: int, into: list[bytes]) -> None:
    with suppress(OSError):  # how Linux says that nobody has the other end open any more
        while some := os.read(terminal, 65536):
            into.append(some)
