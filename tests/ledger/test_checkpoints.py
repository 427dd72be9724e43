from __future__ import annotations

import gc
import json
import os
import re
import subprocess
import sys
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from msgspec import structs

from batch_onboard.core.lifecycle import TRANSITIONS, Event, State
from batch_onboard.core.record import Entry, Record
from batch_onboard.ledger import ledger as ledgers_open
from batch_onboard.ledger import replay as replays
from batch_onboard.ledger import segment_appender
from batch_onboard.ledger.codec import Seal, decode, encode, unplaced
from batch_onboard.ledger.errors import LedgerDamagedError, LedgerVersionError
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.follower import Follower
from batch_onboard.ledger.known import Column, KnownLine
from batch_onboard.ledger.lines import (
    READING,
    CheckpointLine,
    HeaderLine,
    Line,
    RunEndedLine,
    RunLine,
)
from batch_onboard.ledger.reading import FileSource
from batch_onboard.ledger.replay import read, replay
from batch_onboard.ledger.salvage import salvage
from batch_onboard.ledger.segments import read_segments, verify_segments
from batch_onboard.ledger.snapshot import snapshot
from batch_onboard.ledger.verify import examine_all, verify
from tests.ledger.building import (
    AT,
    HEADER,
    ID,
    ROOT,
    BytesSource,
    intent,
    key,
    known,
    opened,
    plain,
    raw_checkpoint,
    raw_ledger,
    raw_longer,
    run_line,
    target,
    wall,
)
from tests.ledger.damage import (
    check_cut,
    check_flip,
    check_moved,
    check_recalled,
    fuzz,
    moves,
    sample,
)
from tests.ledger.test_compact import ledgers, write
from tests.ledger.test_history import lives
from tests.ledger.test_taking import opened as taken
from tests.ledger.test_taking import segments_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.scan import Scan
    from tests.s3 import Bucket

SMALL = sample(4, checkpoint=True)
LARGE = sample(60, checkpoint=True)
ENDED = RunEndedLine(at=AT, run="r1", exit_code=0, reason="done")
LINES = raw_ledger([run_line()], [intent(1), intent(2)], [ENDED])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of a test is."""
    return tmp_path / "emea.ledger.jsonl"


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let checkpoints pay in ledgers of any length."""
    monkeypatch.setattr(ledgers_open, "_LEAST_LINES", 0)


def begun_at(lines: Sequence[bytes]) -> int:
    """Return the number of the checkpoint from which a ledger is read; 0 if from its beginning."""
    return read(BytesSource(lines), "x.jsonl")[1].checkpoint


def problems(lines: Sequence[bytes]) -> list[str]:
    """Return what an examination finds."""
    return [flaw.problem for flaw in examine_all(lines, Seal(ID), "x.jsonl").damage]


@given(ledgers(), lives())
@settings(max_examples=60, deadline=None)
def test_what_is_read_from_a_checkpoint_on_is_what_all_lines_say(
    before: list[Entry | Line], after: list[Entry]
) -> None:
    """Whatever has happened before it and after it, a checkpoint makes no difference."""
    lines = raw_checkpoint(raw_ledger(before))
    history = known(lines)
    possible: list[Entry] = []
    for entry in after:
        record = history.record(entry.key)
        if entry.event in possible_in(record.state):
            record.apply(entry)
            possible.append(entry)
    lines = raw_longer(lines, possible[:3], possible[3:])
    assert begun_at(lines) > 0
    check_recalled(lines)
    assert problems(lines) == []
    (again, _), (slow, _) = read(BytesSource(lines), "x"), replay(lines, "x")
    assert list(again.targets) == list(slow.targets)


def possible_in(state: State) -> set[Event]:
    """Return what may happen in a state."""
    return set(TRANSITIONS[state])


@pytest.mark.no_cover
def test_cut_at_any_byte_it_keeps_its_whole_lines() -> None:
    """A checkpoint that is cut anywhere does not count, and nothing but the cut line is lost."""
    for size in range(len(SMALL.data)):
        check_cut(SMALL, size)


@pytest.mark.no_cover
@pytest.mark.parametrize("index", range(len(SMALL.lines)))
def test_no_flipped_bit_is_accepted(index: int) -> None:
    """A bit of each byte before, in and after a checkpoint: it is found, and told as without one."""
    for byte in range(len(SMALL.lines[index])):
        check_flip(SMALL, index, byte * 8 + byte % 8)


def test_no_line_is_moved_unseen() -> None:
    """Lines before, in and after a checkpoint, deleted, swapped with the next, and doubled."""
    for name, index in moves(SMALL):
        check_moved(SMALL, name, index)


