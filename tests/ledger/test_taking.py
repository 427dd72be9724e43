from __future__ import annotations

import asyncio
import os
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from batch_onboard.app.s3segments import S3Segments, open_s3_segments
from batch_onboard.core.ports import JournalError, TakenOverError
from batch_onboard.core.redaction import Secrets
from batch_onboard.ledger.errors import (
    LedgerDamagedError,
    LedgerError,
    LedgerLockedError,
    LedgerUnusableError,
)
from batch_onboard.ledger.row import Timing
from batch_onboard.ledger.segments import read_segments, verify_segments
from batch_onboard.ledger.taking import open_segments, unlock_segments
from tests.faults.proxy import Mischief, Rule, proxied, s3_error
from tests.ledger.building import AT, intent, raw_ledger, run_line, target, wall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from batch_onboard.ledger.ledger import Ledger
    from tests.s3 import Bucket


@dataclass
class Clock:
    """Time that passes only while somebody waits.

    Attributes:
        now: seconds.
        pauses: how long was waited each time.
        meanwhile: is called in each pause, with its number.
    """

    now: float = 1000.0
    pauses: list[float] = field(default_factory=list)
    meanwhile: Callable[[int], None] = lambda _: None

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.pauses.append(seconds)
        self.meanwhile(len(self.pauses))

    @property
    def timing(self) -> Timing:
        """The usual timing, on this clock."""
        return Timing(clock=lambda: self.now, pause=self.pause)


def segments_of(bucket: Bucket) -> S3Segments:
    """Return the segments of the one ledger of a test."""
    return S3Segments(bucket.place(), bucket.objects, ExitStack())


@contextmanager
def behind(bucket: Bucket, rule: Rule, call_timeout: float = 20.0) -> Iterator[S3Segments]:
    """Give the segments as they are seen through a proxy that treats requests badly."""
    with proxied(bucket.url, rule) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        store = open_s3_segments(bucket.place(), Secrets(), call_timeout)
        try:
            yield store
        finally:
            store.close()


def opened(store: S3Segments, clock: Clock | None = None, **more: Any) -> Ledger:
    """Take a ledger with the settings that most tests share."""
    settings: dict[str, Any] = {"manifest_name": "emea", "tool_version": "0.1.0", "wall": wall}
    return open_segments(store, timing=(clock or Clock()).timing, **settings | more)


def id_of(ledger: Ledger) -> str:
    """Return the id of the claim by which a ledger is held."""
    assert ledger.history.holder is not None
    return ledger.history.holder.id


class Meddled(S3Segments):
    """Segments before the first writing of which somebody else does something."""

    before: Callable[[], object] | None = None

    def put_new(self, number: int, data: bytes) -> bool:
        """Write a segment."""
        before, self.before = self.before, None
        if before is not None:
            before()
        return super().put_new(number, data)


def meddled(bucket: Bucket, before: Callable[[], object]) -> Meddled:
    """Open the way to segments as above."""
    plain = segments_of(bucket)
    store = Meddled(plain.place, plain._objects, plain._opened)
    store.before = before
    return store


def test_of_two_that_create_a_ledger_one_is_told_that_the_other_has_it(bucket: Bucket) -> None:
    """Both have found nothing there; the second to write learns whose ledger it is."""
    held: list[Ledger] = []
    store = meddled(bucket, lambda: held.append(opened(segments_of(bucket))))
    with pytest.raises(LedgerLockedError) as caught:
        opened(store)
    assert caught.value.since == AT
    with held[0] as ledger:
        ledger.begin_run(run_line())
    assert len(bucket.keys) == 3


def test_a_ledger_that_was_released_is_taken_at_once(bucket: Bucket) -> None:
    """Nobody waits where the holder has said that it writes no more."""
    clock = Clock()
    opened(segments_of(bucket)).close()
    with opened(segments_of(bucket), clock) as ledger:
        assert not ledger.created
    assert clock.pauses == []


