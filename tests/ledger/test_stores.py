"""What a ledger needs of a store, shown of two that have no code in common."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from batch_onboard.app.s3segments import S3Segments
from batch_onboard.ledger.errors import LedgerLockedError
from batch_onboard.ledger.segments import read_segments, verify_segments
from batch_onboard.service.objects import open_objects
from batch_onboard.service.settings import ServiceSettings
from tests.faults.proxy import Mischief, Rule, proxied
from tests.ledger.building import run_line
from tests.ledger.test_taking import Clock, opened
from tests.s3 import SERVERS, Bucket, needs_weed, new_bucket, s3_reached

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.core.s3place import S3Place

WRITERS = 16
SETTINGS = ServiceSettings(user_agent_extra="test", session_name="test")


@pytest.fixture(
    scope="module", params=["moto", pytest.param("seaweedfs", marks=needs_weed)], ids=str
)
def store(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    """A bucket of a server."""
    with s3_reached(SERVERS[request.param]) as (url, objects), new_bucket(url, objects) as bucket:
        yield bucket


def segments(bucket: Bucket, place: S3Place) -> S3Segments:
    """Return the segments of a ledger."""
    return S3Segments(place, bucket.objects, ExitStack())


@pytest.mark.no_cover
def test_of_many_that_write_one_name_at_once_one_does(store: Bucket) -> None:
    """Sixteen threads, round by round: one is told that it has, and its bytes are there."""
    for turn in range(5):
        place = store.place(f"race/{turn}")
        start, done = threading.Barrier(WRITERS), Counter[bytes]()

        def write(
            data: bytes,
            place: S3Place = place,
            start: threading.Barrier = start,
            done: Counter[bytes] = done,
        ) -> None:
            start.wait()
            done[data] += store.objects.put_new(place, data)

        threads = [threading.Thread(target=write, args=(b"%d" % n,)) for n in range(WRITERS)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert done.total() == 1
        assert store.objects.get_all([place], 100) == [next(iter(+done))]


def test_of_two_writers_the_one_that_was_overtaken_stops(store: Bucket) -> None:
    """A minute of silence, a claim, and the first can write no more; all that was written is read."""
    place = store.place("two")
    with opened(segments(store, place)) as first:
        first.begin_run(run_line("r1"))
        with opened(segments(store, place), Clock()) as second:
            second.begin_run(run_line("r2"))
            with pytest.raises(LedgerLockedError):
                first.begin_run(run_line("r3"))
    assert [run.began.run for run in read_segments(segments(store, place)).runs] == ["r1", "r2"]
    assert verify_segments(segments(store, place)).damage == ()


def test_an_answer_that_is_lost_costs_another_try(store: Bucket) -> None:
    """What is there already, with these very bytes, is one's own success (412 after it)."""
    place = store.place("lost")
    rule = Rule(Mischief.CUT_AFTER, ("PUT ",), 5)
    with proxied(store.url, rule) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        with (
            open_objects(SETTINGS) as objects,
            opened(S3Segments(place, objects, ExitStack()), Clock()) as ledger,
        ):
            for number in range(5):
                ledger.begin_run(run_line(f"r{number}"))
    assert rule.times == 0
    history = read_segments(segments(store, place))
    assert [run.began.run for run in history.runs] == [f"r{number}" for number in range(5)]
