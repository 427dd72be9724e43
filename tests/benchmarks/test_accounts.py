from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.accounts.__main__ import Play, _command, cost
from benchmarks.accounts.work import Work

PROJECT = Path(__file__).parents[2]


def _measure(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.accounts", *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


def test_all_contenders_start_all_of_their_accounts() -> None:
    """With 6 accounts each contender gets through, and its costs and connections are told."""
    ended = _measure("--accounts", "6", "--sessions", "2", "--json")
    assert ended.returncode == 0, ended.stderr
    costs = json.loads(ended.stdout)
    assert {name: each["whole"]["accounts"] for name, each in costs.items()} == {
        "ours": 6,
        "bare": 6,
        "sessions": 2,
    }
    assert all(each["whole"]["connections"] >= 1 for each in costs.values())


def test_the_cost_of_an_account_is_what_more_of_them_add() -> None:
    """Start-up is not the accounts' cost."""
    one, many = Play(1, 1.0, 50 * 2**20, 2), Play(1001, 3.0, 60 * 2**20, 50)
    found = cost(one, many)
    assert found.milliseconds == pytest.approx(2.0)
    assert found.kilobytes == pytest.approx(10.24)


def test_one_account_is_too_few() -> None:
    """What one more costs can't be told from one."""
    assert "at least 2" in _measure("--accounts", "1").stderr


@pytest.mark.parametrize("only_start", [False, True])
def test_all_contenders_read_or_none_does(only_start: bool, tmp_path: Path) -> None:
    """Without reads before a Start, ours leaves them out as the others do."""
    work = Work(2, only_start)
    assert ("--no-precheck" in _command("ours", work, tmp_path)) is only_start
    assert ("--only-start" in _command("bare", work, tmp_path)) is only_start
    assert (work.reads == ()) is only_start
