from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.faults.lab import needs
from tests.ledger.building import ROOT


def cut(*arguments: str) -> dict[str, int]:
    """Cut the power a few times, in a namespace of its own."""
    command = ["unshare", "-m", sys.executable, "-m", "tests.faults.powercuts", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=needs(12, "unshare", "mount", f"mkfs.{kind}", root=True))
        for kind in ("ext4", "xfs")
    ],
)
def test_what_a_journal_has_acknowledged_survives_a_power_cut(kind: str) -> None:
    """The disk is cut off under the writer, without its cache: all that was told safe is there."""
    counts = cut(kind, "3", "1")
    assert (counts["cuts"], counts["losses"]) == (3, 0)


@needs(13, "unshare", "mount", "mkfs.ext4", "strace", root=True)
def test_where_fsync_lies_the_same_test_sees_the_losses() -> None:
    """The control: a harness that would find nothing lost here would prove nothing above."""
    assert cut("ext4", "2", "1", "lying")["losses"] > 0
