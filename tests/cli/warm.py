"""The command in processes that are forked from one that has imported everything before.

A command of a test works for a tenth of a second, and imports for more than a whole one. A process
like this is one of its own in all that a command can see, but for what Python and the loader read
as they begin. Tests of that, of signals and of kills start theirs from nothing.

Each such process imports this module, so it imports little itself.
"""

from __future__ import annotations

import atexit
import importlib
import multiprocessing
import os
import pkgutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import batch_onboard
from tests.measured import begin_measuring, unmeasured_processes

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        *(found.name for found in pkgutil.walk_packages(batch_onboard.__path__, "batch_onboard.")),
        "distributed.cli.dask_scheduler",
        "distributed.cli.dask_worker",
        "coverage",
    ]
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
        process = start_warm(
            "batch_onboard.__main__", ("batch-onboard", *arguments), folder, environment, (out, err)
        )
        process.join(_TIMEOUT)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"{arguments} did not end")
        return process.exitcode, out.read_text("utf-8"), err.read_text("utf-8")


def start_warm(
    module: str,
    words: tuple[str, ...],
    folder: Path,
    environment: dict[str, str],
    written: tuple[Path, Path],
    namespace: str | None = None,
) -> BaseProcess:
    """Start a command, and return its process.

    Args:
        module: has its `main`.
        words: its name and arguments.
        folder: where it works.
        environment: all its variables.
        written: where its stdout and stderr go.
        namespace: that of another network, in which it is to be (`tests.faults.machines`).
    """
    arguments = (module, words, folder, environment, written, namespace)
    process = _SERVER.Process(target=_become, args=arguments)
    with unmeasured_processes():  # the one that imports; its forks are, if they are to be
        process.start()
    return process


def _become(
    module: str,
    words: tuple[str, ...],
    folder: Path,
    environment: dict[str, str],
    written: tuple[Path, Path],
    namespace: str | None,
) -> None:
    """Be the command, in the forked process."""
    main = importlib.import_module(module).main
    if namespace is not None:
        from tests.faults.machines import enter  # noqa: PLC0415 - for the few that need it

        enter(namespace)
    for number, path in enumerate(written, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    begin_measuring()
    sys.argv = list(words)
    try:
        main()
    finally:
        # Processes of `multiprocessing` end without; coverage writes here what it has measured.
        atexit._run_exitfuncs()
