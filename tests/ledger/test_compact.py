from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_onboard.core.calls import Operation
from batch_onboard.core.opening import opening
from batch_onboard.core.record import Entry, Record
from batch_onboard.core.steps import Rules
from batch_onboard.core.targets import Api
from batch_onboard.ledger.codec import Seal, encode, unplaced
from batch_onboard.ledger.compact import compact
from batch_onboard.ledger.errors import (
    LedgerDamagedError,
    LedgerError,
    LedgerLockedError,
    LedgerUnusableError,
)
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.known import KnownLine
from batch_onboard.ledger.lines import (
    FORMAT,
    CutLine,
    GoneLine,
    LearnedLine,
    Line,
    PacedLine,
    RunEndedLine,
    SalvagedLine,
    TargetLine,
)
from batch_onboard.ledger.snapshot import snapshot
from batch_onboard.ledger.whole import write_whole
from tests.ledger.building import (
    AT,
    HEADER,
    ID,
    ROOT,
    intent,
    key,
    known,
    opened,
    plain,
    raw_ledger,
    run_line,
    target,
    wall,
)
from tests.ledger.test_history import lives, short

if TYPE_CHECKING:
    from batch_onboard.ledger.compact import Compaction
    from batch_onboard.ledger.history import History


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of a test is."""
    return tmp_path / "emea.ledger.jsonl"


def write(path: Path, lines: list[bytes]) -> None:
    """Put a ledger there."""
    path.write_bytes(b"".join(lines))
    path.chmod(0o600)


def compacted(path: Path) -> Compaction:
    """Compact a ledger with the settings that all tests share."""
    return compact(path, tool_version="9.9.9", wall=wall)


def told(history: History) -> dict[str, object]:
    """Return all that a history knows, for comparison."""
    return {
        name: plain(getattr(history, name))
        for name in ("header", "runs", "records", "targets", "removed", "learned", "paced", "cuts")
    }


target_lines = st.builds(
    TargetLine,
    at=st.just(AT),
    target=st.integers(0, 3).map(lambda number: str(key(number))),
    api=st.sampled_from(Api),
    encryption=st.sampled_from(["disabled", "arn:aws:kms:x"]),
    wave=st.integers(1, 3),
    labels=st.dictionaries(st.sampled_from(["seq", "crc", "a"]), st.sampled_from(["1", ""])),
    accept_drift=short,
)
learned_lines = st.builds(
    LearnedLine,
    at=st.just(AT),
    domain=st.sampled_from(["a/b", "c/d"]),
    operation=st.sampled_from(Operation),
    rate=st.floats(0.1, 100),
    burst=st.floats(1, 100),
    confidence=st.floats(0, 1),
    sent=st.integers(0, 9),
    throttled=st.integers(0, 9),
)
paced_lines = st.builds(
    PacedLine,
    at=st.just(AT),
    run=st.sampled_from(["r1", "r2"]),
    seconds=st.floats(0, 60),
    calls=st.integers(1, 9),
    throttled=st.integers(0, 9),
    rates=st.lists(
        st.tuples(st.just("a/b"), st.sampled_from(Operation), st.floats(0, 9)), max_size=2
    ).map(tuple),
)
cut_lines = st.builds(
    CutLine, at=st.just(AT), size=st.integers(0, 9), kept=st.just("x")
) | st.builds(
    SalvagedLine,
    at=st.just(AT),
    size=st.integers(0, 9),
    kept=st.just("x"),
    lost=st.just(((3, 4),)),
    tool=st.just("0.1.0"),
)


@st.composite
def ledgers(draw: st.DrawFn) -> list[Entry | Line]:
    """Draw lines of every type, in an order that makes sense."""
    lines: list[Entry | Line] = [*draw(lives())]
    lines += draw(st.lists(learned_lines, max_size=4)) + draw(st.lists(cut_lines, max_size=3))
    lines += draw(st.lists(paced_lines, max_size=3))
    placed = draw(st.lists(target_lines, max_size=5))
    lines += placed
    lines += [
        GoneLine(at=AT, target=name)
        for name in draw(
            st.sets(st.sampled_from(sorted({line.target for line in placed})))
            if placed
            else st.just(set())
        )
    ]
    for run in draw(st.lists(st.sampled_from(["r1", "r2", "r3"]), max_size=4)):
        lines.append(run_line(run, change_ref=draw(short)))
        if draw(st.booleans()):
            lines.append(RunEndedLine(at=AT, run=run, exit_code=3, reason="é"))
    return lines


@given(ledgers())
@settings(max_examples=60, deadline=None)
def test_a_compacted_ledger_knows_the_same(lines: list[Entry | Line]) -> None:
    """All that reports and later runs need is in the snapshot, in the same order."""
    history = known(raw_ledger(lines))
    again = known(raw_ledger([unplaced(line) for line in snapshot(history, AT)]))
    assert told(again) == told(history)
    assert [list(each) for each in (again.targets, again.removed)] == [
        list(each) for each in (history.targets, history.removed)
    ]


@given(lives())
@settings(max_examples=30, deadline=None)
def test_a_run_after_a_compaction_does_the_same(happened: list[Entry]) -> None:
    """Whatever was asked for, a run begins with each target as it would have done before."""
    history = known(raw_ledger(happened))
    again = known(raw_ledger(list(snapshot(history, AT))))
    for number in range(3):
        for rules in (Rules(), Rules(precheck=False), Rules(retry_failed=True, clear_failed=True)):
            before, after = (
                opening(target(number), each.record(key(number)), rules)
                for each in (history, again)
            )
            assert after is before


def test_a_record_has_a_field_in_its_line_for_all_that_is_known() -> None:
    """Nothing that is added to what is known of a target can be forgotten by compaction."""
    of_line = {field.name for field in msgspec.structs.fields(KnownLine)}
    of_any = {field.name for field in msgspec.structs.fields(Line)}
    of_rows = {"account_id", "region", "instance_id", "info", "rows", "gone", "again", "lines"}
    assert of_line - of_any - of_rows == {field.name for field in fields(Record)}


LINES = raw_ledger(
    [run_line()],
    [TargetLine(at=AT, target=str(key(1)), api=Api.V1, encryption="disabled")],
    [intent(1, hold=60.0, clean=True, encryption="disabled")],
)


def test_a_ledger_is_compacted_in_its_place(path: Path) -> None:
    """The file is private and whole, keeps its id, has nothing beside it, and can be gone on with."""
    write(path, [*LINES, *raw_ledger([intent(2)])[2:]])
    before = read_history(path)
    done = compacted(path)
    assert (done.lines_before, done.lines_after) == (4, 5)
    assert (done.bytes_before, done.bytes_after) == (sum(map(len, LINES)), path.stat().st_size)
    assert told(read_history(path)) == told(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name, f"{path.name}.lock"]
    last = json.loads(path.read_text().splitlines()[-1])
    assert (last["type"], last["why"], last["lines"]) == ("rewritten", "compact", 4)
    with opened(path) as ledger:
        ledger.begin_run(run_line("r2"))
    assert [run.began.run for run in read_history(path).runs] == ["r1", "r2"]


def test_a_second_compaction_changes_nothing_more(path: Path) -> None:
    """What is compact stays as it is, but for the line that tells of it."""
    write(path, LINES)
    compacted(path)
    first = path.read_bytes().splitlines()[:-1]
    compacted(path)
    assert path.read_bytes().splitlines()[:-1] == first


def test_many_lines_about_a_target_become_one(path: Path) -> None:
    """The more has happened, the more there is to gain."""
    write(path, raw_ledger(*[[run_line(f"r{i}")] for i in range(2)], [intent(n) for n in range(9)]))
    with opened(path) as ledger:
        for _ in range(5):
            ledger.sync_manifest([target(n) for n in range(300)])
            ledger.sync_manifest([])
    done = compacted(path)
    assert done.lines_after < done.lines_before / 2


def test_a_ledger_of_format_1_becomes_one_of_the_newest(path: Path) -> None:
    """An older tool refuses a compacted ledger by its format, instead of misreading it."""
    write(path, [Path(__file__).with_name("format1.jsonl").read_bytes()])
    before = read_history(path)
    compacted(path)
    after = read_history(path)
    assert (before.header.format, after.header.format) == (1, FORMAT)
    assert (after.header.id, after.header.at) == (before.header.id, before.header.at)
    assert after.records == before.records


def test_a_flipped_bit_in_a_compacted_ledger_is_damage(path: Path) -> None:
    """Each line vouches for all before it, though they were written at once."""
    write(path, LINES)
    compacted(path)
    lines = path.read_bytes().splitlines(keepends=True)
    for index in range(1, len(lines) - 1):
        changed = [*lines[:index], lines[index].replace(b'"', b"'", 1), *lines[index + 1 :]]
        with pytest.raises(LedgerDamagedError):
            known(changed)


def test_an_unfinished_tail_is_cut_off_first(path: Path) -> None:
    """The tail is kept beside the ledger, and the compacted one still knows of it."""
    write(path, [*LINES, b"torn"])
    done = compacted(path)
    assert done.cut is not None
    assert done.cut.kept.read_bytes() == b"torn"
    assert [cut.kept for cut in read_history(path).cuts] == [done.cut.kept.name]


def test_a_damaged_ledger_is_not_compacted(path: Path) -> None:
    """Damage stops the command, and every byte stays as it is."""
    write(path, [LINES[0], *LINES[2:]])
    with pytest.raises(LedgerDamagedError):
        compacted(path)
    assert path.read_bytes() == b"".join([LINES[0], *LINES[2:]])


def test_a_ledger_that_is_held_or_missing_is_not_compacted(path: Path) -> None:
    """A run that writes is not disturbed, and no ledger is made where there is none."""
    with pytest.raises(LedgerUnusableError, match="does not exist"):
        compacted(path)
    assert list(path.parent.iterdir()) == []
    with opened(path), pytest.raises(LedgerLockedError):
        compacted(path)


def test_a_disk_that_takes_no_new_file_leaves_the_old_one(path: Path) -> None:
    """Where the new file can't be put, the old one stays, and no half of the new one."""
    write(path, LINES)
    path.with_name(f"{path.name}.new").mkdir()
    with pytest.raises(LedgerError, match="can't be used"):
        compacted(path)
    assert path.read_bytes() == b"".join(LINES)


