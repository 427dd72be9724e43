from __future__ import annotations

import random
import stat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_onboard.core.lifecycle import DONE, Event, State
from batch_onboard.core.opening import MAX_AUTOMATIC_CLEARS, Opening, opening
from batch_onboard.core.record import Entry
from batch_onboard.core.steps import Rules
from batch_onboard.core.targets import Api
from batch_onboard.ledger.codec import Seal, encode, encode_entry
from batch_onboard.ledger.errors import (
    LedgerLockedError,
    LedgerUnusableError,
    LedgerVersionError,
    NothingToSalvageError,
)
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.lines import GoneLine, RunEndedLine, SalvagedLine, TargetLine
from batch_onboard.ledger.salvage import Salvage, salvage
from batch_onboard.ledger.verify import verify
from tests.ledger.building import (
    AT,
    HEADER,
    ID,
    intent,
    key,
    known,
    opened,
    raw_ledger,
    run_line,
    target,
    wall,
)
from tests.ledger.damage import mutated, sample
from tests.ledger.test_history import lives
from tests.ledger.test_verify import FOREIGN

if TYPE_CHECKING:
    from batch_onboard.ledger.history import History

ended = RunEndedLine(at=AT, run="r1", exit_code=0, reason="done")


def happened(event: Event, number: int = 1, **more: Any) -> Entry:
    """Return something that happened to a numbered target."""
    return Entry(event, key(number), AT, **more)


