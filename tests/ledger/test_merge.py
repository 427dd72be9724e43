from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_onboard.core.calls import Operation
from batch_onboard.core.lifecycle import Event, State
from batch_onboard.core.record import Entry
from batch_onboard.core.shard import Shard
from batch_onboard.core.targets import Api, TargetKey
from batch_onboard.ledger.codec import unplaced
from batch_onboard.ledger.combine import (
    Part,
    check_alike,
    check_disjoint,
    combine,
    missing_shards,
)
from batch_onboard.ledger.errors import (
    LedgerDamagedError,
    LedgerLockedError,
    NothingToSalvageError,
    UnlikeLedgersError,
)
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.lines import (
    GoneLine,
    HeaderLine,
    LearnedLine,
    Line,
    MergedLine,
    TargetLine,
)
from batch_onboard.ledger.merge import Merge, held_part, merge
from batch_onboard.ledger.newplaces import new_file
from batch_onboard.ledger.snapshot import snapshot
from batch_onboard.ledger.verify import verify
from tests.ledger.building import AT, HEADER, intent, key, known, opened, raw_ledger, run_line, wall
from tests.ledger.test_compact import told
from tests.ledger.test_history import lives

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from batch_onboard.ledger.history import History


def header(number: int) -> HeaderLine:
    """The header of a numbered ledger."""
    return HeaderLine(at=AT, format=2, id=f"{number:032}", tool="0.1.0", manifest="emea")


def of(number: int, *lines: Entry | Line) -> Part:
    """A numbered ledger with these lines, in memory."""
    return Part(f"ledger-{number}", known(raw_ledger(lines, header=header(number))))


def stands(target: TargetKey) -> TargetLine:
    """The line that says that a target is in the manifest."""
    return TargetLine(at=AT, target=str(target), api=Api.V1, encryption="disabled")


def spread(entry: Entry) -> Entry:
    """The same, in an account of its own for each target."""
    number = int(entry.key.instance_id[-1])
    key = TargetKey(f"{number:012}", "eu-west-2", entry.key.instance_id)
    return replace(entry, key=key)


TARGETS = [TargetKey(f"{number:012}", "eu-west-2", f"instance-{number}") for number in range(3)]


def comparable(history: History) -> dict[str, object]:
    """All that a history knows of targets, in no order."""
    return {name: each for name, each in told(history).items() if name in {"records", "targets"}}


