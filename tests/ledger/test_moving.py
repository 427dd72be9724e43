from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from batch_onboard.app.s3segments import S3Segments
from batch_onboard.core.lifecycle import Event, State
from batch_onboard.core.record import Entry
from batch_onboard.ledger.combine import Part, without_moved
from batch_onboard.ledger.errors import (
    LedgerError,
    LedgerLockedError,
    LedgerUnusableError,
    NothingToSalvageError,
    UnlikeLedgersError,
)
from batch_onboard.ledger.history import History
from batch_onboard.ledger.moving import Move, move
from batch_onboard.ledger.segments import read_segments, verify_segments
from batch_onboard.ledger.taking import unlock_segments
from tests.ledger.building import AT, HEADER, intent, key, raw_ledger, run_line, target, wall
from tests.ledger.test_taking import Clock, opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.s3 import Bucket


def at(bucket: Bucket, name: str = "emea", before: Callable[[int], None] | None = None) -> Any:
    """Return segments; `before` is called with a number before a segment is written."""

    class Watched(S3Segments):
        def put_new(self, number: int, data: bytes) -> bool:
            if before is not None:
                before(number)
            return super().put_new(number, data)

    return Watched(bucket.place(name), bucket.objects, ExitStack())


def filled(bucket: Bucket) -> None:
    """Make a ledger of two runs."""
    for name in ("r1", "r2"):
        with opened(at(bucket)) as ledger:
            ledger.begin_run(run_line(name))
            ledger.sync_manifest([target(1), target(2)])
            ledger.end_run(name, 0, "done")


def moved(bucket: Bucket, old: Any = None, new: Any = None, clock: Clock | None = None) -> Move:
    """Move the ledger to another name."""
    return move(
        old or at(bucket),
        new or at(bucket, "emea-2"),
        tool_version="0.1.0",
        wall=wall,
        timing=(clock or Clock()).timing,
    )


def known(history: History) -> dict[str, Any]:
    """Return what is known, without places and the lines that say where it stands."""
    return {
        "id": history.header.id,
        "runs": [(each.began.run, each.ended and each.ended.exit_code) for each in history.runs],
        "targets": history.targets,
        "records": history.records,
    }


def test_a_ledger_goes_on_as_one_segment_under_another_name(bucket: Bucket) -> None:
    """With all that it knew and its id; nothing of the old one is changed, and a run goes on."""
    filled(bucket)
    before = {name: bucket.get(name) for name in bucket.keys}
    told = moved(bucket)
    old, new = read_segments(at(bucket)), read_segments(at(bucket, "emea-2"))
    assert known(new) == known(old)
    assert (old.moved, new.moved, new.origin) == ("s3://" + bucket.name + "/emea-2", None, None)
    assert (told.segments_before, told.lines_after) == (len(before), 6)
    assert verify_segments(at(bucket, "emea-2")).damage == ()
    assert {name: bucket.get(name) for name in before} == before
    with opened(at(bucket, "emea-2")) as ledger:
        ledger.begin_run(run_line("r3"))
    assert len(read_segments(at(bucket, "emea-2")).runs) == 3


def test_the_old_one_is_closed_for_ever(bucket: Bucket) -> None:
    """A run is told where the ledger goes on, and writes nothing."""
    filled(bucket)
    moved(bucket)
    keys = bucket.keys
    with pytest.raises(LedgerUnusableError, match="it goes on as s3://bucket-"):
        opened(at(bucket))
    assert unlock_segments(at(bucket), wall=wall) is None
    with pytest.raises(LedgerUnusableError, match="it goes on as"):
        moved(bucket, new=at(bucket, "emea-3"))
    assert bucket.keys == keys


def test_a_second_time_changes_nothing(bucket: Bucket) -> None:
    """What was finished is told again."""
    filled(bucket)
    first = moved(bucket)
    keys = bucket.keys
    assert moved(bucket).lines_after == first.lines_after + 1
    assert bucket.keys == keys


def test_nothing_is_overwritten(bucket: Bucket) -> None:
    """Where something is, nothing is written, and the old ledger is not even taken."""
    filled(bucket)
    bucket.put("emea-2/0000000007.jsonl", b"mine")
    keys = bucket.keys
    for name in ("emea-2", "emea"):
        with pytest.raises(NothingToSalvageError, match="exists: name another place with -o"):
            moved(bucket, new=at(bucket, name))
    assert bucket.keys == keys
    late = at(bucket, "late", lambda _: bucket.put("late/0000000001.jsonl", b"theirs"))
    with pytest.raises(NothingToSalvageError, match="exists"):
        moved(bucket, new=late)
    assert read_segments(at(bucket)).moved is None
    with pytest.raises(LedgerUnusableError, match="there is no ledger"):
        moved(bucket, old=at(bucket, "none"))


