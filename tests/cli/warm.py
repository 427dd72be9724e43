"""The command in processes that are forked from one that has imported everything before.

A command of a test works for a tenth of a second, and imports for more than a whole one. A process
like this is one of its own in all that a command can see, but for what Python and the loader read
as they begin. Tests of that, of signals and of kills start theirs from nothing.

Each such process imports this module, so it imports little itself.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import pkgutil
import sys
import tempfile
import time
from pathlib import Path

import batch_onboard

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [found.name for found in pkgutil.walk_packages(batch_onboard.__path__, "batch_onboard.")]
)
_TIMEOUT = 120.0


def run_warm(
    arguments: tuple[str, ...], folder: Path, environment: dict[str, str]
) -> tuple[int, str, str]:
    """Run the command to its end, and return its exit code and what it wrote.

    Raises:
        TimeoutError: it took more than two minutes, and was killed.
    """
    with tempfile.TemporaryDirectory() as written:
        out, err = Path(written, "out"), Path(written, "err")
        process = _SERVER.Process(target=_become, args=(arguments, folder, environment, out, err))
        process.start()
        process.join(_TIMEOUT)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"{arguments} did not end")
        return process.exitcode, out.read_text("utf-8"), err.read_text("utf-8")


def _become(
    arguments: tuple[str, ...], folder: Path, environment: dict[str, str], out: Path, err: Path
) -> None:
    """Be the command, in the forked process."""
    from batch_onboard.__main__ import main  # noqa: PLC0415 - not by who only has it run

    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = ["batch-onboard", *arguments]
    try:
        main()
    finally:
        # Processes of `multiprocessing` end without; coverage writes here what it has measured.
        atexit._run_exitfuncs()
