from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_onboard.core.lifecycle import Event
from batch_onboard.core.record import Entry
from batch_onboard.core.targets import Api, TargetKey
from batch_onboard.ledger.codec import LONGEST_LINE, Seal, decode, encode, encode_entry
from batch_onboard.ledger.lines import ENTRY_LINES, EntryLine, RunLine, TargetLine
from tests.ledger.building import AT, ID, KEY, intent, run_line

parts = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]))
texts = st.none() | st.text()
entries = st.builds(
    Entry,
    st.sampled_from(Event),
    st.builds(TargetKey, parts, parts, parts),
    st.datetimes(timezones=st.just(UTC)),
    failure_code=texts,
    error_code=texts,
    message=texts,
    request_id=texts,
    encryption=texts,
    identity=texts,
    clean=st.booleans(),
    hold=st.none() | st.floats(0, 1e9),
    ours=st.booleans(),
    automatic=st.booleans(),
)


def test_a_line_is_exactly_as_documented() -> None:
    """The bytes of a line are those of the documented format, its checksum seeded with the id."""
    entry = Entry(Event.INTENDED, KEY, AT, encryption="disabled", clean=True, hold=60.0)
    sealed = (
        b'{"seq":7,"durable":5,"type":"intended","at":"2026-11-22T20:00:00.123456Z",'
        b'"target":"111122223333/eu-west-2/0f1e","encryption":"disabled","clean":true,"hold":60.0'
    )
    checksum = b"%08x" % crc32(sealed, crc32(ID.encode()))
    assert Seal(ID).line(7, 5, encode_entry(entry)) == sealed + b',"crc":"' + checksum + b'"}\n'


def test_a_line_is_json_for_any_reader() -> None:
    """A line can be read by every JSON reader, place first, type third and checksum last."""
    line = json.loads(Seal(ID).line(7, 5, encode(run_line(change_ref="CHG\n1"))))
    assert list(line)[:3] == ["seq", "durable", "type"]
    assert list(line)[-1] == "crc"
    assert line["change_ref"] == "CHG\n1"


@given(entries)
@settings(max_examples=200)
def test_every_entry_survives_the_way_through_a_line(entry: Entry) -> None:
    """What is read back has every attribute of the entry that was written."""
    line = decode(Seal(ID).line(7, 5, encode_entry(entry)))
    assert isinstance(line, EntryLine)
    assert (line.seq, line.durable, line.event) == (7, 5, entry.event)
    assert TargetKey.parse(line.target) == entry.key
    for field in fields(Entry):
        if field.name != "key":
            assert getattr(line, field.name) == getattr(entry, field.name)


def test_every_event_has_a_line() -> None:
    """No event of the life cycle lacks a type of line, and each type is the event's value."""
    for event in Event:
        line = decode(Seal(ID).line(2, 1, encode_entry(Entry(event, KEY, AT))))
        assert isinstance(line, ENTRY_LINES[event])
        assert line.event is event


@given(entries, st.integers(0))
def test_every_flipped_bit_breaks_the_seal(entry: Entry, where: int) -> None:
    """A line with any one bit flipped, its line feed included, is not intact."""
    seal = Seal(ID)
    raw = bytearray(seal.line(7, 5, encode_entry(entry)))
    assert seal.is_intact(bytes(raw))
    where %= len(raw) * 8
    raw[where // 8] ^= 1 << where % 8
    assert not seal.is_intact(bytes(raw))


def test_a_foreign_line_breaks_the_seal() -> None:
    """A line of another ledger is not intact in this one."""
    assert not Seal(ID).is_intact(Seal("f" * 32).line(7, 5, encode(run_line())))


def test_text_in_another_encoding_is_escaped() -> None:
    """A command line that is no valid Unicode is written with escapes instead of failing."""
    line = decode(Seal(ID).line(2, 1, encode(run_line(caller="caf\udce9"))))
    assert isinstance(line, RunLine)
    assert line.caller == "caf\\udce9"
    assert line.arguments == ("run", "emea.yaml")
    assert line.pid == 7


def test_times_of_other_zones_are_read_as_the_same_moment() -> None:
    """A time in another zone means the same moment after the way through a line."""
    moment = datetime(2026, 11, 22, 21, 0, tzinfo=timezone(timedelta(hours=1)))
    line = decode(Seal(ID).line(2, 1, encode_entry(replace(intent(1), at=moment))))
    assert line.at == moment


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (replace(intent(1), at=AT.replace(tzinfo=None)), "no time zone"),
        (replace(intent(1), key=TargetKey("1", "a/b", "c")), "slash"),
        (intent(1, hold=float("inf")), "no end"),
        (intent(1, hold=float("nan")), "no end"),
        (intent(1, message="x" * LONGEST_LINE), "too long"),
    ],
)
def test_what_could_not_be_read_back_is_refused(entry: Entry, reason: str) -> None:
    """An entry that no replay could read as it was is refused before it is written."""
    with pytest.raises(ValueError, match=reason):
        encode_entry(entry)


@pytest.mark.parametrize(
    "body",
    [
        b'"type":"lease","at":"2026-11-22T20:00:00Z"',
        b'"type":"gone","at":"2026-11-22T20:00:00Z","target":"a/b/c","more":1',
        b'"type":"gone","at":"yesterday","target":"a/b/c"',
        b'"type":"gone","target":"a/b/c"',
    ],
)
def test_lines_of_unknown_shape_are_refused(body: bytes) -> None:
    """An unknown type, an unknown field, a wrong value and a missing one are all errors."""
    with pytest.raises(msgspec.MsgspecError):
        decode(Seal(ID).line(2, 1, body))


def test_labels_keep_their_order() -> None:
    """A target's labels are read back in the order in which they were written."""
    labels = {"z": "1", "a": "2"}
    written = TargetLine(at=AT, target="a/b/c", api=Api.V1, encryption="disabled", labels=labels)
    read = decode(Seal(ID).line(2, 1, encode(written)))
    assert isinstance(read, TargetLine)
    assert list(read.labels.items()) == [("z", "1"), ("a", "2")]


@given(st.lists(st.binary(max_size=60)), st.data())
def test_lines_are_intact_together_if_each_is(bodies: list[bytes], data: st.DataObject) -> None:
    """Also where bytes have moved from one line to the next, so that all together are the same."""
    seal = Seal(ID)
    lines = [seal.line(seq, 0, body) for seq, body in enumerate(bodies, start=1)]
    assert seal.are_intact(lines)
    whole = bytearray(b"".join(lines))
    if whole and data.draw(st.booleans()):
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=4)))
    pieces = [
        bytes(whole[begin:end]) for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)
    ]
    assert seal.are_intact(pieces) is all(map(seal.is_intact, pieces))