class StoppedError(Exception):
    """The process ends here."""


def stop(number: int) -> Callable[[int], None]:
    """Return what ends the process before it writes so many segments."""
    left = [number]

    def count(_: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise StoppedError

    return count


def killed(bucket: Bucket, *, old: int = 100, new: int = 100) -> None:
    """Move the ledger, and be killed before so many segments are written to one of both."""
    with pytest.raises(StoppedError):
        moved(bucket, at(bucket, "emea", stop(old)), at(bucket, "emea-2", stop(new)))


def run_on(bucket: Bucket, name: str) -> None:
    """Take a ledger after a dead holder."""
    with opened(at(bucket, name), Clock()) as ledger:
        ledger.begin_run(run_line("r3"))


def test_whenever_it_is_cut_off_a_run_takes_one_of_both_at_most(bucket: Bucket) -> None:
    """Before the old one is closed it counts, and the new one is refused; then it is finished."""
    filled(bucket)
    killed(bucket, new=0)
    assert read_segments(at(bucket)).moved is None
    killed(bucket, old=2)  # its claim, the check of the condition, and no closing
    with pytest.raises(LedgerUnusableError, match="that was not finished: batch-onboard ledger"):
        run_on(bucket, "emea-2")
    run_on(bucket, "emea")
    with pytest.raises(NothingToSalvageError, match="exists"):
        moved(bucket)


def test_what_was_cut_off_after_the_closing_is_finished(bucket: Bucket) -> None:
    """By the same command; until then neither is taken."""
    filled(bucket)
    killed(bucket, new=1)
    for name, told in (("emea", "it goes on as"), ("emea-2", "that was not finished")):
        with pytest.raises(LedgerUnusableError, match=told):
            run_on(bucket, name)
    moved(bucket)
    run_on(bucket, "emea-2")
    with pytest.raises(LedgerUnusableError, match="it goes on as"):
        run_on(bucket, "emea")


def test_whoever_is_overtaken_closes_nothing(bucket: Bucket) -> None:
    """A process that was frozen amid it finds the old ledger taken, and the new one stays refused."""
    filled(bucket)

    def overtake(number: int) -> None:
        if number == 1:
            unlock_segments(at(bucket), wall=wall)

    with pytest.raises(LedgerLockedError):
        moved(bucket, new=at(bucket, "emea-2", overtake))
    run_on(bucket, "emea")
    with pytest.raises(LedgerUnusableError, match="not finished"):
        run_on(bucket, "emea-2")


def test_a_ledger_that_is_held_stays(bucket: Bucket) -> None:
    """A holder that lives is named, as to a second run."""
    filled(bucket)
    with opened(at(bucket)) as ledger:
        clock = Clock(meanwhile=lambda _: ledger.begin_run(run_line("r3")))
        with pytest.raises(LedgerLockedError):
            moved(bucket, clock=clock)


def test_an_open_intent_goes_along(bucket: Bucket) -> None:
    """What may have been started is known of in the new ledger, with its hold."""
    lines = raw_ledger([run_line()], [intent(1)], [Entry(Event.RUNNING, key(2), AT)])
    bucket.put("emea/0000000001.jsonl", b"".join(lines))
    moved(bucket)
    records = read_segments(at(bucket, "emea-2")).records
    assert [records[key(number)].state for number in (1, 2)] == [
        State.SUBMITTING,
        State.IN_PROGRESS,
    ]


def test_of_several_only_those_that_count_are_used() -> None:
    """One that went on is left out beside its successor, and one that is unfinished beside its own."""

    def part(name: str, **more: Any) -> Part:
        return Part(name, History(HEADER, **more))

    old, new = part("old", moved="new"), part("new")
    assert without_moved([old, new]) == [new]
    assert without_moved([old]) == [old]
    unfinished = part("new", origin="old")
    assert without_moved([part("old"), unfinished]) == [part("old")]
    assert without_moved([old, unfinished]) == [unfinished]
    with pytest.raises(UnlikeLedgersError, match="old goes on as new: name that"):
        without_moved([old, part("other")])


def test_a_store_that_fails_is_told(bucket: Bucket) -> None:
    """With the place that it is about."""
    filled(bucket)

    def fail(number: int) -> None:
        if number > 1:
            raise OSError("gone")

    with pytest.raises(LedgerError, match="/emea-2 can't be used: gone"):
        moved(bucket, new=at(bucket, "emea-2", fail))
    late = at(
        bucket, "emea-2", lambda number: bucket.put(f"emea-2/{number:010}.jsonl", b"theirs\n")
    )
    with pytest.raises(LedgerUnusableError, match="something writes to it"):
        moved(bucket, new=late)