@pytest.mark.no_cover
def test_random_changes_neither_pass_nor_crash() -> None:
    """Whatever becomes of the bytes, both ways of reading judge it alike."""
    assert fuzz(LARGE, 1, range(300)).keys() >= {"damage", "refused", "whole"}


def forged() -> Iterator[Any]:
    """Give ledgers with a checkpoint that must not count, though all lines are intact."""
    whole = raw_checkpoint(LINES)
    foreign = structs.replace(HEADER, id="f" * 32)
    elsewhere = raw_longer(raw_ledger(header=foreign), [end_of(whole)], header=foreign)
    yield pytest.param(raw_checkpoint(LINES, digest="0" * 64), True, id="another digest")
    yield pytest.param(raw_checkpoint(LINES, begin=0), True, id="another begin")
    yield pytest.param(raw_checkpoint(LINES, begin=1 << 62), True, id="a begin far away")
    yield pytest.param(raw_checkpoint(LINES, first=3), True, id="another first line")
    yield pytest.param(raw_checkpoint(LINES, first=-(1 << 62)), True, id="a first line below all")
    yield pytest.param(raw_checkpoint(LINES, reading=2), False, id="another version's reading")
    yield pytest.param(raw_longer(LINES, [end_of(whole)]), True, id="only its end")
    yield pytest.param([*whole[:-1], elsewhere[-1]], False, id="a foreign line for its end")
    yield pytest.param(_early(whole), False, id="closed before it was on disk")
    yield pytest.param(_uneven(), True, id="columns that do not fit together")


def end_of(lines: Sequence[bytes]) -> Line:
    """Return the last line, for another place."""
    return unplaced(decode(lines[-1]))


def _early(whole: list[bytes]) -> list[bytes]:
    line = decode(whole[-1])
    return [*whole[:-1], Seal(ID).line(line.seq, line.seq - 2, encode(unplaced(line)))]


def _uneven() -> list[bytes]:
    line = KnownLine(at=AT, again=True, rows=2, instance_id=Column(["a"], [0, 7]))
    return raw_checkpoint(
        raw_longer(LINES, [line]), first=len(LINES) + 1, begin=len(b"".join(LINES))
    )


@pytest.mark.parametrize(("lines", "told"), list(forged()))
def test_a_checkpoint_that_does_not_hold_is_as_good_as_none(lines: list[bytes], told: bool) -> None:
    """Lines are then read one by one, and an examination says what is wrong with it, if anything."""
    assert begun_at(lines) == 0
    check_recalled(lines)
    assert bool(problems(lines)) is told


def test_a_checkpoint_of_a_later_version_is_told_as_any_line_of_one() -> None:
    """It has what this version does not know, so all lines are gone through, up to that one."""
    later = Seal(ID).line(len(LINES) + 1, len(LINES), b'"type":"checkpoint","later":1')
    check_recalled([*LINES, later])
    with pytest.raises(LedgerVersionError, match="line 6 "):
        begun_at([*LINES, later])


def test_a_checkpoint_that_names_bytes_beyond_the_file_is_passed_over(path: Path) -> None:
    """The file is read to its end, and then line by line."""
    write(path, raw_checkpoint(LINES, begin=1 << 62))
    scan = scanned(path)
    assert (scan.checkpoint, scan.seq) == (0, 8)


def test_what_others_have_frozen_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that keeps the garbage collector from its own objects is not disturbed."""
    monkeypatch.setattr(replays, "_MANY", -1)
    gc.unfreeze()
    known(LINES)
    assert gc.get_freeze_count() == 0
    gc.freeze()
    try:
        known(LINES)
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_an_examination_compares_what_a_checkpoint_says_with_the_lines(path: Path) -> None:
    """One that says other things, fewer or more, is damage, which only all lines can show."""
    histories = [known(LINES) for _ in range(5)]
    histories[0].records[key(1)].attempts = 2
    del histories[1].records[key(1)]
    histories[2].records[key(3)] = Record(State.FAILED)
    histories[3].runs.clear()
    histories[4].runs *= 2
    for history in histories:
        assert problems(raw_checkpoint(LINES, history)) == [
            "the lines that it closes do not say what all lines above them add up to"
        ]
    write(path, raw_checkpoint(LINES, histories[0]))
    (flaw,) = verify(path).damage
    assert flaw.line == len(path.read_bytes().splitlines())
    assert problems(raw_checkpoint(LINES)) == []


def test_what_can_not_be_taken_in_is_told_by_its_line() -> None:
    """Columns that do not fit together are a contradiction where a line is all that is known."""
    line = KnownLine(at=AT, rows=2, account_id=Column(["1", "2", "3"]))
    with pytest.raises(LedgerDamagedError, match="its columns do not fit together") as caught:
        known(raw_ledger([line], [run_line()]))
    assert caught.value.line == 2


def grown(path: Path, targets: int = 2_500) -> History:
    """Make a ledger so long that a checkpoint pays, keep one, and return what was known."""
    with opened(path) as ledger:
        ledger.begin_run(run_line())
        ledger.sync_manifest(target(number) for number in range(targets))
        ledger.end_run("r1", 0, "done")
        ledger.keep_checkpoint()
        return ledger.history


def scanned(path: Path) -> Scan:
    """Read a file from its last checkpoint on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return read(FileSource(descriptor), "x.jsonl")[1]
    finally:
        os.close(descriptor)


