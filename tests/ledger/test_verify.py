from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from batch_onboard.ledger.codec import Seal, encode, encode_entry
from batch_onboard.ledger.errors import (
    LedgerDamagedError,
    LedgerFormatError,
    LedgerUnusableError,
    LedgerVersionError,
)
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.lines import FORMAT, HeaderLine, RunEndedLine
from batch_onboard.ledger.pieces import recover_seal
from batch_onboard.ledger.verify import Examination, verify
from tests.ledger.building import AT, HEADER, ID, intent, opened, raw_ledger, run_line, target

if TYPE_CHECKING:
    from pathlib import Path

# Marks:               1              2                         4
LINES = raw_ledger([run_line()], [intent(1), intent(2)], [intent(n) for n in range(3, 9)])
HIGHEST_MARK = 4
FOREIGN = raw_ledger(
    [intent(n) for n in range(9)],
    header=HeaderLine(at=AT, format=FORMAT, id="f" * 32, tool="0.1.0", manifest="apac"),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of a test is."""
    return tmp_path / "emea.ledger.jsonl"


def found_in(path: Path, *lines: bytes) -> Examination:
    """Examine a file of these lines, which stays as it is."""
    path.write_bytes(b"".join(lines))
    try:
        return verify(path)
    finally:
        assert path.read_bytes() == b"".join(lines)
        assert list(path.parent.iterdir()) == [path]


def problems(found: Examination) -> list[tuple[int, str]]:
    """Return the line and the problem of all damage."""
    return [(flaw.line, flaw.problem) for flaw in found.damage]


def test_a_whole_ledger_is_told_by_its_figures(path: Path) -> None:
    """Lines, targets, runs and the durable mark, and nothing that is wrong."""
    with opened(path) as ledger:
        ledger.begin_run(run_line())
        ledger.sync_manifest([target(1), target(2)])
        found = verify(path)
    assert found == Examination(4, 4, 2, 2, 1, (), None)


def test_an_unfinished_tail_is_no_damage(path: Path) -> None:
    """What a crash left is told with its place, and counts for nothing."""
    found = found_in(path, *LINES[:6], LINES[6][:9])
    assert (found.damage, found.lines, found.intact) == ((), 7, 6)
    assert found.tail is not None
    assert (found.tail.line, found.tail.offset) == (7, sum(map(len, LINES[:6])))
    assert found.tail.problem == "it ends in the middle"


def test_all_that_is_wrong_is_told_in_one_pass(path: Path) -> None:
    """A flipped bit, a swap, a doubled, a missing and a foreign line, each with its line."""
    more = raw_ledger(*[[intent(n)] for n in range(20)])
    lines = [
        *more[:2],
        more[2].replace(b"instance-1", b"instance-7"),
        more[3],
        more[5],
        more[4],
        *more[6:8],
        more[7],
        *more[9:11],
        FOREIGN[5],
        *more[11:],
    ]
    found = found_in(path, *lines)
    wrong = "its checksum is wrong: it was changed, or is another ledger's"
    assert problems(found) == [
        (3, wrong),
        (5, "number 6 stands before number 5: lines were swapped"),
        (9, "number 8 stands here a second time"),
        (10, "number 9 is missing"),
        (12, wrong),
    ]
    assert (found.targets, found.runs, found.tail) == (None, None, None)


def test_a_gap_names_its_ends_and_a_bad_mark_is_told(path: Path) -> None:
    """Several missing lines are one flaw; a durable mark that can't be right is one too."""
    bad = Seal(ID).line(11, 13, encode_entry(intent(9)))
    found = found_in(path, LINES[0], *LINES[3:], bad)
    assert problems(found) == [
        (2, "numbers 2 to 3 are missing"),
        (9, "its durable mark, 13, cannot be right"),
    ]


def test_a_line_that_stands_three_times_is_told_twice(path: Path) -> None:
    """A line that came late and comes again is doubled."""
    found = found_in(path, LINES[0], LINES[2], LINES[1], LINES[1], *LINES[3:])
    assert [problem for _, problem in problems(found)] == [
        "number 3 stands before number 2: lines were swapped",
        "number 2 stands here a second time",
    ]


def test_lines_for_windows_and_an_editors_mark_are_named(path: Path) -> None:
    """A ledger that went through an editor is damaged in every line, and all are still known."""
    data = b"".join(LINES).replace(b"\n", b"\r\n")
    found = found_in(path, b"\xef\xbb\xbf" + data)
    assert problems(found) == [
        (line, "it has a line end of Windows (CRLF)") for line in range(1, HIGHEST_MARK + 1)
    ]
    assert found.intact == len(LINES)


def test_lines_that_contradict_each_other_are_damage(path: Path) -> None:
    """Intact lines in their places whose sense is impossible are told, each of them."""
    seal = Seal(ID)
    ended = RunEndedLine(at=AT, run="r9", exit_code=0, reason="")
    more = [seal.line(11, 10, encode_entry(intent(1))), seal.line(12, 10, encode(ended))]
    assert problems(found_in(path, *LINES, *more)) == [
        (11, "111122223333/eu-west-2/instance-1: intended is not possible in state submitting"),
        (12, "run r9 ended, but never began"),
    ]


@pytest.mark.parametrize(
    "header",
    [LINES[0].replace(b"emea", b"apac"), LINES[0].replace(b"0123", b"0124"), b"\n", b"", b"\0" * 9],
)
def test_the_lines_tell_whose_they_are_when_the_header_does_not(path: Path, header: bytes) -> None:
    """With a header that is damaged or gone, the other lines are verified none the less."""
    found = found_in(path, header, *LINES[1:])
    assert [line for line, _ in problems(found)] == [1]
    assert found.intact == len(LINES) - 1


@pytest.mark.parametrize(
    "lines",
    [
        [LINES[1]],  # one line proves nothing
        [*LINES[1:4], *FOREIGN[1:4]],  # two ledgers
        [b"version: 1\n"],
        [b""],
    ],
)
def test_without_a_header_two_lines_must_agree_and_no_others(
    path: Path, lines: list[bytes]
) -> None:
    """What can't be told to be one ledger's is no ledger."""
    assert recover_seal(lines) is None
    with pytest.raises(LedgerFormatError, match="Nothing was changed"):
        found_in(path, *lines)


def test_a_damaged_header_alone_is_damage(path: Path) -> None:
    """Nothing is left then that says whose ledger it was."""
    with pytest.raises(LedgerDamagedError):
        found_in(path, LINES[0].replace(b"emea", b"apac"))


def test_what_only_another_version_can_read_is_named(path: Path) -> None:
    """A newer format, or an intact line of an unknown type, is no damage."""
    newer = Seal(ID).line(1, 0, encode(HEADER).replace(b'"format":2', b'"format":3'))
    with pytest.raises(LedgerVersionError, match="newer"):
        found_in(path, newer, *LINES[1:])
    with pytest.raises(LedgerVersionError, match="newer"):
        found_in(path, b"\xef\xbb\xbf" + newer, *LINES[1:])
    lease = Seal(ID).line(11, 10, b'"type":"lease","at":"2026-11-22T20:00:00Z"')
    with pytest.raises(LedgerVersionError, match="'lease'"):
        found_in(path, *LINES, lease)
    for body in (b'"type":\xff', b'"type":[]', b"no JSON"):
        with pytest.raises(LedgerVersionError, match=r"line 11 of .* is intact, but"):
            found_in(path, *LINES, Seal(ID).line(11, 10, body))
        with pytest.raises(LedgerVersionError, match=r"line 11 of .* is intact, but"):
            read_history(path)


def test_what_can_not_be_opened_is_not_verified(path: Path) -> None:
    """A missing file, and a folder, are told in words."""
    with pytest.raises(LedgerUnusableError, match="does not exist"):
        verify(path)
    with pytest.raises(LedgerUnusableError, match="not a regular file"):
        verify(path.parent)
