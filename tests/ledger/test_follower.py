from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.core.lifecycle import Event
from batch_onboard.core.record import Entry
from batch_onboard.ledger.codec import Seal, encode
from batch_onboard.ledger.errors import LedgerDamagedError, LedgerUnusableError
from batch_onboard.ledger.follower import Follower
from batch_onboard.ledger.lines import CutLine, Line
from tests.ledger.building import AT, HEADER, ID, intent, key, known, raw_ledger, run_line

if TYPE_CHECKING:
    from pathlib import Path

GROUPS = (
    [run_line()],
    [intent(1), intent(2)],
    [Entry(Event.RUNNING, key(1), AT), Entry(Event.RUNNING, key(2), AT)],
    [Entry(Event.JOB_SUCCEEDED, key(1), AT)],
)
LINES = raw_ledger(*GROUPS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of a test is."""
    return tmp_path / "emea.ledger.jsonl"


@given(cuts=st.lists(st.integers(len(LINES[0]), sum(map(len, LINES))), max_size=6).map(sorted))
def test_wherever_writing_stands_all_whole_lines_are_known(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    """A line that is only half there is taken in once it is whole, and none twice."""
    path = tmp_path_factory.mktemp("growing") / "x.jsonl"
    whole, ends = b"".join(LINES), list(accumulate(map(len, LINES)))
    path.write_bytes(LINES[0])
    seen: list[Line] = []
    with Follower(path, seen.append) as follower:
        for cut in [*cuts, len(whole)]:
            with path.open("ab") as file:
                file.write(whole[file.tell() : cut])
            there = sum(end <= cut for end in ends)
            assert follower.catch_up() == known(LINES[:there])
            assert len(seen) == there - 1


def test_a_ledger_that_was_written_anew_is_read_anew(path: Path) -> None:
    """After compact another file has the name."""
    path.write_bytes(b"".join(LINES))
    seen: list[Line] = []
    with Follower(path, seen.append) as follower:
        follower.catch_up()
        anew = raw_ledger(*GROUPS[:2])
        path.with_name("new").write_bytes(b"".join(anew))
        path.with_name("new").rename(path)
        assert follower.catch_up() == known(anew)
        assert len(seen) == len(LINES) - 1 + len(anew) - 1
        path.write_bytes(b"".join(anew[:2]))  # shorter than what was read of this very file
        assert follower.catch_up() == known(anew[:2])


def test_a_tail_is_passed_over_until_it_is_cut_off(path: Path) -> None:
    """What a killed run left unfinished counts for nothing; what the next one writes does."""
    torn = b"".join(LINES[:2]) + b'{"seq":3,"durable":2,"ty'
    path.write_bytes(torn + b"\n")
    with Follower(path, lambda _: None) as follower:
        assert follower.catch_up() == known(LINES[:2])
        cut = CutLine(at=AT, size=20, kept="x.tail-1")
        mended = [*LINES[:2], Seal(ID).line(3, 2, encode(cut))]
        path.write_bytes(b"".join(mended))
        assert follower.catch_up() == known(mended)


def test_damage_ends_the_following(path: Path) -> None:
    """As it ends every command, with the line."""
    damaged = [*LINES[:3], LINES[3].replace(b"instance-2", b"instance-3"), *LINES[4:]]
    path.write_bytes(b"".join(LINES[:3]))
    with Follower(path, lambda _: None) as follower:
        follower.catch_up()
        path.write_bytes(b"".join(damaged))
        with pytest.raises(LedgerDamagedError, match="line 4"):
            follower.catch_up()


def test_a_ledger_that_is_gone_is_told(path: Path) -> None:
    """Before anything was read, and afterwards."""
    with (
        Follower(path, lambda _: None) as follower,
        pytest.raises(LedgerUnusableError, match="does not exist"),
    ):
        follower.catch_up()
    path.write_bytes(b"".join(raw_ledger(header=HEADER)))
    with Follower(path, lambda _: None) as follower:
        follower.catch_up()
        path.unlink()
        with pytest.raises(LedgerUnusableError, match="does not exist"):
            follower.catch_up()
