from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from batch_onboard.app.batch import open_batch
from batch_onboard.app.histories import history_of, keep_apart
from batch_onboard.app.planfile import PlanFileError, load_plan, save_plan
from batch_onboard.app.planning import Plan
from batch_onboard.app.scope import select
from batch_onboard.app.settings import Settings
from batch_onboard.core.forecast import Forecast
from batch_onboard.core.lifecycle import State
from batch_onboard.core.record import Record
from batch_onboard.core.selection import Selection, SelectionError, Selector
from batch_onboard.core.shard import Shard
from batch_onboard.core.targets import Api, Encryption, Identity, Target, TargetKey
from batch_onboard.ledger.errors import LedgerUnusableError
from batch_onboard.ledger.history import History, RunSummary
from batch_onboard.ledger.lines import MergedLine
from batch_onboard.manifest.load import Manifest, load_manifest
from tests.cli.conftest import instance, manifest
from tests.ledger.building import AT, HEADER, run_line

if TYPE_CHECKING:
    from pathlib import Path

UNTOUCHED = Record()


def target(number: int, name: str = "a", wave: int = 1) -> Target:
    """A target of a numbered account."""
    key = TargetKey(f"{number:012}", "eu-west-2", name)
    return Target(key, Api.V1, Identity(), Encryption(enabled=False), wave=wave)


TARGETS = [target(number, name) for number in range(40) for name in ("a", "b")]


def chosen(shard: Shard, *include: str, state: State = State.PENDING) -> list[Target]:
    """What a shard does, when its ledger knows this of each of its own targets."""
    settings = Settings(
        shard=shard, selection=Selection(tuple(Selector.parse(each) for each in include))
    )
    own = set(shard.own(TARGETS))
    return select(TARGETS, settings, lambda each: Record(state) if each in own else UNTOUCHED)


def test_the_shards_of_a_batch_are_all_of_it_and_nothing_twice() -> None:
    """In each the targets stand in the manifest's order, those of a domain together."""
    parts = [chosen(Shard(index, 7)) for index in range(7)]
    assert sorted((each for part in parts for each in part), key=TARGETS.index) == TARGETS
    for part in parts:
        assert part == sorted(part, key=TARGETS.index)
        assert {each.key.instance_id for each in part} <= {"a", "b"}
        assert len(part) == 2 * len({each.key.domain for each in part})


def test_a_selector_that_fits_elsewhere_leaves_a_shard_with_nothing() -> None:
    """Else every other task of an array job would fail."""
    found = [chosen(Shard(index, 7), "account_id=000000000003") for index in range(7)]
    assert sorted(map(len, found)) == [0, 0, 0, 0, 0, 0, 2]


def test_a_selector_that_fits_nowhere_is_an_error_in_each_shard() -> None:
    """A mistyped account does not look like a batch that is done."""
    with pytest.raises(SelectionError, match="account_id=999 matches no target"):
        chosen(Shard(0, 7), "account_id=999")


def test_what_only_ledgers_know_selects_within_the_shard() -> None:
    """Of other shards' targets its ledger knows nothing, so they prove nothing."""
    shard = Shard(2, 7)
    assert chosen(shard, "state=failed", state=State.FAILED) == shard.own(TARGETS)
    assert chosen(shard, "state=failed") == []


def history(*shards: Shard | None, merged: bool = False) -> History:
    """A ledger of which runs of these shards tell."""
    runs = [RunSummary(run_line(f"r{number}", shard=each)) for number, each in enumerate(shards)]
    lines = [MergedLine(at=AT, ledgers=("a", "b"), tool="0")] if merged else []
    return History(HEADER, runs, merged=lines)


@pytest.mark.parametrize(
    ("known", "asked", "told"),
    [
        (history(Shard(2, 8)), Shard(3, 8), "of shard 2 of 8, not of shard 3 of 8: name another"),
        (history(Shard(2, 8)), Shard(2, 4), "of shard 2 of 8, not of shard 2 of 4"),
        (history(Shard(2, 8)), None, "--shard-index 2 --shard-count 8, or make one ledger"),
        (history(None), Shard(3, 8), "of the whole batch, not of shard 3 of 8"),
        (history(Shard(0, 2), Shard(1, 2), merged=True), Shard(1, 2), "of the whole batch"),
    ],
)
def test_a_ledger_is_bound_to_its_shard(
    tmp_path: Path, known: History, asked: Shard | None, told: str
) -> None:
    """Whoever mixes them up is told what to do; nothing is sent."""
    with pytest.raises(LedgerUnusableError) as refusal:
        keep_apart(known, tmp_path / "x.ledger.jsonl", simulate=False, shard=asked)
    assert told in str(refusal.value)


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        (history(), Shard(2, 8)),
        (history(Shard(2, 8)), Shard(2, 8)),
        (history(Shard(0, 2), Shard(1, 2), merged=True), None),
        (history(None), None),
    ],
)
def test_its_own_shard_goes_on_with_a_ledger(
    tmp_path: Path, known: History, asked: Shard | None
) -> None:
    """A merged ledger is the whole batch's, whatever the runs before the merge were."""
    keep_apart(known, tmp_path / "x.ledger.jsonl", simulate=False, shard=asked)


@pytest.fixture
def wave(tmp_path: Path) -> Manifest:
    """A manifest of six accounts."""
    path = tmp_path / "wave.yaml"
    path.write_text(manifest(*(instance("a", account=f"{number:012}") for number in range(6))))
    return load_manifest(path)


def test_a_shards_ledger_covers_its_targets_only(tmp_path: Path, wave: Manifest) -> None:
    """So the counts of all ledgers add up to the manifest's targets."""
    shard = Shard(1, 2)
    settings = Settings(shard=shard)
    with open_batch(wave, tmp_path / "x.ledger.jsonl", settings) as batch:
        assert batch.targets == shard.own(wave.targets)
        assert batch.tally.statistics().states == {State.PENDING: len(batch.targets)}
        batch._begin(None)
        assert list(batch.ledger.history.targets) == [each.key for each in batch.targets]
    known = history_of(tmp_path / "x.ledger.jsonl", "wave", simulate=False, shard=shard)
    assert known.shard == shard


def kept(path: Path, wave: Manifest, shard: Shard | None) -> Path:
    """A plan in a file."""
    save_plan(path, Plan(AT, (), Forecast()), wave, Settings(shard=shard))
    return path


def test_a_plan_of_one_shard_is_of_no_other(tmp_path: Path, wave: Manifest) -> None:
    """A run that it is bound to takes the shard from it, or says that it can't be another."""
    approved = load_plan(kept(tmp_path / "p", wave, Shard(1, 2)), wave, simulate=False)
    assert approved.bind(Settings()).shard == Shard(1, 2)
    assert approved.bind(Settings(shard=Shard(1, 2))).shard == Shard(1, 2)
    with pytest.raises(PlanFileError, match="made with shard 1 of 2"):
        approved.bind(Settings(shard=Shard(0, 2)))


def test_a_plan_of_all_is_done_shard_by_shard(tmp_path: Path, wave: Manifest) -> None:
    """One approval is enough for an array job."""
    approved = load_plan(kept(tmp_path / "p", wave, None), wave, simulate=False)
    assert approved.bind(Settings(shard=Shard(0, 2))).shard == Shard(0, 2)
    assert approved.bind(Settings()).shard is None
