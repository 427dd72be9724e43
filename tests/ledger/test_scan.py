from __future__ import annotations

import gc

import pytest

from batch_onboard.core.record import Entry
from batch_onboard.ledger.codec import Seal, encode, encode_entry
from batch_onboard.ledger.errors import LedgerDamagedError, LedgerError, LedgerFormatError
from batch_onboard.ledger.lines import FORMAT, GoneLine, HeaderLine, Line, RunEndedLine
from batch_onboard.ledger.replay import replay
from batch_onboard.ledger.scan import Scan
from tests.ledger.building import AT, HEADER, ID, intent, known, raw_ledger, run_line

# Marks:               1              2                                  4
LINES = raw_ledger([run_line()], [intent(1), intent(2)], [intent(3), intent(4), intent(5)])
HIGHEST_MARK = 4
FIRST = 1
"""The first line that may be damaged without damage to the header (an index, not a number)."""


def walk(lines: list[bytes]) -> Scan:
    """Walk to the end."""
    scan = Scan(lines, "x.jsonl")
    for _ in scan:
        pass
    return scan


def damage(lines: list[bytes]) -> LedgerDamagedError:
    """Return the damage that a walk must find."""
    with pytest.raises(LedgerDamagedError) as caught:
        walk(lines)
    return caught.value


def test_a_whole_ledger_has_no_tail() -> None:
    """The walk over a ledger without defects reaches its end, and knows the last number."""
    scan = walk(LINES)
    assert (scan.seq, scan.tail, scan.offset) == (7, None, sum(map(len, LINES)))


def test_a_ledger_cut_in_its_header_is_none() -> None:
    """Cut at any byte of the header, a file is no ledger: headers are created whole."""
    for size in range(len(LINES[0])):
        with pytest.raises(LedgerError):
            walk([LINES[0][:size]])


def test_of_a_ledger_cut_at_any_byte_the_whole_lines_count() -> None:
    """Cut anywhere after the header, exactly the whole lines before the cut count."""
    data = b"".join(LINES)
    for size in range(len(LINES[0]), len(data)):
        scan = walk(data[:size].splitlines(keepends=True))
        assert scan.seq == data.count(b"\n", 0, size)
        end = sum(map(len, LINES[: scan.seq]))
        assert (scan.tail.offset if scan.tail else size) == end


@pytest.mark.parametrize("index", range(len(LINES)))
def test_no_flipped_bit_is_ever_accepted(index: int) -> None:
    """A flipped bit below the durable mark is damage; above it, its line and the rest are cut."""
    start = sum(map(len, LINES[:index]))
    for bit in range(len(LINES[index]) * 8):
        data = bytearray(b"".join(LINES))
        data[start + bit // 8] ^= 1 << bit % 8
        lines = bytes(data).split(b"\n")
        whole = [line + b"\n" for line in lines[:-1]] + [line for line in lines[-1:] if line]
        if index == 0:
            with pytest.raises(LedgerError):
                walk(whole)
        elif index < HIGHEST_MARK:
            error = damage(whole)
            assert (error.line, error.offset) == (index + 1, start)
        else:
            scan = walk(whole)
            assert scan.seq == index
            assert scan.tail is not None
            assert scan.tail.offset == start


@pytest.mark.parametrize("index", range(FIRST, len(LINES)))
def test_a_foreign_line_is_found(index: int) -> None:
    """A line of another ledger, in a place that would fit it, is damage, or cut off."""
    foreign = raw_ledger(
        [run_line()],
        [intent(6)] * 2,
        [intent(7)] * 3,
        header=HeaderLine(at=AT, format=FORMAT, id="f" * 32, tool="0.1.0", manifest="emea"),
    )
    lines = [*LINES[:index], foreign[index], *LINES[index + 1 :]]
    if index < HIGHEST_MARK:
        assert damage(lines).problem == (
            "its checksum is wrong: it was changed, or is another ledger's"
        )
    else:
        assert walk(lines).seq == index


@pytest.mark.parametrize("index", range(FIRST, HIGHEST_MARK))
def test_a_deleted_line_is_found(index: int) -> None:
    """A line that is missing below the durable mark is damage, and named."""
    error = damage([*LINES[:index], *LINES[index + 1 :]])
    assert error.problem == f"number {index + 1} is missing"
    assert error.line == index + 1


def test_several_deleted_lines_are_found() -> None:
    """A gap of several lines names the first and the last."""
    assert damage([LINES[0], *LINES[4:]]).problem == "numbers 2 to 4 are missing"


@pytest.mark.parametrize("index", range(FIRST, HIGHEST_MARK - 1))
def test_a_doubled_line_is_found(index: int) -> None:
    """A line that stands twice below the durable mark is damage, and named."""
    error = damage([*LINES[: index + 1], *LINES[index:]])
    assert error.problem == f"number {index + 1} stands here a second time"


@pytest.mark.parametrize("index", range(FIRST, HIGHEST_MARK))
def test_swapped_lines_are_found(index: int) -> None:
    """Two lines that changed places below the durable mark are damage, and named."""
    lines = [*LINES[:index], LINES[index + 1], LINES[index], *LINES[index + 2 :]]
    assert damage(lines).problem == (
        f"number {index + 2} stands before number {index + 1}: lines were swapped"
    )


def test_zeros_above_the_mark_are_a_tail_though_intact_lines_follow() -> None:
    """Pages of one unsynced group may reach the disk in any order: that is no damage."""
    lines = [*LINES[:4], bytes(len(LINES[4])) + LINES[5], LINES[6]]
    scan = walk(lines)
    assert scan.seq == 4
    assert scan.tail is not None
    assert scan.tail.problem == "it holds zero bytes where text was"


def test_zeros_below_the_mark_are_damage_by_an_intact_line_that_follows_them() -> None:
    """What a later line calls durable must be there, also if zeros end where that line begins."""
    assert damage([*LINES[:3], bytes(len(LINES[3])) + LINES[4]]).line == 4


def test_other_text_below_the_mark_is_damage() -> None:
    """A line that is not one of a ledger is called so."""
    assert damage([*LINES[:2], b"[" * 100_000 + b"\n", *LINES[3:]]).problem == (
        "it is not a line of a ledger"
    )
    deep = b'{"seq":3,"x":' + b"[" * 100_000 + b"\n"
    assert damage([*LINES[:2], deep, *LINES[3:]]).line == 3


def test_a_mark_that_goes_back_is_a_defect() -> None:
    """A durable mark may neither go back nor reach the line that bears it."""
    seal = Seal(ID)
    back = seal.line(8, 3, encode_entry(intent(6)))
    tail = walk([*LINES, back]).tail
    assert tail is not None
    assert tail.problem == "its durable mark, 3, cannot be right"
    assert damage([*LINES, seal.line(8, 8, encode_entry(intent(6)))]).line == 8


@pytest.mark.parametrize("index", [62, 63, 64, 65, 127, 128, 150])
def test_a_defect_is_found_in_its_place_in_a_long_ledger(index: int) -> None:
    """However many lines are looked at together, those before a defect count, and it is named."""
    lines = raw_ledger([run_line()], *[[intent(number)] for number in range(160)])
    broken = [*lines[:index], lines[index].replace(b"instance", b"Instance"), *lines[index + 1 :]]
    error = damage(broken)
    assert (error.line, error.offset) == (index + 1, sum(map(len, lines[:index])))
    tail = walk(broken[: index + 1])
    assert tail.seq == index
    assert walk(lines[: index + 1]).seq == index + 1


def test_the_error_says_where_what_and_the_way_out() -> None:
    """The message of damage names file, line, byte, problem, that nothing changed, and a remedy."""
    lines = [*LINES[:2], LINES[2].replace(b"instance-1", b"instance-2"), *LINES[3:]]
    assert str(damage(lines)) == (
        f"x.jsonl is damaged at line 3 (byte {len(LINES[0] + LINES[1])}): its checksum is wrong: "
        "it was changed, or is another ledger's. Nothing was changed. "
        "Restore the file from a copy, or build a new one from what is intact with "
        "batch-onboard ledger salvage; then run again."
    )


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "is empty"),
        ([b"\xef\xbb\xbf" + LINES[0]], "byte order mark"),
        ([line.replace(b"\n", b"\r\n") for line in LINES], "CRLF"),
        ([b"version: 1\n"], "is not a ledger"),
        ([b"{}\n"], "is not a ledger"),
        ([b"\xff\xfe{\x00\n"], "is not a ledger"),
        ([b'{"x":' + b"[" * 100_000 + b"\n"], "is not a ledger"),
        (LINES[1:], "is not a ledger"),
    ],
)
def test_other_files_are_no_ledgers(lines: list[bytes], words: str) -> None:
    """Whatever is no ledger is refused with a message that says why."""
    with pytest.raises(LedgerFormatError, match=words):
        walk(lines)


