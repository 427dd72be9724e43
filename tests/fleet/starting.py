"""Processes that work for a batch, and end with the test that has started them."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]  # Dask has brought it
import pytest

from tests.cli.warm import start_warm
from tests.docs.consoles import commands
from tests.docs.terminal import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.cli.conftest import Shell

PAIR = ("--tls-ca-file", "ca.pem", "--tls-cert", "machine.pem", "--tls-key", "machine.key")


@contextmanager
def joined(
    shell: Shell,
    address: str,
    *options: str,
    folder: Path | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
    namespace: str | None = None,
) -> Iterator[psutil.Process]:
    """Start a worker that joins a scheduler, without a nanny that would kill it when it is silent.

    Args:
        shell: has folder and environment.
        address: the scheduler's.
        options: of the worker.
        folder: in place of the shell's.
        environment: more variables than the shell's.
        namespace: the network that it is in; None: this machine's.
    """
    words = ("worker", address, "--no-nanny", "--no-dashboard", *options)
    variables = shell.environment | dict(environment)
    with _dask(words, folder or shell.folder, variables, namespace) as process:
        yield process


@contextmanager
def scheduler(port: int) -> Iterator[psutil.Process]:
    """Start a scheduler of Dask that listens on a port of loopback."""
    words = ("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    with _dask(words, Path.cwd(), dict(os.environ)) as process:
        yield process


@contextmanager
def _dask(
    words: tuple[str, ...], folder: Path, variables: dict[str, str], namespace: str | None = None
) -> Iterator[psutil.Process]:
    nowhere = Path(os.devnull)
    process = start_warm(
        "dask.__main__", ("dask", *words), folder, variables, (nowhere, nowhere), namespace
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.join()


def until(process: subprocess.Popen[str], words: str) -> str:
    """Read what a process says until it says this, and return it."""
    read = []
    for line in process.stderr or pytest.fail("no output"):
        read.append(line)
        if words in line:
            return "".join(read)
    raise AssertionError("".join(read))


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    return port


def certify(folder: Path) -> None:
    """Make an authority, and a pair that it has signed, as docs/fleet.md has it typed."""
    for shown in commands((REPOSITORY / "docs" / "fleet.md").read_text()):
        subprocess.run(shown.text, shell=True, cwd=folder, check=True, capture_output=True)  # noqa: S602 - as a reader does