@given(lives().map(lambda happened: [spread(entry) for entry in happened]), st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_the_merged_shards_know_what_one_run_over_all_would(
    happened: list[Entry], count: int
) -> None:
    """Each target stands with its own shard, with the same record to the last attribute."""
    whole = known(raw_ledger([run_line(), *map(stands, TARGETS), *happened]))
    parts = []
    for index in range(count):
        shard = Shard(index, count)
        targets = [stands(each) for each in TARGETS if shard.has(each.domain)]
        entries = [each for each in happened if shard.has(each.key.domain)]
        parts.append(of(index, run_line(f"r{index}", shard=shard), *targets, *entries))
    check_alike(parts)
    check_disjoint(parts)
    assert missing_shards(parts) == ()
    merged = combine(parts, HEADER)
    assert comparable(merged) == comparable(whole)
    again = known(raw_ledger([unplaced(line) for line in snapshot(merged, AT)]))
    assert told(again) == told(merged)


def test_what_the_ledgers_know_of_runs_and_quotas_is_put_together() -> None:
    """Runs in the order in which they began; of each quota what was learned last."""

    def learned(rate: float, seconds: int) -> LearnedLine:
        return LearnedLine(
            at=AT + timedelta(seconds=seconds),
            domain="a/b",
            operation=Operation.START,
            rate=rate,
            burst=5.0,
            confidence=1.0,
            sent=1,
            throttled=0,
        )

    late = msgspec.structs.replace(run_line("late"), at=AT + timedelta(hours=1))
    merged = combine(
        [of(1, late, learned(2.0, 10)), of(2, run_line("early"), learned(9.0, 5))], HEADER
    )
    assert [run.began.run for run in merged.runs] == ["early", "late"]
    assert [line.rate for line in merged.learned.values()] == [2.0]


def test_a_target_that_one_ledger_has_and_another_had_is_there() -> None:
    """What the one calls gone stands in the manifest of the other."""
    gone = GoneLine(at=AT, target=str(key(1)))
    merged = combine([of(1, stands(key(1)), gone), of(2, stands(key(1)))], HEADER)
    assert (list(merged.targets), list(merged.removed)) == ([key(1)], [])


def test_of_a_target_in_two_ledgers_the_open_intent_is_kept() -> None:
    """Else a run after the merge might start what may have been started."""
    done = Entry(Event.FOUND_ONBOARDED, key(1), AT, encryption="disabled")
    parts = [of(1, stands(key(1)), intent(1, hold=85.0)), of(2, stands(key(1)), done)]
    record = combine(parts, HEADER).records[key(1)]
    assert (record.state, record.intent_at, record.intent_hold) == (State.SUBMITTING, AT, 85.0)


def test_ledgers_that_share_a_target_are_not_counted_together() -> None:
    """Both are named, and what can be done."""
    parts = [of(1, stands(key(1))), of(2, stands(key(2))), of(3, stands(key(1)), stands(key(2)))]
    check_disjoint(parts[:2])
    with pytest.raises(
        UnlikeLedgersError, match=r"ledger-1 and ledger-3 both tell of .*instance-1,"
    ):
        check_disjoint(parts)
    with pytest.raises(UnlikeLedgersError, match="instance-1 and 1 more, which would be counted"):
        check_disjoint([parts[2], of(4, stands(key(1)), stands(key(2)))])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (of(1), "ledger-1 and ledger-1 are copies of one ledger"),
        (
            Part(
                "other",
                known(
                    raw_ledger(
                        [],
                        header=HeaderLine(at=AT, format=2, id="f" * 32, tool="0", manifest="apac"),
                    )
                ),
            ),
            "ledger-1 is of the manifest 'emea', other of 'apac'",
        ),
        (of(2, run_line(simulated=True)), r"ledger-2 tells of rehearsals \(--simulate\), ledger-1"),
    ],
)
def test_ledgers_of_different_batches_are_refused(other: Part, said: str) -> None:
    """The message names both, and what is different."""
    with pytest.raises(UnlikeLedgersError, match=said):
        check_alike([of(1, run_line()), other])


def test_the_shards_of_which_nothing_is_there_are_missing() -> None:
    """For each number of shards that a run tells of; a run over all has none."""
    third = of(1, run_line(shard=Shard(2, 3)))
    assert missing_shards([third]) == (Shard(0, 3), Shard(1, 3))
    assert missing_shards([third, of(2, run_line(shard=Shard(1, 2)))]) == (
        Shard(0, 2),
        Shard(0, 3),
        Shard(1, 3),
    )
    assert missing_shards([of(1, run_line()), of(2)]) == ()


# In files.


def shard_ledger(folder: Path, index: int, count: int, *lines: Entry | Line) -> Path:
    """Write the ledger of a shard."""
    path = folder / f"emea.{Shard(index, count).name}.ledger.jsonl"
    run = run_line(f"r{index}", shard=Shard(index, count))
    path.write_bytes(b"".join(raw_ledger([run, *lines], header=header(index))))
    path.chmod(0o600)
    return path


def merged(paths: Sequence[Path], new: Path) -> Merge:
    """Merge with the settings that all tests share."""
    with ExitStack() as held:
        parts = [held.enter_context(held_part(path, AT)) for path in paths]
        with new_file(new, wall()) as write:
            return merge(parts, write, tool_version="0.1.0", now=wall())


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """The ledgers of two shards, a target each."""
    return [
        shard_ledger(tmp_path, number, 2, stands(key(number)), intent(number, hold=85.0))
        for number in (0, 1)
    ]


