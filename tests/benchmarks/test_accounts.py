from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.accounts import __main__ as accounts
from benchmarks.accounts.__main__ import Play, _command, _play, cost, main
from benchmarks.accounts.work import Work

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize(("name", "number"), [("ours", 6), ("bare", 6), ("sessions", 2)])
def test_a_contender_starts_all_of_its_accounts(name: str, number: int) -> None:
    """Each gets through, in a process whose time, memory and connections are seen."""
    found = asyncio.run(_play(name, Work(number, only_start=False)))
    assert found.accounts == number
    assert min(found.cpu, found.memory, found.connections) > 0


def test_each_contender_is_played_with_one_account_and_with_many(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The JSON has the costs of all three, and what the long play of each took."""

    async def play(name: str, work: Work) -> Play:
        return Play(work.accounts, 1.0 + work.accounts, len(name), 3)

    monkeypatch.setattr(accounts, "_play", play)
    monkeypatch.setattr("sys.argv", ["accounts", "--accounts", "6", "--sessions", "2", "--json"])
    main()
    costs = json.loads(capsys.readouterr().out)
    assert {name: each["whole"]["accounts"] for name, each in costs.items()} == {
        "ours": 6,
        "bare": 6,
        "sessions": 2,
    }
    assert [each["milliseconds"] for each in costs.values()] == [1000.0] * 3


def test_the_cost_of_an_account_is_what_more_of_them_add() -> None:
    """Start-up is not the accounts' cost."""
    one, many = Play(1, 1.0, 50 * 2**20, 2), Play(1001, 3.0, 60 * 2**20, 50)
    found = cost(one, many)
    assert found.milliseconds == pytest.approx(2.0)
    assert found.kilobytes == pytest.approx(10.24)


def test_one_account_is_too_few() -> None:
    """What one more costs can't be told from one: the command says so."""
    command = [sys.executable, "-m", "benchmarks.accounts", "--accounts", "1"]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (ended.returncode, "at least 2" in ended.stderr) == (2, True)


@pytest.mark.parametrize("only_start", [False, True])
def test_all_contenders_read_or_none_does(only_start: bool, tmp_path: Path) -> None:
    """Without reads before a Start, ours leaves them out as the others do."""
    work = Work(2, only_start)
    assert ("--no-precheck" in _command("ours", work, tmp_path)) is only_start
    assert ("--only-start" in _command("bare", work, tmp_path)) is only_start
    assert (work.reads == ()) is only_start
