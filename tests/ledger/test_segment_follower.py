from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from batch_onboard.ledger import segment_follower
from batch_onboard.ledger.errors import LedgerDamagedError, LedgerUnusableError
from batch_onboard.ledger.segment_follower import SegmentFollower
from batch_onboard.ledger.segments import read_segments
from tests.faults.proxy import Mischief, Rule
from tests.ledger.building import AT, run_line, target
from tests.ledger.test_taking import Clock, behind, opened, segments_of

if TYPE_CHECKING:
    from batch_onboard.app.s3segments import S3Segments
    from batch_onboard.ledger.lines import Line
    from tests.s3 import Bucket


class Counting:
    """Segments that count how often they are asked."""

    def __init__(self, store: S3Segments) -> None:
        self._store = store
        self.place = store.place
        self.lists = 0
        self.read: list[int] = []

    def numbers(self, after: int = 0) -> list[int]:
        """List."""
        self.lists += 1
        return self._store.numbers(after)

    def read_all(self, numbers: Any) -> list[bytes | None]:
        """Read."""
        self.read += numbers
        return self._store.read_all(numbers)


def follower(store: Any, seen: list[Line], clock: Clock | None = None) -> SegmentFollower:
    """Follow segments."""
    return SegmentFollower(store, seen.append, (clock or Clock()).timing)


def test_a_look_costs_one_list_and_what_is_new(bucket: Bucket) -> None:
    """Each segment is read once, each line is told once, and all is known that a reader knows."""
    seen: list[Line] = []
    store = Counting(segments_of(bucket))
    with opened(segments_of(bucket)) as ledger:
        reader = follower(store, seen)
        reader.catch_up()
        ledger.begin_run(run_line())
        for look in (2, 3):
            reader.catch_up()
            assert store.lists == look
        ledger.sync_manifest([target(1), target(2)])
        history = reader.catch_up()
        assert store.read == sorted(set(store.read))
        assert history.targets.keys() == {target(1).key, target(2).key}
        assert history.written == AT
        assert reader.is_held()
    assert reader.catch_up() == read_segments(segments_of(bucket))
    assert not reader.is_held()
    assert [line.seq for line in seen] == list(range(2, len(seen) + 2))


def test_one_look_reads_only_so_many(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is more is read at the next looks."""
    monkeypatch.setattr(segment_follower, "_MOST", 2)
    with opened(segments_of(bucket)) as ledger:
        reader = follower(segments_of(bucket), [])
        reader.catch_up()
        for number in range(5):
            ledger.begin_run(run_line(f"r{number}"))
        assert [len(reader.catch_up().runs) for _ in range(4)] == [2, 4, 5, 5]


def test_a_holder_that_is_silent_is_taken_for_dead(bucket: Bucket) -> None:
    """After a minute by one's own clock; a line of it is a sign of life."""
    clock = Clock()
    reader = follower(segments_of(bucket), [], clock)
    assert not reader.is_held()
    with opened(segments_of(bucket)) as ledger:
        reader.catch_up()
        clock.now += 59
        assert reader.is_held()
        ledger.begin_run(run_line())
        reader.catch_up()
        clock.now += 59
        assert reader.is_held()
        clock.now += 1
        assert not reader.is_held()


def test_what_can_not_be_followed_is_told(bucket: Bucket) -> None:
    """No ledger, a segment that was cut, and a store that refuses."""
    with pytest.raises(LedgerUnusableError, match="there is no ledger"):
        follower(segments_of(bucket), []).catch_up()
    opened(segments_of(bucket)).close()
    reader = follower(segments_of(bucket), [])
    reader.catch_up()
    bucket.put("emea/0000000003.jsonl", bucket.get("emea/0000000002.jsonl")[:-9])
    with pytest.raises(LedgerDamagedError):
        reader.catch_up()
    rule = Rule(Mischief.ANSWER, ("GET ",), None, b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
    with behind(bucket, rule) as store, pytest.raises(LedgerUnusableError, match="s3:ListBucket"):
        follower(store, []).catch_up()
