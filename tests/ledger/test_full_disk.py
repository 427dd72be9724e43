from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from batch_onboard.ledger.file import read_history
from tests.ledger.building import ROOT, key, opened

if TYPE_CHECKING:
    from pathlib import Path

WRITE_UNTIL_IT_FAILS = """
import asyncio, json, resource, sys
from pathlib import Path
from batch_onboard.core.ports import JournalError
from batch_onboard.ledger.errors import LedgerUnusableError
from tests.ledger.building import intent, opened, run_line

async def fill(ledger):
    saved = 0
    try:
        async with ledger.journal() as journal:
            while True:
                await journal.write(intent(saved), intent(saved + 1), intent(saved + 2))
                saved += 3
    except JournalError as error:
        return saved, str(error), len(error.lost)

path, limit = Path(sys.argv[1]), int(sys.argv[2])
with opened(path) as ledger:
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    told = asyncio.run(fill(ledger))
    try:
        ledger.begin_run(run_line())
    except LedgerUnusableError as error:
        print(json.dumps([*told, str(error)]))
if len(sys.argv) > 3:
    sys.stdout.flush()
    Path(sys.argv[3]).write_bytes(path.read_bytes())
"""


def check(told: str, path: Path, cause: str) -> None:
    """Check what the run was told when it could no longer write."""
    saved, message, lost, later = json.loads(told)
    assert message == f"{path} can't be written: {cause}"
    assert lost == 3
    assert "an earlier write to it failed" in later
    assert saved > 10


def check_resumes(told: str, path: Path) -> None:
    """All that was acknowledged is there, and the ledger can be gone on with."""
    saved = json.loads(told)[0]
    with opened(path) as ledger:
        assert ledger.history.cut is not None
        assert {key(number) for number in range(saved)} <= ledger.history.records.keys()
    assert read_history(path).cuts


def test_a_file_that_may_not_grow_stops_the_journal(tmp_path: Path) -> None:
    """At a size limit, which cuts a write short, what was saved stays and the rest is told lost."""
    path = tmp_path / "emea.ledger.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", WRITE_UNTIL_IT_FAILS, str(path), "20000"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    check(done.stdout, path, "the file would exceed the largest size allowed (ulimit -f)")
    check_resumes(done.stdout, path)


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="mounting a tmpfs needs root"
)
def test_a_full_disk_stops_the_journal(tmp_path: Path) -> None:
    """On a full disk what was saved stays, the rest is told lost, and the cause is named."""
    small, copy = tmp_path / "small", tmp_path / "copy.jsonl"
    small.mkdir()
    path = small / "emea.ledger.jsonl"
    done = subprocess.run(
        [
            "unshare",
            "-m",
            "sh",
            "-c",
            'mount -t tmpfs -o size=64k none "$0" && exec "$@"',
            str(small),
            sys.executable,
            "-c",
            WRITE_UNTIL_IT_FAILS,
            str(path),
            "0",
            str(copy),
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    check(done.stdout, path, "the disk is full: make room, then run again")
    copy.chmod(0o600)
    check_resumes(done.stdout, copy)