def test_a_newer_format_is_named() -> None:
    """A ledger of a newer format is refused by that name, whatever else its header says."""
    body = b'"type":"ledger","at":1,"format":3,"id":"%b","shape":{}' % ID.encode()
    with pytest.raises(
        LedgerFormatError, match=r"newer batch-onboard \(format 3; this one reads formats 1 to 2\)"
    ):
        walk([Seal(ID).line(1, 0, body)])


def test_an_unknown_field_in_a_header_is_refused() -> None:
    """A header of this format with a field that it does not have comes from elsewhere."""
    body = encode(HEADER) + b',"more":1'
    with pytest.raises(LedgerFormatError, match=r"line 1 of x\.jsonl is intact, but"):
        walk([Seal(ID).line(1, 0, body)])


def test_a_header_of_another_place_is_damage() -> None:
    """A header vouches only for the first place."""
    assert damage([Seal(ID).line(2, 1, encode(HEADER))]).line == 1


def test_an_unknown_type_of_line_is_refused_even_at_the_end() -> None:
    """An intact line that this version does not know is never cut off as a tail."""
    body = b'"type":"lease","at":"2026-11-22T20:00:00Z"'
    with pytest.raises(LedgerFormatError, match=r"line 8 of x\.jsonl is intact, but .*'lease'"):
        walk([*LINES, Seal(ID).line(8, 7, body)])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (intent(1), "instance-1: intended is not possible in state submitting"),
        (GoneLine(at=AT, target="a/b/c"), "a/b/c is gone, but was not there"),
        (GoneLine(at=AT, target="nobody"), "'nobody' names no target"),
        (RunEndedLine(at=AT, run="r9", exit_code=0, reason=""), "run r9 ended, but never began"),
        (HEADER, "a header stands within the ledger"),
    ],
)
def test_lines_that_contradict_earlier_ones_are_damage(line: Entry | Line, words: str) -> None:
    """Intact lines whose sense contradicts what came before stop the replay at their place."""
    body = encode_entry(line) if isinstance(line, Entry) else encode(line)
    with pytest.raises(LedgerDamagedError, match=words) as caught:
        known([*LINES, Seal(ID).line(8, 7, body)])
    assert caught.value.line == 8


def test_a_replay_leaves_the_collector_as_it_was() -> None:
    """The garbage collector runs again after a replay, also after one that failed."""
    for enabled in (True, False):
        (gc.enable if enabled else gc.disable)()
        try:
            with pytest.raises(LedgerDamagedError):
                replay([LINES[0], *LINES[2:]], "x.jsonl")
            assert gc.isenabled() is enabled
        finally:
            gc.enable()