# Each line but the last is durable.
LINES = raw_ledger(
    [run_line()],
    [TargetLine(at=AT, target=str(key(1)), api=Api.V1, encryption="disabled")],
    [intent(1, hold=60.0, clean=True)],
    [happened(Event.RUNNING, ours=True)],
    [happened(Event.JOB_SUCCEEDED, ours=True)],
    [intent(2)],
    [ended],
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the damaged ledger of a test is."""
    return tmp_path / "emea.ledger.jsonl"


def salvaged(path: Path, *lines: bytes) -> tuple[Salvage, History]:
    """Salvage a ledger of these lines, which stays as it is; return what the new one knows."""
    path.write_bytes(b"".join(lines))
    path.chmod(0o600)
    new = path.with_name("new.jsonl")
    told = salvage(path, new, tool_version="9.9.9", wall=wall)
    assert path.read_bytes() == b"".join(lines)
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    found = verify(new)
    assert (found.damage, found.tail) == ((), None)
    history = read_history(new)
    assert (len(history.targets), len(history.runs)) == (told.targets, told.runs)
    return told, history


def test_a_lost_line_is_told_and_all_others_are_kept(path: Path) -> None:
    """A flipped bit costs its line alone; its number, its bytes and what they name are told."""
    broken = LINES[6].replace(b'"intended"', b'"intentet"')
    told, history = salvaged(path, *LINES[:6], broken, *LINES[7:])
    assert told == Salvage(
        lines=6,
        targets=1,
        runs=1,
        lost=((7, 7),),
        open_end=False,
        forked=(),
        loose=len(broken),
        named=(str(key(2)),),
        bridged=(),
        dropped=0,
        warnings=(),
    )
    assert not told.is_complete
    assert history.records == known(LINES[:6]).records
    assert history.header.id != ID
    assert history.header.manifest == "emea"
    (cut,) = history.cuts
    assert isinstance(cut, SalvagedLine)
    assert (cut.kept, cut.size, cut.lost, cut.at) == (path.name, len(broken), ((7, 7),), AT)


def test_nothing_is_started_unread_after_a_salvage(path: Path) -> None:
    """The new ledger counts as cut when it was made: even unknown targets are read and held."""
    _, history = salvaged(path, LINES[0], *LINES[2:])
    rules = Rules(precheck=False, torn_at=0.0 if history.cuts else None)
    for number in range(5):
        assert opening(target(number), history.record(key(number)), rules) is not Opening.START


def test_an_outcome_without_its_intent_is_believed(path: Path) -> None:
    """A job that ended well is done, though the line that began it is lost."""
    told, history = salvaged(path, *LINES[:3], *LINES[5:])
    assert told.bridged == (str(key(1)),)
    record = history.records[key(1)]
    assert (record.state, record.ours, record.attempts) == (State.SUCCEEDED, True, 1)


@pytest.mark.parametrize(
    ("kept", "lost", "after", "state", "attempts"),
    [
        # An intent after an intent: the refusal between them is lost. The last one stays open.
        ([intent(1)], happened(Event.REFUSED), [intent(1, hold=9.0)], State.SUBMITTING, 2),
        # The proof that a Start was not accepted, without that Start.
        ([], intent(1), [happened(Event.REFUSED)], State.PENDING, 1),
        ([], intent(1), [happened(Event.WITHDRAWN)], State.PENDING, 0),
        # The record of a failed job was deleted that is not known to have failed.
        ([intent(1)], happened(Event.JOB_FAILED), [happened(Event.CLEARED)], State.PENDING, 1),
        ([], happened(Event.JOB_FAILED), [happened(Event.CLEARING)], State.FAILED, 0),
        # What was there before is gone.
        ([], intent(1), [happened(Event.FOUND_MISSING)], State.DRIFTED, 0),
        (
            [intent(1), happened(Event.JOB_SUCCEEDED)],
            happened(Event.FOUND_MISSING),
            [happened(Event.NOT_ONBOARDED)],
            State.PENDING,
            1,
        ),
        (
            [intent(1), happened(Event.RUNNING)],
            happened(Event.GAVE_UP),
            [happened(Event.REJECTED, error_code="ValidationException")],
            State.REJECTED,
            1,
        ),
    ],
)
def test_what_happened_last_counts_whatever_is_lost_before_it(
    path: Path,
    kept: list[Entry],
    lost: Entry,
    after: list[Entry],
    state: State,
    attempts: int,
) -> None:
    """A line that is impossible after the lines before it gets what must have come between."""
    lines = raw_ledger([run_line()], *[[entry] for entry in [*kept, lost, *after]], [ended])
    gap = 2 + len(kept)
    told, history = salvaged(path, *lines[:gap], *lines[gap + 1 :])
    record = history.records[key(1)]
    assert (record.state, record.attempts) == (state, attempts)
    assert (record.intent_at is not None) is (state is State.SUBMITTING)
    assert told.bridged == (str(key(1)),)


def test_jobs_are_not_deleted_by_a_rule_whose_count_has_holes(path: Path) -> None:
    """After a loss, an INTERNAL_FAILURE of ours waits for a person who says --retry-failed."""
    failed = happened(Event.JOB_FAILED, failure_code="INTERNAL_FAILURE", ours=True)
    lines = raw_ledger([run_line()], [intent(1)], [failed], [intent(2)], [ended])
    assert known(lines).records[key(1)].automatic_clears == 0
    _, history = salvaged(path, *lines[:4], *lines[5:])
    record = history.records[key(1)]
    assert record.automatic_clears == MAX_AUTOMATIC_CLEARS
    assert opening(target(1), record, Rules()) is Opening.NOTHING
    assert opening(target(1), record, Rules(retry_failed=True)) is Opening.LOOK


def test_lines_that_say_nothing_alone_are_dropped_and_counted(path: Path) -> None:
    """The end of a run, or the departure of a target, that nothing else tells of."""
    gone = GoneLine(at=AT, target=str(key(1)))
    lines = raw_ledger([run_line()], [intent(3)], [gone], [intent(2)], [ended])
    told, history = salvaged(path, lines[0], *lines[2:])
    assert (told.dropped, told.lines, history.runs) == (2, 2, [])


def test_an_intact_line_that_names_no_target_is_dropped(path: Path) -> None:
    """What only a flaw of the tool can have written does not stop a salvage."""
    body = encode_entry(intent(1)).replace(b"111122223333/eu-west-2/instance-1", b"nobody")
    odd = Seal(ID).line(len(LINES) + 1, len(LINES), body)
    told, _ = salvaged(path, *LINES, odd)
    assert (told.dropped, told.bridged) == (1, ())


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
        lambda lines: [*lines[:3], lines[2], *lines[3:]],
        lambda lines: [*lines[:3], FOREIGN[3], *lines[3:]],
        lambda lines: [*lines[:3], b"\n\r\n", *lines[3:]],
        lambda lines: [*lines[:3], bytes(512) + lines[3], *lines[4:]],
        lambda lines: [*lines[:3], lines[3][:-1] + b"K" + lines[4], *lines[5:]],
        lambda lines: [line.replace(b"\n", b"\r\n") for line in lines],
        lambda lines: [b"\xef\xbb\xbf" + lines[0], *lines[1:]],
        lambda lines: list(reversed(lines)),
        lambda lines: lines[1:],
        lambda lines: [lines[0][:40] + b"?" + lines[0][41:], *lines[1:]],
    ],
    ids=[
        "swapped",
        "doubled",
        "foreign",
        "blank",
        "after zeros",
        "joined",
        "CRLF",
        "BOM",
        "reversed",
        "no header",
        "damaged header",
    ],
)
def test_what_only_moved_is_saved_whole(path: Path, change: Any) -> None:
    """Where each line is still there somewhere, nothing is lost, and all is known again."""
    told, history = salvaged(path, *change(list(LINES)))
    assert (told.lost, told.bridged, told.dropped, told.is_complete) == ((), (), 0, True)
    assert told.lines == len(LINES) - 1
    before = known(LINES)
    assert (history.records, history.targets) == (before.records, before.targets)
    assert len(history.cuts) == 1


def test_labels_that_look_like_the_ends_of_lines_are_no_ends(path: Path) -> None:
    """A line is found by its checksum, whatever its text says."""
    odd = TargetLine(
        at=AT,
        target=str(key(1)),
        api=Api.V1,
        encryption="disabled",
        labels={"seq": "1", "a": '{"seq":', "crc": "00000000"},
    )
    lines = raw_ledger([odd], [odd], [odd], [run_line()])
    told, history = salvaged(path, *(line.replace(b"\n", b"\r\n") for line in lines))
    assert (told.lines, told.lost) == (4, ())
    assert history.targets == known(lines).targets


def test_a_header_that_says_nothing_is_made_anew(path: Path) -> None:
    """The name of the manifest is taken from a damaged header only if it is one."""
    assert salvaged(path, *LINES[1:])[1].header.manifest == "unknown"
    path.with_name("new.jsonl").unlink()
    assert salvaged(path, b"\xff", *LINES[1:])[1].header.manifest == "unknown"
    path.with_name("new.jsonl").unlink()
    damaged = LINES[0].replace(b"0.1.0", b"0.1.1")
    assert salvaged(path, damaged, *LINES[1:])[1].header.manifest == "emea"


def test_a_mix_of_two_copies_keeps_what_both_say(path: Path) -> None:
    """Different lines of one number both happened, so both are taken in, and it is told."""
    other = raw_ledger([run_line()], [intent(5)], [intent(6)], [intent(7)])
    told, history = salvaged(path, *LINES[:4], *other[2:], *LINES[4:])
    assert told.forked == (3, 4, 5)
    assert not told.is_complete
    assert {key(number) for number in (1, 2, 5, 6, 7)} == history.records.keys()


def test_an_end_that_is_unreadable_may_have_been_more_lines(path: Path) -> None:
    """How many lines a damaged end had is not known, and said so."""
    told, _ = salvaged(path, LINES[0], *LINES[2:], b"torn")
    assert (told.open_end, told.lost) == (True, ((2, 2),))


def test_a_whole_ledger_is_not_salvaged(path: Path) -> None:
    """There is nothing to gain, also where a tail is left, which a run cuts off."""
    for lines, words in ((LINES, "is whole"), ([*LINES, b"x"], "unfinished tail")):
        with pytest.raises(NothingToSalvageError, match=words):
            salvaged(path, *lines)
        assert not path.with_name("new.jsonl").exists()


def test_nothing_is_overwritten(path: Path) -> None:
    """A file in the new ledger's place, the damaged one included, is left as it is."""
    path.write_bytes(LINES[0] + b"".join(LINES[2:]))
    for new in (path, path.with_name("other")):
        new.touch()
        before = new.read_bytes()
        with pytest.raises(NothingToSalvageError, match="exists: nothing was written"):
            salvage(path, new, tool_version="9", wall=wall)
        assert new.read_bytes() == before
    assert not path.with_name(f"{path.name}.lock").exists()


def test_a_run_that_writes_is_not_salvaged(path: Path) -> None:
    """A ledger that is held, or a place that another holds, is left alone."""
    with opened(path), pytest.raises(LedgerLockedError):
        salvage(path, path.with_name("new"), tool_version="9", wall=wall)


@pytest.mark.parametrize("lines", [[b""], [b"hello\n"], LINES[1:2], FOREIGN[1:3] + LINES[1:3]])
def test_what_is_no_one_ledger_can_not_be_salvaged(path: Path, lines: list[bytes]) -> None:
    """Too little, or the lines of two ledgers without a header, is refused with the reason."""
    with pytest.raises(LedgerUnusableError, match="can't be salvaged"):
        salvaged(path, *lines)
    assert not path.with_name("new.jsonl").exists()


def test_only_what_names_a_target_is_named(path: Path) -> None:
    """Unreadable bytes may say anything."""
    broken = LINES[6].replace(b"111122223333/", b"").replace(b'"intended"', b'"target":"a/b/c",')
    told, _ = salvaged(path, *LINES[:6], broken, *LINES[7:])
    assert told.named == ("a/b/c",)


def test_a_newer_ledger_is_not_salvaged(path: Path) -> None:
    """What this version can't read it must not rewrite."""
    newer = Seal(ID).line(1, 0, encode(HEADER).replace(b'"format":2', b'"format":3'))
    with pytest.raises(LedgerVersionError):
        salvaged(path, newer, *LINES[2:])


def test_a_ledger_that_others_may_write_to_is_not_laundered(path: Path) -> None:
    """A file that a run would refuse is not made an own one; a group's gets a warning."""
    path.write_bytes(LINES[0] + b"".join(LINES[2:]))
    path.chmod(0o606)
    with pytest.raises(LedgerUnusableError, match="everybody may write"):
        salvage(path, path.with_name("new"), tool_version="9", wall=wall)
    path.chmod(0o660)
    told = salvage(path, path.with_name("new"), tool_version="9", wall=wall)
    assert "written by its group" in told.warnings[0]


@given(lives(), st.data())
@settings(max_examples=40, deadline=None)
def test_no_loss_makes_a_salvage_forget_what_it_kept(entries: list[Entry], data: Any) -> None:
    """Whatever lines are lost, the rest replays, and an intent whose end was not kept stays open."""
    lines = raw_ledger([run_line()], *[[entry] for entry in entries], [ended])
    lost = data.draw(st.sets(st.integers(1, len(lines) - 2), min_size=1))
    with TemporaryDirectory() as folder:
        kept = [line for index, line in enumerate(lines) if index not in lost]
        told, history = salvaged(Path(folder) / "x.jsonl", *kept)
    assert sum(last - first + 1 for first, last in told.lost) == len(lost)
    truth, told_of = known(lines), set(history.records)
    for number in range(3):
        told_last = [i for i, entry in enumerate(entries, 2) if entry.key == key(number)][-1:]
        before, after = truth.record(key(number)), history.record(key(number))
        if told_last and told_last[0] not in lost:
            # What is found as it was left stays a success, if it is known that it was one.
            assert after.state is before.state or {after.state, before.state} == DONE
            if entries[told_last[0] - 2].event not in _SILENT:
                assert (after.intent_at, after.ours) == (before.intent_at, before.ours)
        if key(number) in told_of and after.state not in DONE:
            assert after.automatic_clears == MAX_AUTOMATIC_CLEARS


_SILENT = {Event.GAVE_UP, Event.CLEARING}
"""What says nothing about an intent."""


def test_random_damage_never_stops_a_salvage(tmp_path: Path) -> None:
    """Whatever becomes of the bytes, each line that is still there verbatim is taken over."""
    whole = sample(14)
    salvages = 0
    for seed in range(150):
        data = mutated(whole.data, random.Random(seed))
        try:
            told, history = salvaged(tmp_path / f"{seed}.jsonl", data)
        except (NothingToSalvageError, LedgerUnusableError):
            continue
        salvages += 1
        there = [line for line in whole.lines[1:] if line[:-1] in data]
        assert told.lines + told.dropped == len(there)
        assert history.cuts
        (tmp_path / "new.jsonl").unlink()
    assert salvages > 100
