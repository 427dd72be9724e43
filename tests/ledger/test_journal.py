from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from anyio import CancelScope, create_task_group

from batch_onboard.core.calls import Operation
from batch_onboard.core.ports import JournalError
from batch_onboard.ledger.appender import Appender
from batch_onboard.ledger.codec import Seal, encode_entry
from batch_onboard.ledger.errors import LedgerUnusableError
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.journal import FileJournal
from batch_onboard.ledger.lines import PacedLine
from batch_onboard.ledger.trail import Trail
from tests.ledger.building import AT, ID, intent, key, opened, run_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from batch_onboard.core.record import Entry
    from batch_onboard.ledger.ledger import Ledger

pytestmark = pytest.mark.asyncio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of a test will be."""
    return tmp_path / "emea.ledger.jsonl"


@pytest.fixture
def pipe() -> Iterator[tuple[int, Appender]]:
    """A file that takes what is written, but can't be synced: a pipe, for real."""
    read, write = os.pipe()
    appender = Appender(write, Seal(ID), 1, Trail())
    yield read, appender
    appender.close()
    os.close(read)


def in_file(path: Path) -> list[str]:
    """Return the targets that the entries in a file are about."""
    return [line["target"] for line in lines_in(path)[1:]]


def lines_in(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a ledger, as any JSON reader has them."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def appender_of(ledger: Ledger) -> Appender:
    """Return what writes to a ledger's file."""
    appender = ledger._appender
    assert isinstance(appender, Appender)
    return appender


async def taken(journal: FileJournal) -> None:
    """Return when the writer has taken all that was handed over into a commit."""
    while journal._group.wanted:  # noqa: ASYNC110 - the journal tells it to nobody else
        await asyncio.sleep(0)


async def test_leaving_by_an_error_saves_too_and_keeps_the_error(path: Path) -> None:
    """An exception passes through the journal as it is, after what was handed over is saved."""

    async def live(ledger: Ledger) -> None:
        async with ledger.journal() as journal:
            journal.write_nowait(intent(1))
            raise ZeroDivisionError

    with opened(path) as ledger:
        with pytest.raises(ZeroDivisionError):
            await live(ledger)
        assert in_file(path) == [str(key(1))]


async def test_a_cancelled_writer_disturbs_nobody(path: Path) -> None:
    """A caller that is cancelled while it waits takes nothing back, and others are not touched."""
    saved: list[int] = []

    async def write(journal: FileJournal, number: int, scope: CancelScope) -> None:
        with scope:
            await journal.write(intent(number))
            saved.append(number)

    scopes = [CancelScope() for _ in range(4)]
    with opened(path) as ledger:
        async with ledger.journal() as journal, create_task_group() as group:
            with appender_of(ledger)._lock:  # the first commit waits here, as for a slow disk
                for number in (0, 1):
                    group.start_soon(write, journal, number, scopes[number])
                await asyncio.sleep(0)
                await taken(journal)
                for number in (2, 3):
                    group.start_soon(write, journal, number, scopes[number])
                await asyncio.sleep(0)
                scopes[0].cancel()
                scopes[2].cancel()
        assert saved == [1, 3]
        assert in_file(path) == [str(key(number)) for number in range(4)]


async def test_an_entry_that_cannot_be_written_harms_only_its_caller(path: Path) -> None:
    """What is refused before it is handed over breaks nothing."""
    with opened(path) as ledger:
        async with ledger.journal() as journal:
            with pytest.raises(ValueError, match="no end"):
                await journal.write(intent(1), intent(2, hold=float("inf")))
            await journal.write(intent(3))
    assert in_file(path) == [str(key(3))]


async def test_a_failed_fsync_fails_everyone_and_is_never_retried(
    pipe: tuple[int, Appender],
) -> None:
    """Those in the group, those behind it and all later callers learn of it; nothing more is sent."""
    read, appender = pipe
    errors: list[JournalError] = []

    async def write(journal: FileJournal, entry: Entry) -> None:
        with pytest.raises(JournalError) as caught:
            await journal.write(entry)
        errors.append(caught.value)

    async def live() -> None:
        async with FileJournal.running(appender, "x.jsonl") as journal:
            async with create_task_group() as group:
                with appender._lock:
                    group.start_soon(write, journal, intent(1))
                    await asyncio.sleep(0)
                    await taken(journal)
                    group.start_soon(write, journal, intent(2))
                    await asyncio.sleep(0)
            await write(journal, intent(3))
            with pytest.raises(JournalError):
                journal.write_nowait(intent(4))

    with pytest.raises(JournalError):
        await live()
    assert [str(error) for error in errors] == ["x.jsonl can't be written: Invalid argument"] * 3
    assert {error.lost for error in errors} == {(intent(1), intent(2))}
    assert os.read(read, 1 << 16) == Seal(ID).line(2, 1, encode_entry(intent(1)))
    with pytest.raises(OSError, match="an earlier write to it failed"):
        appender.commit([])


async def test_a_failure_while_leaving_is_told(pipe: tuple[int, Appender]) -> None:
    """Entries that are lost in the last flush, for which nobody waits, raise on leaving."""

    async def live() -> None:
        async with FileJournal.running(pipe[1], "x.jsonl") as journal:
            journal.write_nowait(intent(1))

    with pytest.raises(JournalError) as caught:
        await live()
    assert caught.value.lost == (intent(1),)


async def test_a_writer_that_stops_leaves_nobody_waiting(path: Path) -> None:
    """Whatever ends the writing task, callers get an error instead of waiting for ever."""

    async def live(ledger: Ledger) -> None:
        before = asyncio.all_tasks()
        async with ledger.journal() as journal:
            (writer,) = asyncio.all_tasks() - before
            await asyncio.sleep(0)
            writer.cancel()
            with pytest.raises(JournalError, match="its writer has stopped") as caught:
                await journal.write(intent(1))
            assert caught.value.lost == (intent(1),)

    with opened(path) as ledger, pytest.raises(asyncio.CancelledError):
        await live(ledger)


async def test_a_journal_that_was_left_takes_nothing(path: Path) -> None:
    """Handing over after the end is an error, not a silent loss."""
    with opened(path) as ledger:
        async with ledger.journal() as journal:
            pass
        with pytest.raises(JournalError, match="its writer has stopped"):
            journal.write_nowait(intent(1))


async def test_a_closed_ledger_takes_nothing(path: Path) -> None:
    """What is added after closing is an error that names the file."""
    ledger = opened(path)
    ledger.close()
    with pytest.raises(LedgerUnusableError, match=r"jsonl can't be used: an earlier write to it"):
        ledger.begin_run(run_line())


def append(path: Path) -> None:
    """Write to a ledger past its lock."""
    with path.open("ab") as other:
        other.write(b"{}\n")


def cut_short(path: Path) -> None:
    """Take a byte off a ledger's end."""
    os.truncate(path, path.stat().st_size - 1)


@pytest.mark.parametrize("change", [append, cut_short])
async def test_a_file_that_something_else_has_changed_takes_no_further_entry(
    path: Path, change: Callable[[Path], None]
) -> None:
    """Two runs past one lock would start things twice: the first to write after the other stops."""

    async def live(ledger: Ledger) -> None:
        async with ledger.journal() as journal:
            await journal.write(intent(1))
            change(path)
            await journal.write(intent(2))

    with opened(path) as ledger:
        changed = "something else has written to it or cut it short"
        with pytest.raises(JournalError, match=changed):
            await live(ledger)


def paced(**more: Any) -> PacedLine:
    """A sample of a run's pace."""
    return PacedLine(at=AT, run="r1", seconds=1.0, calls=8, throttled=1, **more)


async def test_a_run_s_pace_costs_no_write_of_its_own(path: Path) -> None:
    """A sample waits for the next entry, or for the end, and is read back as it was kept."""
    rate = ("111122223333/eu-west-2", Operation.START, 2.5)
    with opened(path) as ledger:
        async with ledger.journal() as journal:
            ledger.keep_paced(paced(rates=(rate,)), journal)
            await asyncio.sleep(0)
            assert len(lines_in(path)) == 1
            await journal.write(intent(1))
            assert [line["type"] for line in lines_in(path)[1:]] == ["paced", "intended"]
            ledger.keep_paced(paced(), journal)
        assert len(lines_in(path)) == 4
        assert [line.rates for line in ledger.history.paced] == [(rate,), ()]
    assert [line.rates for line in read_history(path).paced] == [(rate,), ()]


async def test_a_ledger_of_an_older_format_keeps_no_pace(path: Path) -> None:
    """Whoever wrote it can go on to read it: it gets no line that format 1 does not have."""
    with opened(path) as ledger:
        ledger.history.header = msgspec.structs.replace(ledger.history.header, format=1)
        async with ledger.journal() as journal:
            ledger.keep_paced(paced(), journal)
        assert (ledger.history.paced, len(lines_in(path))) == ([], 1)


@pytest.mark.parametrize(("before", "commits"), [(4, 1), (1, 2)])
async def test_after_a_large_group_those_on_their_way_join(
    path: Path, before: int, commits: int
) -> None:
    """An entry that comes two turns of the loop after another shares its fsync under load only."""

    async def write_late(journal: FileJournal) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await journal.write(intent(9))

    with opened(path) as ledger:
        async with ledger.journal() as journal:
            await journal.write(*(intent(number) for number in range(before)))
            async with create_task_group() as group:
                group.start_soon(journal.write, intent(8))
                group.start_soon(write_late, journal)
    durable = {line["target"]: line["durable"] for line in lines_in(path)[1:]}
    assert len({durable[str(key(number))] for number in (8, 9)}) == commits