def test_a_file_that_may_not_grow_leaves_the_old_one(path: Path) -> None:
    """A full disk in the middle of a compaction costs nothing, and leaves nothing behind."""
    with opened(path) as ledger:
        ledger.sync_manifest(target(n, labels=(("a", "b" * 100),)) for n in range(6_000))
    before, beside = path.read_bytes(), sorted(path.parent.iterdir())
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from tests.ledger.test_compact import compacted\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "compacted(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert "the file would exceed the largest size allowed" in done.stderr
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == beside
    assert compacted(path).lines_after == 27


def test_a_line_that_can_not_be_written_leaves_the_old_file(path: Path) -> None:
    """Whatever goes wrong on the way, no half of a new file stays."""
    write(path, LINES)
    lines = [GoneLine(at=AT.replace(tzinfo=None), target="a/b/c")]
    with pytest.raises(ValueError, match="no time zone"):
        write_whole(path, HEADER, lines)
    assert path.read_bytes() == b"".join(LINES)
    assert list(path.parent.iterdir()) == [path]


HEADER_LINE = Seal(ID).line(1, 0, encode(HEADER))

# For each system call that may change something: a child that is killed just before it.
KILLED_BEFORE_EACH_CALL = """
import os, signal, sys
from pathlib import Path
from tests.ledger.test_compact import compacted

path, left = Path(sys.argv[1]), 0

def counted(real):
    def call(*arguments, **more):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **more)
    return call

for name in ("write", "pwrite", "fsync", "rename", "open", "ftruncate", "unlink"):
    setattr(os, name, counted(getattr(os, name)))
end = -1
while end:
    left += 1
    child = os.fork()
    if not child:
        compacted(path)
        os._exit(0)
    end = os.waitpid(child, 0)[1]
    print(end, path.read_bytes().hex(), flush=True)
"""


def test_a_crash_at_any_moment_leaves_a_whole_ledger(path: Path) -> None:
    """Killed before any of its system calls, compaction leaves the old file or the new one."""
    write(path, LINES)
    before = told(read_history(path)) | {"header": None}
    done = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_EACH_CALL, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [int(end) for end, _ in rows] == [signal.SIGKILL] * (len(rows) - 1) + [0]
    assert len(rows) > 8
    for _, content in rows:
        lines = bytes.fromhex(content).splitlines(keepends=True)
        assert told(known(lines)) | {"header": None} == before