def test_a_holder_that_lives_keeps_its_ledger(bucket: Bucket) -> None:
    """A segment that comes while one waits is a sign of life: the holder is named."""
    clock, told = Clock(), list[str]()
    store = segments_of(bucket)
    with opened(segments_of(bucket)) as holder:
        clock.meanwhile = lambda number: holder.begin_run(run_line()) if number == 9 else None
        with pytest.raises(LedgerLockedError) as caught:
            opened(store, clock, notify=told.append)
        assert sum(clock.pauses) == 18.0
        assert (caught.value.pid, caught.value.since) == (os.getpid(), AT)
        holder.begin_run(run_line())
    (sentence,) = told
    assert "not released: waiting 60 s for a sign of life" in sentence


def test_a_silent_holder_loses_its_ledger_and_stops(bucket: Bucket) -> None:
    """After a minute of silence another takes it; the first learns it before it does anything."""
    clock = Clock()
    holder = opened(segments_of(bucket))
    with opened(segments_of(bucket), clock) as ledger:
        assert 60.0 <= sum(clock.pauses) <= 64.0
        for _ in range(2):
            with pytest.raises(LedgerLockedError, match="another run holds s3://"):
                holder.begin_run(run_line("late"))
        assert not holder.is_certain()
        ledger.begin_run(run_line("next"))
        holder.close()
    store = segments_of(bucket)
    history = read_segments(store)
    assert [run.began.run for run in history.runs] == ["next"]


@pytest.mark.asyncio
async def test_a_journal_that_was_taken_over_says_so(bucket: Bucket) -> None:
    """Entries that came too late are told, with who has the ledger now."""

    async def live(ledger: Ledger) -> None:
        async with ledger.journal() as journal:
            store = segments_of(bucket)
            unlock_segments(store, wall=wall)
            await journal.write(intent(1))

    with opened(segments_of(bucket)) as ledger:
        with pytest.raises(
            TakenOverError, match=r"another run \(pid \d+ on host .*\) has"
        ) as caught:
            await live(ledger)
        assert caught.value.lost == (intent(1),)


def test_waiting_ends_when_the_holder_does(bucket: Bucket) -> None:
    """With a timeout a holder that lives is waited for, and what it wrote is known then."""
    clock = Clock()
    holder = opened(segments_of(bucket))

    def meanwhile(number: int) -> None:
        if number in {5, 20}:
            holder.begin_run(run_line(f"r{number}"))
        if number == 30:
            holder.close()

    clock.meanwhile = meanwhile
    with opened(segments_of(bucket), clock, lock_timeout=600.0) as ledger:
        assert len(clock.pauses) == 30
        assert [run.began.run for run in ledger.history.runs] == ["r5", "r20"]
        ledger.begin_run(run_line())


def test_waiting_has_an_end(bucket: Bucket) -> None:
    """The first sign of life after the timeout is the end of it."""
    clock = Clock()
    store = segments_of(bucket)
    with opened(segments_of(bucket)) as holder:
        clock.meanwhile = lambda number: holder.begin_run(run_line(f"r{number}"))
        with pytest.raises(LedgerLockedError):
            opened(store, clock, lock_timeout=50.0)
    assert 50.0 <= sum(clock.pauses) <= 52.0


def test_who_was_frozen_while_watching_takes_nothing_for_granted(bucket: Bucket) -> None:
    """Time that has passed says nothing by itself: it is looked once more before a claim."""
    clock = Clock()
    store = segments_of(bucket)
    with opened(segments_of(bucket)) as holder:

        def meanwhile(number: int) -> None:
            if number == 2:
                holder.begin_run(run_line())
                clock.now += 3600.0

        clock.meanwhile = meanwhile
        with pytest.raises(LedgerLockedError):
            opened(store, clock)


def test_of_two_that_watch_one_takes_the_ledger(bucket: Bucket) -> None:
    """A claim that comes between a last look and one's own claim is a sign of life."""
    first = opened(segments_of(bucket))
    held: list[Ledger] = []
    store = meddled(bucket, lambda: held.append(opened(segments_of(bucket), Clock())))
    with pytest.raises(LedgerLockedError):
        opened(store, Clock())
    with held[0] as ledger:
        ledger.begin_run(run_line())
    first.close()


