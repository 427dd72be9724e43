from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest

from batch_onboard.core.lifecycle import Event, State
from batch_onboard.core.record import Entry, Record
from batch_onboard.ledger import rewrite
from batch_onboard.ledger.codec import Seal, encode, encode_entry
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.history import History
from batch_onboard.ledger.repair import keep_copy
from batch_onboard.ledger.rewrite import pays
from tests.ledger.building import AT, HEADER, ID, intent, key, opened, run_line

if TYPE_CHECKING:
    from pathlib import Path


LONG = 2_000
"""Lines of a ledger that is long, in place of the many that it takes."""


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a ledger be long that is written in a moment; what is really long, the last test says."""
    monkeypatch.setattr(rewrite, "LEAST_LINES", LONG)


def long_ledger(path: Path) -> None:
    """Write a ledger in which one target was refused again and again, and is intended now."""
    seal = Seal(ID)
    refused = Entry(Event.REFUSED, key(1), AT)
    bodies = (encode_entry(intent(1, hold=85.0)), encode_entry(refused))
    lines = [seal.line(1, 0, encode(HEADER)), seal.line(2, 1, encode(run_line()))]
    lines += [seal.line(seq, 2, bodies[seq % 2 == 0]) for seq in range(3, LONG + 2)]
    path.write_bytes(b"".join(lines))
    path.chmod(0o600)


@pytest.mark.usefixtures("few_are_many")
def test_a_run_compacts_a_ledger_that_has_grown_long(tmp_path: Path) -> None:
    """What it knows, an unfinished tail with it, stays; the file as it was is kept."""
    long_ledger(path := tmp_path / "x.ledger.jsonl")
    before = path.read_bytes()
    with path.open("ab") as file:
        file.write(b"torn")
    with opened(path) as ledger:
        assert ledger.history.records[key(1)].state is State.SUBMITTING
        assert ledger.history.records[key(1)].attempts == LONG // 2
        assert ledger.history.cut is not None
        (told,) = ledger.warnings
        kept = tmp_path / "x.ledger.jsonl.before-20261122T200000Z-1"
        assert told == (
            f"{path} was compacted from 2,002 lines to 5, which say the same; as it was, it is "
            f"kept in {kept.name}"
        )
        ledger.begin_run(run_line("r2"))
    assert kept.read_bytes().startswith(before)
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [run.began.run for run in read_history(path).runs] == ["r1", "r2"]
    with opened(path) as ledger:
        assert ledger.warnings == ()


@pytest.mark.usefixtures("few_are_many")
def test_a_ledger_that_can_not_be_compacted_is_used_as_it_is(tmp_path: Path) -> None:
    """A disk without room for two of them is no reason not to run."""
    long_ledger(path := tmp_path / ("x" * 240))  # a longer name does not exist for the copy
    with opened(path) as ledger:
        (told,) = ledger.warnings
        assert told.endswith("has 2,001 lines, and could not be compacted: its name is too long")
        assert ledger.history.records[key(1)].state is State.SUBMITTING
        ledger.begin_run(run_line("r2"))
    assert len(read_history(path).runs) == 2


def test_a_copy_that_is_cut_short_is_not_left_behind(tmp_path: Path) -> None:
    """Nobody takes half a ledger for one."""
    (path := tmp_path / "x").write_bytes(bytes(4096))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            keep_copy(path, AT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("targets", "lines", "worth"),
    [(1, 100_000, False), (1, 100_001, True), (40_000, 120_000, False), (40_000, 120_001, True)],
)
def test_it_pays_where_lines_are_many_and_most_of_them_say_nothing_new(
    targets: int, lines: int, worth: bool
) -> None:
    """Short ledgers, and those that a rewrite would not make much shorter, are left alone."""
    records = {key(number): Record() for number in range(targets)}
    assert pays(History(HEADER, records=records), lines) is worth