def test_a_run_that_has_written_much_leaves_a_checkpoint(path: Path) -> None:
    """The next one begins there, goes on with it, and leaves none if it has little to say."""
    history = grown(path)
    last = decode(path.read_bytes().splitlines(keepends=True)[-1])
    assert last.durable == last.seq - 1
    assert scanned(path).checkpoint == last.seq
    assert plain(read_history(path)) == plain(history)
    assert not verify(path).damage
    with opened(path) as ledger:
        assert ledger.sync_manifest(target(number) for number in range(2_500)).added == 0
        ledger.begin_run(run_line("r2"))
        ledger.end_run("r2", 0, "done")
        ledger.keep_checkpoint()
    lines = path.read_bytes().splitlines(keepends=True)
    assert json.loads(lines[-1])["type"] == "run_ended"
    assert scanned(path).checkpoint == last.seq
    check_recalled(lines)


def test_a_short_ledger_or_one_of_format_1_has_none(path: Path) -> None:
    """There is little to gain in the one, and no line for it in the other."""
    grown(path, 1_500)
    assert scanned(path).checkpoint == 0
    path.unlink()
    write(path, raw_ledger(header=structs.replace(HEADER, format=1)))
    grown(path)
    assert scanned(path).checkpoint == 0


def test_changes_that_are_few_beside_what_is_known_leave_none(path: Path) -> None:
    """It must not cost more to write than it will save."""
    grown(path, 10_000)
    with opened(path) as ledger:
        before = path.stat().st_size
        ledger.sync_manifest(target(number, wave=2) for number in range(10_000) if number % 4)
        after = path.stat().st_size
        ledger.keep_checkpoint()
    assert before < after < path.stat().st_size  # three quarters of all have changed


@pytest.mark.usefixtures("always")
def test_what_a_run_may_touch_but_has_not_is_not_in_it(path: Path) -> None:
    """A run makes records for all its targets before anything happens to them."""
    with opened(path) as ledger:
        ledger.sync_manifest([target(1)])
        ledger.history.record(key(1))
        ledger.history.record(key(2))
        ledger.keep_checkpoint()
    history = read_history(path)
    assert scanned(path).checkpoint > 0
    assert history.records == {}
    assert not verify(path).damage


def test_a_file_is_searched_to_its_beginning(path: Path) -> None:
    """However much a killed run has written after a checkpoint, it is found; marks in texts are none."""
    lines = raw_checkpoint(LINES)
    message = ',"type":"checkpoint",' * 10
    entries = [Entry(Event.RUNNING, key(1), AT, message=message * 100) for _ in range(600)]
    write(path, raw_longer(lines, entries))
    assert path.stat().st_size > 2 << 20
    scan = scanned(path)
    assert (scan.checkpoint, scan.seq) == (len(lines), len(lines) + 600)


def test_a_mark_across_two_blocks_is_found(path: Path) -> None:
    """Files are searched block by block, and a mark may stand in two of them."""
    lines = raw_checkpoint(LINES)
    for more in range(-3, 4):
        size = (1 << 20) - (len(lines[-1]) - lines[-1].index(b"checkpoint")) + more
        rest = raw_longer(lines, [Entry(Event.RUNNING, key(1), AT, message="")])[len(lines) :]
        fill = "x" * (size - len(rest[0]) - len(',"message":""'))
        write(path, raw_longer(lines, [Entry(Event.RUNNING, key(1), AT, message=fill)]))
        assert scanned(path).checkpoint == len(lines)


def test_follow_begins_at_a_checkpoint(path: Path) -> None:
    """Who watches is told of the latest run, and then of each line after the checkpoint."""
    history = grown(path)
    seen: list[Line] = []
    with Follower(path, seen.append) as follower:
        assert plain(follower.catch_up()) == plain(history)
        assert [type(line) for line in seen] == [RunLine, CheckpointLine]
        with path.open("ab") as file:
            file.write(b"".join(raw_after(path, [run_line("r2")])))
        assert len(follower.catch_up().runs) == 2
        assert len(seen) == 3