def test_a_holder_is_certain_only_for_so_long(bucket: Bucket) -> None:
    """Well before another may take the ledger, one that has not written begins to doubt."""
    clock = Clock()
    with opened(segments_of(bucket), clock) as ledger:
        clock.now += 29.0
        assert ledger.is_certain()
        clock.now += 1.0
        assert not ledger.is_certain()
        ledger.begin_run(run_line())
        assert ledger.is_certain()


def test_a_holder_that_has_nothing_to_write_beats(bucket: Bucket) -> None:
    """Heartbeats come by themselves, and add nothing to what the ledger knows."""
    timing = Timing(beat=0.01)
    settings: dict[str, Any] = {"manifest_name": "emea", "tool_version": "0.1.0", "wall": wall}
    with open_segments(segments_of(bucket), timing=timing, **settings) as ledger:
        deadline = time.monotonic() + 30
        while len(bucket.keys) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        ledger.begin_run(run_line())
    assert b'"heartbeat"' in bucket.get(bucket.keys[1])
    store = segments_of(bucket)
    assert len(read_segments(store).runs) == 1


def test_open_intents_count_from_the_opening(bucket: Bucket) -> None:
    """Another machine's clock wrote them, and may have been ahead or behind."""
    lines = raw_ledger([run_line()], [intent(1, hold=60.0), intent(2, hold=60.0)])
    bucket.put("emea/0000000001.jsonl", b"".join(lines))
    later = AT + timedelta(minutes=5)
    with opened(segments_of(bucket), wall=lambda: later) as ledger:
        assert {each.intent_at for each in ledger.history.records.values()} == {later}
    with opened(segments_of(bucket), wall=lambda: AT - timedelta(hours=1)) as ledger:
        assert {each.intent_at for each in ledger.history.records.values()} == {AT}


def test_a_files_bytes_are_a_ledger_in_s3(bucket: Bucket) -> None:
    """A ledger's file put there as the first segment is gone on with, and others' objects don't hurt."""
    bucket.put("emea/0000000001.jsonl", b"".join(raw_ledger([run_line()])))
    bucket.put("emea/readme.txt", b"not a segment")
    bucket.put("emea/0000000001.jsonl.bak", b"nor this")
    bucket.put("emea/older/0000000002.jsonl", b"nor this")
    bucket.put("emea2/0000000002.jsonl", b"nor this")
    with opened(segments_of(bucket)) as ledger:
        ledger.begin_run(run_line("r2"))
    store = segments_of(bucket)
    assert [run.began.run for run in read_segments(store).runs] == ["r1", "r2"]


@pytest.mark.parametrize("harm", ["missing", "changed", "cut", "empty", "swapped"])
def test_segments_that_are_not_as_they_were_written_stop_everything(
    bucket: Bucket, harm: str
) -> None:
    """What is missing or changed in the middle is damage; nothing is written then."""
    with opened(segments_of(bucket)) as ledger:
        for number in range(3):
            ledger.begin_run(run_line(f"r{number}"))
    one, other = bucket.keys[1:3]
    data = bucket.get(one)
    if harm == "missing":
        bucket.client.delete_object(Bucket=bucket.name, Key=one)
    elif harm == "swapped":
        bucket.put(one, bucket.get(other))
        bucket.put(other, data)
    else:
        changed = {"changed": data.replace(b"r0", b"r9"), "cut": data[:-9], "empty": b""}
        bucket.put(one, changed[harm])
    before = [(name, bucket.get(name)) for name in bucket.keys]
    store = segments_of(bucket)
    assert verify_segments(store).damage
    for use in (read_segments, opened):
        with pytest.raises(LedgerDamagedError, match="Nothing was changed"):
            use(store)
    assert [(name, bucket.get(name)) for name in bucket.keys] == before


def test_a_last_segment_that_was_cut_is_damage_too(bucket: Bucket) -> None:
    """No tail is ever cut off: a segment appears whole or not at all."""
    opened(segments_of(bucket)).close()
    last = bucket.keys[-1]
    bucket.put(last, bucket.get(last)[:-5])
    store = segments_of(bucket)
    with pytest.raises(LedgerDamagedError):
        opened(store)


