"""Who takes part: the command of each peer, or why it can't."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.peers.work import Files, Work

# Older versions know no AWS_ENDPOINT_URL. Version 1 ends with 255 when a call fails, at which xargs
# would give up all that is left: the status is made 1, so that only that target is lost.
_START = """
"$0" connectcampaigns start-instance-onboarding-job --endpoint-url "$AWS_ENDPOINT_URL" \\
    --encryption-config enabled=false --connect-instance-id "$1" || exit 1
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to do the work.

    Attributes:
        name: how `--only` finds it.
        title: how the table names it.
        command: what is run, for some work and its files.
        missing: says what it lacks to take part, and how to get it; nothing if it can.
    """

    name: str
    title: str
    command: Callable[[Work, Files], list[str]]
    missing: Callable[[], str] = str


def roster(aws: str | None) -> list[Peer]:
    """Return all peers.

    Args:
        aws: the AWS CLI's program. None: the one on PATH, if there is one.
    """
    return [
        Peer("ours", "batch-onboard run", _ours),
        Peer("boto3-standard", "boto3, 16 threads, standard", _boto3("standard")),
        Peer("boto3-adaptive", "boto3, 16 threads, adaptive", _boto3("adaptive")),
        Peer("aioboto3", "aioboto3, 10 workers, backoff", _aioboto3()),
        Peer(
            "aiolimiter",
            "aioboto3 + aiolimiter, told r and b",
            _aioboto3("--told-the-quota"),
            _lacks_aiolimiter,
        ),
        _aws_cli(aws),
    ]


def _ours(_work: Work, files: Files) -> list[str]:
    command = [sys.executable, "-m", "batch_onboard", "run", str(files.manifest)]
    return [*command, "--no-wait", "--no-precheck", "--yes", "--progress", "none"]


def _boto3(mode: str) -> Callable[[Work, Files], list[str]]:
    module = "benchmarks.peers.with_boto3"
    return lambda _, files: [sys.executable, "-m", module, str(files.instances), mode]


def _aioboto3(*flags: str) -> Callable[[Work, Files], list[str]]:
    def command(work: Work, files: Files) -> list[str]:
        module = "benchmarks.peers.with_aioboto3"
        quota = [str(work.rate), str(work.burst)]
        return [sys.executable, "-m", module, str(files.instances), *quota, *flags]

    return command


def _lacks_aiolimiter() -> str:
    return "" if find_spec("aiolimiter") else "it needs aiolimiter: pip install aiolimiter"


def _aws_cli(program: str | None) -> Peer:
    found = shutil.which(program or "aws")

    def command(_work: Work, files: Files) -> list[str]:
        each = ["-P", "16", "-n", "1", "sh", "-c", _START, found or "aws"]
        return ["sh", "-c", 'exec xargs "$@" < "$0"', str(files.instances), *each]

    def missing() -> str:
        works = found is not None and _runs(found)
        return "" if works else "it needs an `aws` that runs, on PATH or given by --aws"

    return Peer("aws-cli", "xargs -P 16 aws", command, missing)


def _runs(program: str) -> bool:
    asked = subprocess.run([program, "--version"], capture_output=True, check=False)
    return asked.returncode == 0
