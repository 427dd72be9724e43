"""What every fault is shown with: the real command under some wrapper, and what must hold."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from batch_onboard.exits import Exit
from batch_onboard.ledger.file import read_history
from batch_onboard.report.results import results
from tests.cli.conftest import COMMAND, Ended, Shell, Simulated
from tests.measured import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

FAST = "defaults: {job_duration: {min: 0.2, max: 0.4}}\nthrottle: {rate: null}\n"
QUICK = ("--yes", "--rate", "200", "--burst", "200")
# The shortest hold that an intent can have: 5 s beyond the call timeout.
HASTY = (*QUICK, "--timeout", "1s", "--consistency-window", "1s")
# With time enough for the calls of a busy machine.
STEADY = (*QUICK, "--timeout", "3s", "--consistency-window", "1s")
START = "StartInstanceOnboardingJob"
LEDGER = "wave.ledger.jsonl"


def needs(row: int, *tools: str, root: bool = False) -> pytest.MarkDecorator:
    """Skip a test loudly where a tool or a right is missing: the row of the matrix is not shown."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    wanted = [f"{tool} (apt-get install {_PACKAGES.get(tool, tool)})" for tool in missing]
    if root and os.geteuid() != 0:
        wanted.append("root, who may mount and unshare")
    if sys.platform != "linux":
        wanted.append("Linux")
    reason = f"ROW {row} NOT SHOWN HERE: it needs {', '.join(wanted)}"
    return pytest.mark.skipif(bool(wanted), reason=reason)


_PACKAGES = {
    "bwrap": "bubblewrap",
    "fiu-run": "fiu-utils",
    "ip": "iproute2",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.xfs": "xfsprogs",
    "unshare": "util-linux",
}


def run_under(shell: Shell, wrapper: Sequence[str], *arguments: str, **more: str) -> Ended:
    """Run the command beneath another program, to its end, without measuring its coverage.

    What hurts the command would hurt the files of the measurement as well; and Python would keep
    byte code that a limit had cut short.
    """
    more = {"PYTHONDONTWRITEBYTECODE": "1", **more}
    kept = {name: shell.environment[name] for name in shell.environment if name not in VARIABLES}
    done = subprocess.run(
        [*wrapper, *COMMAND, *arguments],
        cwd=shell.folder,
        env=kept | more,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def lines(shell: Shell, kind: str) -> list[Any]:
    """Return the whole lines of one type in the ledger."""
    path = shell.folder / LEDGER
    if not path.exists():
        return []
    whole = path.read_bytes().split(b"\n")[:-1]
    return [line for line in map(json.loads, whole) if line["type"] == kind]


def reported(shell: Shell) -> list[Any]:
    """Return the targets as a report has them; the ledger is read by the code that reports."""
    found = results(read_history(shell.folder / LEDGER))
    return [msgspec.to_builtins(each) for each in found]


def assert_written_ahead(shell: Shell, simulator: Simulated) -> None:
    """Every Start that arrived stands in the ledger."""
    intended = Counter(line["target"] for line in lines(shell, "intended"))
    for key, target in simulator.seen()["targets"].items():
        assert target["starts_received"] <= intended[key]


def assert_told(ended: Ended, code: int, *words: str) -> None:
    """The exit code is the contract's, and cause and way out stand there without a traceback."""
    told = ended.out + ended.err
    assert ended.code == code, told
    assert "Traceback" not in told
    for word in words:
        assert word in told


def assert_survived(
    shell: Shell, simulator: Simulated, number: int, *options: str, code: int = Exit.OK
) -> list[Any]:
    """Run once more, and check that each target has one end and had one accepted Start at most.

    On a busy machine a call may run into its short timeout; then an operator runs again, too.

    Returns:
        The targets, as a report has them.
    """
    again = ("run", "wave.yaml", *HASTY, *options)
    ended = shell.run(*again)
    for _ in range(2):
        ended = ended if ended.code == code else shell.run(*again)
    assert_told(ended, code)
    targets = reported(shell)
    assert len(targets) == number
    if code == Exit.OK:
        assert {target["state"] for target in targets} <= {"succeeded", "already_onboarded"}
    seen = simulator.seen()
    assert max(each["starts_accepted"] for each in seen["targets"].values()) <= 1
    assert seen["double_starts"] == 0
    assert seen["in_several_accounts"] == {}
    assert_written_ahead(shell, simulator)
    return targets