def raw_after(path: Path, group: list[Entry | Line]) -> list[bytes]:
    """Return the lines that a group makes at the end of a file."""
    lines = path.read_bytes().splitlines(keepends=True)
    header = decode(lines[0])
    assert isinstance(header, HeaderLine)
    return raw_longer(lines, group, header=header)[len(lines) :]


def test_a_disk_that_fills_while_a_checkpoint_is_written_loses_nothing_else(path: Path) -> None:
    """What was written before it is read, and the next run goes on."""
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from batch_onboard.ledger.errors import LedgerUnusableError\n"
        "from tests.ledger.building import opened, run_line, target\n"
        "with opened(Path(sys.argv[1])) as ledger:\n"
        "    ledger.begin_run(run_line())\n"
        "    ledger.sync_manifest(target(number) for number in range(2_500))\n"
        "    size = ledger.path.stat().st_size + 10_000\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"
        "    try:\n"
        "        ledger.keep_checkpoint()\n"
        "    except LedgerUnusableError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert "the file would exceed the largest size allowed" in done.stdout
    with opened(path) as ledger:
        assert len(ledger.history.targets) == 2_500
        assert ledger.history.cut is not None
        ledger.keep_checkpoint()
    assert scanned(path).checkpoint > 0
    assert not verify(path).damage


# For each system call that writes: a child that is killed just before it.
KILLED_BEFORE_EACH_CALL = """
import os, shutil, signal, sys
from pathlib import Path
from batch_onboard.ledger import appender, ledger as ledgers
from tests.ledger.building import opened

whole, path, left = Path(sys.argv[1]), Path(sys.argv[2]), 0
ledgers._LEAST_LINES, appender._BATCH = 0, 1

def counted(real):
    def call(*arguments, **more):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **more)
    return call

end = -1
while end:
    shutil.copy(whole, path)
    left += 1
    child = os.fork()
    if not child:
        with opened(path) as ledger:
            for name in ("write", "fdatasync"):
                setattr(os, name, counted(getattr(os, name)))
            ledger.keep_checkpoint()
        os._exit(0)
    end = os.waitpid(child, 0)[1]
    print(end, path.read_bytes().hex(), flush=True)
"""


def test_killed_while_a_checkpoint_is_written_a_ledger_is_whole(path: Path) -> None:
    """Killed before any of its system calls, it counts whole or not at all."""
    write(path, LINES)
    before = plain(read_history(path))
    done = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_EACH_CALL, str(path), f"{path}.copy"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    rows = [line.split() for line in done.stdout.splitlines()]
    found = []
    for _, content in rows:
        lines = bytes.fromhex(content).splitlines(keepends=True)
        check_recalled(lines)
        assert plain(known(lines)) == before
        found.append(begun_at(lines) > 0)
    # Two lines, an fsync, the end, an fsync; the last row is of the one that was not killed.
    assert found == [False, False, False, False, True, True]


def test_salvage_believes_a_checkpoint_where_lines_are_lost(path: Path, tmp_path: Path) -> None:
    """What the lost lines said is known from it; open intents and done targets are as they were."""
    done = [Entry(Event.RUNNING, key(2), AT, ours=True), Entry(Event.JOB_SUCCEEDED, key(2), AT)]
    lines = raw_longer(raw_checkpoint(raw_longer(LINES, done)), [run_line("r2")], [ENDED])
    write(path, [*lines[:2], b"\0" * 40 + b"\n", *lines[5:]])
    new = tmp_path / "new.jsonl"
    saved = salvage(path, new, tool_version="9", wall=wall)
    assert saved.lost
    history = read_history(new)
    assert history.records[key(1)].state is State.SUBMITTING
    assert history.records[key(2)].state is State.SUCCEEDED
    assert [run.began.run for run in history.runs] == ["r1", "r2"]
    assert not verify(new).damage


def test_salvage_needs_no_checkpoint_where_its_own_line_is_lost(path: Path, tmp_path: Path) -> None:
    """A ledger that lost nothing but a checkpoint is saved by its lines."""
    lines = raw_longer(raw_checkpoint(LINES, digest="0" * 64), [run_line("r2")])
    write(path, lines)
    new = tmp_path / "new.jsonl"
    saved = salvage(path, new, tool_version="9", wall=wall)
    assert saved.is_complete
    assert plain(read_history(new).records) == plain(known(LINES).records)


