from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from anyio import CancelScope, create_task_group

from batch_onboard.core.targets import Api, Encryption
from batch_onboard.ledger.errors import LedgerUnusableError
from batch_onboard.ledger.lines import FORMAT
from batch_onboard.ledger.sync import ManifestChanges
from tests.ledger.building import AT, intent, key, run_line, target
from tests.ledger.homes import Home

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.core.ports import Journal
    from batch_onboard.ledger.journal import FileJournal
    from tests.s3 import Bucket


@pytest.fixture(params=["file", "s3"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """A place where a ledger will be: what is promised here holds in each."""
    if request.param == "file":
        return Home(tmp_path / "emea.ledger.jsonl")
    bucket: Bucket = request.getfixturevalue("bucket")
    return Home(bucket.place(), bucket)


def targets_in(home: Home) -> list[str]:
    """Return the targets that the entries of a ledger are about."""
    return [line["target"] for line in home.lines()[1:]]


def test_a_new_ledger_begins_with_a_header(home: Home) -> None:
    """The header names tool and manifest, and nothing about the batch stands there yet."""
    with home.open() as ledger:
        assert ledger.created
        assert ledger.is_certain()
        assert ledger.warnings == ()
        assert ledger.history.cut is None
    (header,) = home.lines()
    assert (header["type"], header["format"], header["manifest"]) == ("ledger", FORMAT, "emea")
    assert header["tool"] == "0.1.0"
    assert not home.history().runs


def test_numbers_go_on_after_reopening(home: Home) -> None:
    """A later run goes on where the one before ended, and calls all of that durable."""
    with home.open() as ledger:
        ledger.begin_run(run_line("r1"))
    with home.open() as ledger:
        assert not ledger.created
        ledger.begin_run(run_line("r2"))
    first, second = home.lines()[1:]
    assert first["durable"] == first["seq"] - 1
    assert second["durable"] == second["seq"] - 1
    assert [each.began.run for each in home.history().runs] == ["r1", "r2"]


def test_a_run_is_told_from_beginning_to_end(home: Home) -> None:
    """What began and ended a run is in the open history at once, and in the ledger."""
    with home.open() as ledger:
        ledger.begin_run(run_line("r1", change_ref="CHG-1"))
        ledger.end_run("r1", 3, "finished")
        told = ledger.history.runs
    assert told[0].ended is not None
    assert home.history().runs[0].began.change_ref == "CHG-1"
    assert home.lines()[-1]["exit_code"] == 3


def test_a_manifest_is_kept_by_its_changes(home: Home) -> None:
    """Only what is new, different or gone in a manifest is written, whatever its order."""
    with home.open() as ledger:
        first = ledger.sync_manifest([target(1), target(2), target(3)])
        again = ledger.sync_manifest([target(3), target(2), target(1)])
        other = ledger.sync_manifest(
            [target(2, wave=2, labels=(("a", "b"),)), target(4, accept_drift="CHG-1"), target(1)]
        )
        live = ledger.history
        history = home.history()
    assert first == ManifestChanges(added=3)
    assert again == ManifestChanges()
    assert other == ManifestChanges(added=1, changed=1, gone=1)
    assert len(home.lines()) == 1 + 3 + 3
    assert (history.targets, history.removed) == (live.targets, live.removed)
    assert history.targets.keys() == {key(1), key(2), key(4)}
    assert history.removed.keys() == {key(3)}
    assert history.targets[key(2)].labels == (("a", "b"),)
    assert history.targets[key(1)].api is Api.V1
    assert history.targets[key(1)].encryption == str(Encryption(enabled=False))


@pytest.mark.no_cover
def test_a_large_manifest_is_few_groups(home: Home) -> None:
    """Thousands of lines are made durable together: marks are few, and rise."""
    with home.open() as ledger:
        ledger.sync_manifest(target(number) for number in range(10_000))
        ledger.sync_manifest(target(number) for number in range(30_000))
    marks = [line["durable"] for line in home.lines()[1:]]
    assert marks == sorted(marks)
    assert len(set(marks)) < 10
    assert len(home.history().targets) == 30_000


def test_a_ledger_can_be_read_while_a_run_writes_it(home: Home) -> None:
    """Neither reading nor verifying waits for the holder, and nothing is changed by it."""
    with home.open() as ledger:
        ledger.begin_run(run_line())
        before = home.raw()
        assert len(home.history().runs) == 1
        found = home.verify()
        assert (found.damage, found.tail, found.runs) == ((), None, 1)
        assert home.raw() == before


def test_every_line_can_be_verified(home: Home) -> None:
    """Every line of a ledger stands there with its number, mark and checksum."""
    with home.open() as ledger:
        ledger.begin_run(run_line("r1"))
        ledger.begin_run(run_line("r2"))
    found = home.verify()
    assert found.lines == found.intact == home.raw().count(b"\n")
    assert found.durable >= found.lines - 1
    numbers = [line["seq"] for line in home.lines()]
    assert all(one < other for one, other in itertools.pairwise(numbers))


def test_a_ledger_that_is_not_there_is_named(home: Home) -> None:
    """Reading or verifying what nobody has written is an error that names the place."""
    for read in (home.history, home.verify):
        with pytest.raises(LedgerUnusableError, match=r"emea.* can't be used: the"):
            read()


def test_another_manifests_ledger_is_opened_with_a_warning(home: Home) -> None:
    """A manifest may be renamed, but a ledger that was made for another name is pointed out."""
    home.open().close()
    with home.open(manifest_name="apac") as ledger:
        assert len(ledger.warnings) == 1
        assert "'emea', not for 'apac'" in ledger.warnings[0]


def test_closing_twice_is_harmless(home: Home) -> None:
    """A ledger that was closed within its context is not closed again."""
    with home.open() as ledger:
        ledger.close()
        with home.open():
            pass
    assert ledger.history.header.at == AT


def test_a_closed_ledger_takes_nothing(home: Home) -> None:
    """What is added after closing is an error that names the place."""
    ledger = home.open()
    ledger.close()
    assert not ledger.is_certain()
    with pytest.raises(LedgerUnusableError, match=r"emea.* can't be used: .*it is closed"):
        ledger.begin_run(run_line())


@pytest.mark.asyncio
async def test_a_written_entry_is_there(home: Home) -> None:
    """When `write` returns, the entries can be read, in the order of their hand-over."""
    with home.open() as ledger:
        async with ledger.journal() as journal:
            conforming: Journal = journal
            await conforming.write(intent(1), intent(2))
            assert targets_in(home) == [str(key(1)), str(key(2))]
            conforming.write_nowait(intent(3))
            await conforming.write()
            assert targets_in(home)[2:] == [str(key(3))]


@pytest.mark.asyncio
async def test_the_journal_leaves_the_records_to_the_engine(home: Home) -> None:
    """An entry is applied once, by whom it happened to: the journal only writes it."""
    with home.open() as ledger:
        entry = intent(1)
        ledger.history.record(entry.key).apply(entry)
        async with ledger.journal() as journal:
            await journal.write(entry)
        assert ledger.history.records == home.history().records


@pytest.mark.asyncio
async def test_many_writers_share_few_commits(home: Home) -> None:
    """A thousand concurrent writers are made durable in a handful of groups, and in order."""

    async def write_two(journal: FileJournal, number: int) -> None:
        await journal.write(intent(number))
        await journal.write(intent(1000 + number))

    with home.open() as ledger:
        async with ledger.journal() as journal, create_task_group() as group:
            for number in range(1000):
                group.start_soon(write_two, journal, number)
    lines = home.lines()[1:]
    assert [line["seq"] for line in lines] == list(range(lines[0]["seq"], lines[0]["seq"] + 2000))
    assert len({line["durable"] for line in lines}) < 10
    assert len(home.history().records) == 2000


@pytest.mark.asyncio
async def test_leaving_saves_what_nobody_waited_for(home: Home) -> None:
    """Entries that were handed over just before the end are saved."""
    with home.open() as ledger:
        async with ledger.journal() as journal:
            journal.write_nowait(intent(1))
        assert targets_in(home) == [str(key(1))]
        ledger.begin_run(run_line())
    assert len(home.history().runs) == 1


@pytest.mark.asyncio
async def test_leaving_by_cancellation_saves_too(home: Home) -> None:
    """A run that is cancelled has saved what it handed over when the journal is left."""
    with home.open() as ledger:
        with CancelScope() as scope:
            async with ledger.journal() as journal:
                journal.write_nowait(intent(1))
                scope.cancel()
                await journal.write(intent(2))
        assert scope.cancelled_caught
        assert targets_in(home) == [str(key(1)), str(key(2))]