def test_a_merged_ledger_is_whole_and_of_no_shard(shards: list[Path], tmp_path: Path) -> None:
    """A run over all goes on with it, and may be told of by whom it was made."""
    before = [path.read_bytes() for path in shards]
    new = tmp_path / "emea.ledger.jsonl"
    done = merged(shards, new)
    assert (done.ledgers, done.targets, done.runs, done.shared) == (2, 2, 2, 0)
    assert done.is_complete
    assert [path.read_bytes() for path in shards] == before
    assert verify(new).damage == ()
    history = read_history(new)
    assert history.shard is None
    assert history.cuts == []
    assert [line.ledgers for line in history.merged] == [tuple(map(str, shards))]
    assert {run.began.shard for run in history.runs} == {Shard(0, 2), Shard(1, 2)}
    assert new.stat().st_mode & 0o777 == 0o600
    with opened(new) as ledger:
        assert ledger.history.records[key(1)].state is State.SUBMITTING


def test_what_is_missing_counts_as_torn_off(shards: list[Path], tmp_path: Path) -> None:
    """Of a shard without a ledger nobody knows what was started, so all is read first."""
    done = merged(shards[:1], tmp_path / "new.jsonl")
    assert done.missing == (Shard(1, 2),)
    assert not done.is_complete
    (cut,) = read_history(tmp_path / "new.jsonl").cuts
    assert (cut.at, cut.size, cut.kept) == (AT, 0, "shard 1 of 2")


def test_an_unfinished_tail_counts_as_torn_off(shards: list[Path], tmp_path: Path) -> None:
    """An intent may have stood there; the ledger itself keeps the bytes."""
    with shards[1].open("ab") as file:
        file.write(b"torn")
    done = merged(shards, tmp_path / "new.jsonl")
    assert done.torn == (str(shards[1]),)
    (cut,) = read_history(tmp_path / "new.jsonl").cuts
    assert (cut.size, cut.kept) == (4, str(shards[1]))
    assert shards[1].read_bytes().endswith(b"torn")


def test_a_merge_refuses_what_a_run_holds(shards: list[Path], tmp_path: Path) -> None:
    """What that run does next would be missing."""
    with opened(shards[1]), pytest.raises(LedgerLockedError):
        merged(shards, tmp_path / "new.jsonl")
    assert not (tmp_path / "new.jsonl").exists()


def test_a_merge_overwrites_nothing(shards: list[Path], tmp_path: Path) -> None:
    """Neither one of its ledgers nor any other file."""
    with pytest.raises(NothingToSalvageError, match="exists: nothing was written"):
        merged(shards, shards[0])
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(NothingToSalvageError):
        merged(shards, tmp_path / "notes")
    assert (tmp_path / "notes").read_text() == "mine"


def test_a_damaged_ledger_is_not_merged(shards: list[Path], tmp_path: Path) -> None:
    """The way out is to salvage it first."""
    merged(shards, new := tmp_path / "new.jsonl")
    new.write_bytes(new.read_bytes().replace(b'"run":"r0"', b'"run":"rX"'))
    with pytest.raises(LedgerDamagedError, match="salvage"):
        merged([new], tmp_path / "newer.jsonl")


def test_a_merge_of_merges_knows_of_all(shards: list[Path], tmp_path: Path) -> None:
    """Shard by shard, or all at once: the same targets and runs, and no shard missing."""
    merged(shards[:1], tmp_path / "first.jsonl")
    done = merged([tmp_path / "first.jsonl", shards[1]], tmp_path / "second.jsonl")
    assert (done.targets, done.runs, done.missing) == (2, 2, ())
    history = read_history(tmp_path / "second.jsonl")
    assert isinstance(history.merged[-1], MergedLine)
    assert len(history.merged) == 2