def test_long_texts_are_no_hindrance() -> None:
    """Targets with labels that fill lines are told in more of them."""
    history = known(LINES)
    for number in range(40):
        history.records[key(number)] = Record(State.REJECTED, message="é" * 200_000)
    lines = list(snapshot(history, AT))
    assert len(lines) > 8
    assert plain(known(raw_ledger(lines)).records) == plain(history.records)


@pytest.mark.usefixtures("always")
def test_in_s3_a_checkpoint_may_span_segments(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found from the last segments, and damage in any other is found as ever."""
    monkeypatch.setattr(segment_appender, "_LARGEST", 4_000)
    with taken(segments_of(bucket)) as ledger:
        ledger.begin_run(run_line())
        ledger.sync_manifest(target(number) for number in range(600))
        ledger.end_run("r1", 0, "done")
        before = len(bucket.keys)
        ledger.keep_checkpoint()
        assert len(bucket.keys) > before + 2
        lived = ledger.history
    history = read_segments(segments_of(bucket))
    assert history.holder is None
    assert plain(history.targets) == plain(lived.targets)
    assert not verify_segments(segments_of(bucket)).damage
    with taken(segments_of(bucket)) as ledger:
        assert ledger._appender.since_checkpoint == 2  # that it was released, and taken
    first = bucket.keys[2]
    bucket.put(first, bucket.get(first).replace(b"instance-", b"instance+", 1))
    with pytest.raises(LedgerDamagedError, match="its checksum is wrong"):
        read_segments(segments_of(bucket))


@pytest.mark.usefixtures("always")
def test_in_s3_a_run_that_dies_while_it_writes_one_loses_nothing(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many of its segments are there, they count together with the one that closes them."""
    monkeypatch.setattr(segment_appender, "_LARGEST", 1)
    with taken(segments_of(bucket)) as ledger:
        ledger.begin_run(run_line())
        ledger.sync_manifest([target(1), target(2)])
        before = len(bucket.keys)
        ledger.keep_checkpoint()
        claim = ledger.history.holder
    *written, released = bucket.keys[before:]
    assert len(written) == 3
    bucket.client.delete_object(Bucket=bucket.name, Key=released)
    while True:
        history = read_segments(segments_of(bucket))
        assert history.holder is not None
        assert unplaced(history.holder) == claim
        assert set(history.targets) == {key(1), key(2)}
        assert not verify_segments(segments_of(bucket)).damage
        if not written:
            return
        bucket.client.delete_object(Bucket=bucket.name, Key=written.pop())


@pytest.mark.usefixtures("always")
def test_in_s3_intents_that_are_counted_anew_are_kept_out_of_it(bucket: Bucket) -> None:
    """Until such an intent is closed, the ledger's lines and the run's history differ in it."""
    data = b"".join(raw_ledger([run_line()], [intent(1)]))
    bucket.put(f"{bucket.place().key}/0000000001.jsonl", data)
    with taken(segments_of(bucket)) as ledger:
        before = len(bucket.keys)
        ledger.keep_checkpoint()
        assert len(bucket.keys) == before
        ledger.history.records[key(1)].intent_at = None
        ledger.keep_checkpoint()
        assert len(bucket.keys) > before


def test_a_page_for_people_shows_how_to_read_a_checkpoint(path: Path, tmp_path: Path) -> None:
    """What the documentation gives to jq prints each target with its state."""
    write(path, raw_checkpoint(raw_longer(LINES, [Entry(Event.RUNNING, key(3), AT)])))
    page = (ROOT / "docs" / "ledger.md").read_text()
    (command,) = re.findall(r"```sh\n(jq .+?)```", page, re.DOTALL)
    path.rename(tmp_path / "emea.ledger.jsonl")
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        ["instance-1", "submitting"],
        ["instance-2", "submitting"],
        ["instance-3", "in_progress"],
    ]


def test_versions_that_read_lines_otherwise_have_another_number() -> None:
    """Whoever adds lines, fields or moves, or lets them add up to something else, raises it."""
    lines = [
        (kind.__struct_config__.tag, sorted(kind.__struct_fields__))
        for kind in _all_kinds(Line)
        if kind.__struct_config__.tag
    ]
    moves_of = sorted((state, sorted(after.items())) for state, after in TRANSITIONS.items())
    told = json.dumps([sorted(lines), moves_of])
    assert (READING, sha256(told.encode()).hexdigest()[:16]) == (1, "169ffd0bd5730953")


def _all_kinds(kind: type[Line]) -> Iterator[type[Line]]:
    for each in kind.__subclasses__():
        yield each
        yield from _all_kinds(each)