def test_a_folder_is_no_ledger(bucket: Bucket) -> None:
    """A place with a last slash stands for what is beneath it."""
    with pytest.raises(LedgerUnusableError, match="it is a folder: name a ledger in it"):
        open_s3_segments(bucket.place("waves/"), Secrets())


# Unlocking.


def test_unlocking_takes_a_ledger_from_its_holder_at_once(bucket: Bucket) -> None:
    """Who held it is told; it finds out with its next line, and the next run need not wait."""
    clock = Clock()
    holder = opened(segments_of(bucket))
    store = segments_of(bucket)
    left = unlock_segments(store, wall=wall)
    assert left is not None
    assert left.id == id_of(holder)
    assert unlock_segments(store, wall=wall) is None
    with opened(segments_of(bucket), clock):
        assert clock.pauses == []
        with pytest.raises(LedgerLockedError):
            holder.begin_run(run_line())
    holder.close()


def test_unlocking_overtakes_a_holder_that_writes(bucket: Bucket) -> None:
    """What the holder wrote meanwhile is kept: the claim stands after it."""
    holder = opened(segments_of(bucket))
    store = meddled(bucket, lambda: holder.begin_run(run_line()))
    assert unlock_segments(store, wall=wall) is not None
    assert len(read_segments(store).runs) == 1
    assert read_segments(store).holder is None
    holder.close()


def test_unlocking_gives_up_where_a_holder_is_always_faster(bucket: Bucket) -> None:
    """It ends, and names who goes on holding the ledger."""
    holder = opened(segments_of(bucket))

    class Outrun(S3Segments):
        def put_new(self, number: int, data: bytes) -> bool:
            holder.begin_run(run_line())
            return super().put_new(number, data)

    with pytest.raises(LedgerLockedError) as caught:
        unlock_segments(Outrun(bucket.place(), bucket.objects, ExitStack()), wall=wall)
    assert caught.value.pid == os.getpid()
    holder.begin_run(run_line())
    holder.close()


def test_what_nobody_can_read_is_no_release(bucket: Bucket) -> None:
    """A stranger's object in the row ends a holder, is a sign of life, and is damage then."""
    clock = Clock()
    holder = opened(segments_of(bucket))
    clock.meanwhile = lambda number: (
        bucket.put("emea/0000000002.jsonl", b"odd\n") if number == 1 else None
    )
    with pytest.raises(LedgerLockedError):
        opened(segments_of(bucket), clock)
    with pytest.raises(LedgerLockedError, match="another run holds s3://") as caught:
        holder.begin_run(run_line())
    assert caught.value.pid is None
    holder.close()
    with pytest.raises(LedgerDamagedError):
        opened(segments_of(bucket))


def test_there_must_be_a_ledger_to_unlock(bucket: Bucket) -> None:
    """A name that was mistyped is not taken for a ledger that nobody holds."""
    store = segments_of(bucket)
    with pytest.raises(LedgerUnusableError, match="there is no ledger"):
        unlock_segments(store, wall=wall)
    assert bucket.keys == []


# What S3 and the way to it do.


PUT, GET, LIST = ("PUT ",), ("GET ", ".jsonl HTTP"), ("GET ", "list-type=2")
PASSING = {
    "409": Rule(Mischief.ANSWER, PUT, 2, s3_error(409, "ConditionalRequestConflict")),
    "503": Rule(Mischief.ANSWER, PUT, 3, s3_error(503, "SlowDown")),
    "500": Rule(Mischief.ANSWER, PUT, 1, s3_error(500, "InternalError")),
    "400": Rule(Mischief.ANSWER, PUT, 1, s3_error(400, "RequestTimeout")),
    "reset before": Rule(Mischief.CUT_BEFORE, PUT, 2),
    "reset after": Rule(Mischief.CUT_AFTER, PUT, 2),
    "expired": Rule(Mischief.ANSWER, PUT, 1, s3_error(400, "ExpiredToken")),
    "cut body": Rule(Mischief.CUT_AMID, GET, 2),
    "reset read": Rule(Mischief.CUT_BEFORE, GET, 1),
    "slow list": Rule(Mischief.ANSWER, LIST, 2, s3_error(503, "SlowDown")),
    "web page": Rule(Mischief.HTML, PUT, 1),
    "web page as a segment": Rule(Mischief.HTML, GET, 1),
    "web page as a list": Rule(Mischief.HTML, LIST, 1),
}


