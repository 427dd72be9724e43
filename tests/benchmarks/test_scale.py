from __future__ import annotations

import json
from dataclasses import astuple
from typing import TYPE_CHECKING

import msgspec
import pytest

from batch_onboard.core.lifecycle import State
from batch_onboard.core.shard import Shard
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.history import History, RunSummary, TargetInfo
from batch_onboard.manifest.load import load_manifest
from benchmarks.scale import fleet
from benchmarks.scale.__main__ import costs
from benchmarks.scale.shards import table
from benchmarks.scale.steps import Played, Use, in_turn
from benchmarks.scale.work import Files, write_files
from benchmarks.scale.yardsticks import opening_by_lines

if TYPE_CHECKING:
    from pathlib import Path


def test_all_manifests_and_the_ledger_are_of_the_same_targets(tmp_path: Path) -> None:
    """The ledger is that of a finished run, so that a resume has nothing to do."""
    write_files(9, tmp_path)
    files = Files.within(tmp_path)
    history = read_history(files.ledger)
    for path in (files.yaml, files.table, files.manifest):
        targets = load_manifest(path).targets
        assert history.targets == {each.key: TargetInfo.of(each) for each in targets}
    assert len({key.domain for key in history.targets}) == 5
    assert [record.state for record in history.records.values()] == [State.SUCCEEDED] * 9


def test_a_step_costs_what_more_targets_add_and_is_set_beside_its_yardstick() -> None:
    """Start-up is not the targets' cost, and what has no yardstick stands alone."""
    one = {"lines, typed": Use(0.5, 1000), "status": Use(1.0, 2000), "run": Use(1.0, 0)}
    many = {"lines, typed": Use(1.5, 1000), "status": Use(3.0, 3000), "run": Use(2.0, 0)}
    found = costs(1001, one, many)
    assert astuple(found["status"]) == pytest.approx((2000, 1.0, 2.0))
    assert found["run"].times is None


def test_a_size_without_a_yardstick_is_set_beside_that_of_a_smaller_one() -> None:
    """Where no manifest of YAML can be so large, what a target of a smaller one takes counts."""
    one = {"yaml alone": Use(0.5, 0), "validate, csv": Use(1.0, 0)}
    before = costs(101, one, {"yaml alone": Use(1.5, 0), "validate, csv": Use(1.5, 0)})
    found = costs(1001, one, {"validate, csv": Use(6.0, 0)}, before)
    assert list(found) == ["validate, csv"]
    assert found["validate, csv"].times == pytest.approx(0.5)


def test_opening_is_measured_in_turn_with_its_yardstick(tmp_path: Path) -> None:
    """The ledger that is opened ends with a checkpoint, as that of a finished run does."""
    write_files(600, tmp_path)
    ledger = Files.within(tmp_path).ledger
    assert json.loads(ledger.read_bytes().splitlines()[-1])["type"] == "checkpoint"
    found = in_turn(tmp_path)
    assert 0 < found.times < 100
    assert 0 < found.seconds < 1
    opening_by_lines(ledger)


def test_shards_are_set_beside_one_process() -> None:
    """By the time of the longest, and the processor time of all."""
    alone = Played([Use(10.0, 2**20)], 12.0, Use(3.0, 0))
    two = Played([Use(6.0, 2**20), Use(5.0, 2**20)], 8.0, Use(3.0, 0))
    *_, first, second, last = table(1_000, alone, two).splitlines()
    assert first.split()[:5] == ["1", "process", "12.0", "s", "10.00"]
    assert second.split()[:5] == ["2", "shards", "8.0", "s", "11.00"]
    assert last == "shards: 1.50 x as fast, 1.10 x the CPU"


def test_what_a_batch_begins_with_is_not_counted_to_its_targets() -> None:
    """A line through two batches: what is left without a target is what either begins with."""
    found = fleet.Cost.of(100, took(3.0, 1.0), 1_100, took(8.0, 7.0))
    assert astuple(found) == pytest.approx((2.5, 0.005, 7.0))


def test_workers_are_set_beside_one_process_and_beside_as_many() -> None:
    """Medians of what each round compares within itself, and how far the rounds are apart."""
    two, workers = fleet.Contender(2), fleet.Contender(2, dask=True)
    rounds = [
        {
            fleet.ALONE: fleet.Cost(2.0, each, 9.0),
            two: fleet.Cost(4.0, each * 1.1, 6.0),
            workers: fleet.Cost(6.0, each * times, 7.0),
        }
        for each, times in ((0.005, 1.21), (0.006, 1.32), (0.005, 1.43))
    ]
    rows = [" ".join(row.split()) for row in fleet.table(1_000, rounds).splitlines()[1:]]
    assert rows == [
        "asyncio, 1 2.0 s 5.00 ms 1.00 x (1.00 to 1.00) 1.00 x 9.0 s",
        "asyncio, 2 4.0 s 5.50 ms 1.10 x (1.10 to 1.10) 1.00 x 6.0 s",
        "dask, 2 6.0 s 7.15 ms 1.32 x (1.21 to 1.43) 1.20 x 7.0 s",
    ]
    assert fleet.line(rounds[0]) == "asyncio, 1 5.00 ms, asyncio, 2 5.50 ms, dask, 2 6.05 ms"


@pytest.mark.parametrize(
    ("busy", "processes", "told"),
    [
        pytest.param([True, True], [7, 8], None, id="all"),
        pytest.param([True, False], [7, 8], "1 shard had no target", id="a-shard"),
        pytest.param([True, True], [7, 7], "1 worker had no shard", id="a-worker"),
    ],
)
def test_a_fleet_of_which_a_part_is_idle_is_no_measure(
    tmp_path: Path, busy: list[bool], processes: list[int], told: str | None
) -> None:
    """What only the larger batch needs once would be taken for what each target costs."""
    write_files(2, tmp_path)
    finished = read_history(Files.within(tmp_path).ledger)
    began = finished.runs[0].began
    histories = []
    for index, process in enumerate(processes):
        run = msgspec.structs.replace(began, shard=Shard(index, len(busy)), pid=process)
        history = History(finished.header, runs=[RunSummary(run)])
        if busy[index]:
            history.records = finished.records
        histories.append(history)
    assert fleet.idle_part(histories, 2) == told


def took(cpu: float, seconds: float) -> Played:
    """What a command has taken."""
    return Played([Use(cpu, 0)], seconds, Use(0.0, 0))
