from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from batch_onboard.ledger.errors import LedgerDamagedError, LedgerError
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.verify import verify
from tests.ledger import damage
from tests.ledger.building import opened
from tests.ledger.damage import (
    check_cut,
    check_flip,
    check_moved,
    fuzz,
    moves,
    mutated,
    outcome,
    sample,
    split,
)

if TYPE_CHECKING:
    from pathlib import Path

# Thousands of times the same lines of the product, which other tests run through.
pytestmark = pytest.mark.no_cover

SMALL = sample(7)
LARGE = sample(60)


def test_cut_at_any_byte_a_ledger_keeps_its_whole_lines() -> None:
    """Cut in its header a file is no ledger; cut anywhere else, all whole lines count."""
    for size in range(len(SMALL.data)):
        check_cut(SMALL, size)


@pytest.mark.parametrize("index", range(len(SMALL.lines)))
def test_no_flipped_bit_is_accepted(index: int) -> None:
    """A bit of each byte, in turn: damage at or below the durable mark, an unfinished tail above it."""
    for byte in range(len(SMALL.lines[index])):
        check_flip(SMALL, index, byte * 8 + byte % 8)


def test_no_line_is_moved_unseen() -> None:
    """Each line deleted, swapped with the next, and doubled; all but the last one deleted shows."""
    for name, index in moves(SMALL):
        check_moved(SMALL, name, index)


def test_a_larger_ledger_is_as_safe() -> None:
    """The same for a larger ledger, at places drawn with a seed."""
    chance = random.Random(7)
    for _ in range(100):
        check_cut(LARGE, chance.randrange(len(LARGE.data)))
        index = chance.randrange(len(LARGE.lines))
        check_flip(LARGE, index, chance.randrange(len(LARGE.lines[index]) * 8))
        check_moved(LARGE, *chance.choice(list(moves(LARGE))))


def test_random_changes_neither_pass_nor_crash() -> None:
    """Whatever becomes of the bytes, it is found out, and the two ways of reading agree."""
    assert fuzz(SMALL, 1, range(400)).keys() == {"damage", "refused", "tail", "whole"}


@pytest.mark.parametrize("seed", range(20))
def test_all_ways_in_judge_a_file_alike(tmp_path: Path, seed: int) -> None:
    """A damaged file is refused by status, report, run and verify, and stays as it is."""
    path = tmp_path / "emea.ledger.jsonl"
    data = mutated(SMALL.data, random.Random(seed))
    path.write_bytes(data)
    path.chmod(0o600)
    found = outcome(split(data), SMALL)
    if found in {"whole", "tail"}:
        read_history(path)
        assert not verify(path).damage
        assert path.read_bytes() == data
        with opened(path) as ledger:
            assert (ledger.history.cut is not None) is (found == "tail")
        return
    for way_in in (read_history, opened):
        with pytest.raises(LedgerError) as caught:
            way_in(path)
        assert isinstance(caught.value, LedgerDamagedError) is (found == "damage")
        assert "ledger salvage" in str(caught.value)
    assert path.read_bytes() == data


@pytest.mark.long
def test_the_long_form_tells_its_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each bit of a ledger with a checkpoint, each cut and move: the command counts what it did."""
    monkeypatch.setattr("sys.argv", ["damage", "--records", "3"])
    damage.main()
    monkeypatch.setattr("sys.argv", ["damage", "--records", "3", "--fuzz", "0.05", "--seed", "2"])
    damage.main()
    told = capsys.readouterr().out
    assert "cuts: " in told
    assert "flips: " in told
    assert "changes at random, seed 2: " in told