@pytest.mark.no_cover
@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_tried_again_and_nothing_is_written_twice(
    bucket: Bucket, fault: str
) -> None:
    """Conflicts, throttles, resets and lost answers leave the very lines that were meant."""
    opened(segments_of(bucket)).close()
    with behind(bucket, PASSING[fault]) as store, opened(store, Clock()) as ledger:
        ledger.begin_run(run_line("r1"))
        ledger.begin_run(run_line("r2"))
    history = read_segments(segments_of(bucket))
    assert verify_segments(segments_of(bucket)).damage == ()
    assert [run.began.run for run in history.runs] == ["r1", "r2"]
    assert len(bucket.keys) == 2 + 4
    assert PASSING[fault].times == 0


@pytest.mark.parametrize("mischief", [Mischief.BLACK_HOLE, Mischief.DRIP])
def test_an_answer_that_does_not_come_in_time_is_as_one_that_is_lost(
    bucket: Bucket, mischief: Mischief
) -> None:
    """Whether the segment was written or not, it is there once in the end, and the run goes on."""
    slow = Rule(mischief, PUT, 0)
    with behind(bucket, slow, call_timeout=1.0) as store, opened(store, Clock()) as ledger:
        for number in range(3):
            slow.times = 1
            ledger.begin_run(run_line(f"r{number}"))
            assert slow.times == 0
    assert len(read_segments(segments_of(bucket)).runs) == 3
    assert len(bucket.keys) == 1 + 3 + 1


def test_a_store_that_fails_for_too_long_ends_the_run(bucket: Bucket) -> None:
    """After a minute of patience what could not be written is told, as for a disk that fails."""
    clock = Clock()
    down = Rule(Mischief.ANSWER, PUT, 0, s3_error(503, "SlowDown"))
    with behind(bucket, down) as store, opened(store, clock) as ledger:
        down.times = None
        for _ in range(2):
            with pytest.raises(LedgerUnusableError, match=r"SlowDown.*\(tried for 60 s\)"):
                ledger.begin_run(run_line())
        assert 50.0 <= sum(clock.pauses) <= 60.0
        assert not ledger.is_certain()


def test_the_journal_of_a_store_that_fails_tells_what_is_lost(bucket: Bucket) -> None:
    """A refusal is not tried again; the right that is missing is named."""
    denied = Rule(Mischief.ANSWER, PUT, 0, s3_error(403, "AccessDenied"))

    async def live(ledger: Ledger) -> None:
        async with ledger.journal() as journal:
            denied.times = None
            await journal.write(intent(1))

    clock = Clock()
    with behind(bucket, denied) as store, opened(store, clock) as ledger:
        with pytest.raises(JournalError, match="s3:PutObject on what is beneath") as caught:
            asyncio.run(live(ledger))
        assert not isinstance(caught.value, TakenOverError)
        assert caught.value.lost == (intent(1),)
    assert clock.pauses == []


def test_a_store_that_ignores_the_condition_is_refused(bucket: Bucket) -> None:
    """Where two runs could write one segment no ledger is safe: that is found out at once."""
    ignoring = pytest.raises(LedgerUnusableError, match="it ignores If-None-Match")
    with behind(bucket, Rule(Mischief.UNCONDITIONAL, PUT)) as store, ignoring:
        opened(store)


def test_a_line_that_cannot_be_written_ends_the_writing(bucket: Bucket) -> None:
    """Numbers were given to lines that are nowhere, so nothing may follow them."""
    with opened(segments_of(bucket)) as ledger:
        ledger._wall = lambda: AT.replace(tzinfo=None)
        with pytest.raises(ValueError, match="time zone"):
            ledger.sync_manifest([target(1)])
        ledger._wall = wall
        with pytest.raises(LedgerError, match="an earlier write to it failed"):
            ledger.begin_run(run_line())
    assert len(bucket.keys) == 1
