"""Real shards, with ledgers on disk, on the real simulator, as tasks of this process."""

from __future__ import annotations

import logging
import signal
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from batch_onboard.app.clock import now_utc
from batch_onboard.app.ledgers import open_any_ledger, unlock_any
from batch_onboard.app.outcome import Outcome
from batch_onboard.app.planfile import load_plan
from batch_onboard.app.settings import Settings
from batch_onboard.core.lifecycle import State
from batch_onboard.core.shard import Shard
from batch_onboard.core.steps import Rules
from batch_onboard.core.tolerance import Tolerance
from batch_onboard.exits import Exit
from batch_onboard.fleet.fleet import Fleet
from batch_onboard.fleet.home import find_home
from batch_onboard.fleet.inprocess import InProcess, open_in_process
from batch_onboard.fleet.port import Begun, End, Held, Message, Order, Report
from batch_onboard.fleet.standing import Standing
from batch_onboard.fleet.working import work
from batch_onboard.manifest.load import load_manifest
from batch_onboard.report.results import results
from batch_onboard.report.summary import summarize
from batch_onboard.simulator.scenario import load_scenario
from batch_onboard.versions import tool_version
from tests.cli.conftest import instance, manifest
from tests.cli.test_reading_commands import call
from tests.fleet.conftest import spread
from tests.fleet.world import Told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from batch_onboard.fleet.port import Part
    from tests.s3 import Bucket

FAST = "defaults: {job_duration: {min: 0.2, max: 0.4}}\nthrottle: {rate: null}\n"
LONG = "defaults: {job_duration: {min: 60, max: 60}}\nthrottle: {rate: null}\n"
BAD = (
    FAST
    + 'instances: [{match: {instance_id: "bad*"}, outcome: FAILED, failure_code: KMS_KEY_NOT_FOUND}]\n'
)


class Lab:
    """A manifest and a scenario in a folder."""

    def __init__(self, folder: Path, text: str, scenario: str = FAST) -> None:
        self.manifest = folder / "wave.yaml"
        self.manifest.write_text(text)
        self._scenario = folder / "scenario.yaml"
        self._scenario.write_text(scenario)
        self.told = Told()

    def fleet(self, *, shards: int = 2, least: int = logging.WARNING, **asked: Any) -> Fleet:
        """Prepare a run."""
        settings = Settings(scenario=load_scenario(self._scenario), rate=200.0, burst=200.0)
        settings = replace(settings, **asked)
        loaded = load_manifest(self.manifest)
        home = find_home(self.manifest, None, simulate=True, count=(None, shards))
        return Fleet(
            loaded,
            home,
            settings,
            audience=self.told,
            least=least,
            silence=60.0,
        )

    def run(self, **asked: Any) -> tuple[Outcome, Fleet]:
        """Prepare a run, and run it in this process."""
        fleet = self.fleet(**asked)
        return anyio.run(fleet.run, open_in_process), fleet


def states(fleet: Fleet) -> dict[str, int]:
    """Return how many targets stand in which state."""
    summary = summarize(results(fleet.ledger.history)).states
    return {state.value: number for state, number in summary.items() if number}


def test_a_batch_is_done_by_its_shards_and_known_as_one(tmp_path: Path) -> None:
    """All ledgers together say that all is done; the next run has nothing to do, without workers."""
    lab = Lab(tmp_path, spread(12))
    fleet = lab.fleet()
    assert fleet.ledger.created
    assert len(fleet.targets) == 12
    assert fleet.forecast.most > 0
    outcome = anyio.run(fleet.run, open_in_process)
    assert outcome == Outcome(Exit.OK, "done")
    assert states(fleet) == {"succeeded": 12}
    assert sorted(path.name for path in (tmp_path / "wave.simulated.ledgers").glob("*.jsonl")) == [
        f"wave.simulated.shard-{index}-of-2.ledger.jsonl" for index in range(2)
    ]
    counted = fleet.tally.statistics()
    assert (counted.over, counted.selected, counted.starts) == (12, 12, 12)
    assert fleet.progress(0.0).picture(7.0).elapsed == 7.0

    again, fleet = lab.run()
    assert again == Outcome(Exit.OK, "nothing to do")
    assert not fleet.ledger.created
    assert len(fleet.ledger.history.runs) == 4


def test_a_shard_of_an_array_job_goes_on_with_its_ledger(tmp_path: Path) -> None:
    """Both ways have the same names and the same bounds, so each goes on with the other's."""
    lab = Lab(tmp_path, spread(12))
    lab.run()
    place = tmp_path / "wave.simulated.ledgers" / "wave.simulated.shard-1-of-2.ledger.jsonl"
    with open_any_ledger(place, manifest_name="wave", tool_version="0", wall=now_utc) as ledger:
        assert ledger.history.shard == Shard(1, 2)


@pytest.mark.no_cover
def test_limits_waves_and_canaries_are_those_of_one_process(tmp_path: Path) -> None:
    """Three Starts in all shards together; then the rest, wave after wave, behind two canaries."""
    lines = [
        *(instance(f"i-{each}", f"{each + 1:012}", wave="1") for each in range(6)),
        *(instance(f"late-{each}", f"{each + 1:012}", wave="2") for each in range(4)),
    ]
    lab = Lab(tmp_path, manifest(*lines))
    limited, fleet = lab.run(limit=3)
    assert limited == Outcome(Exit.WORK_LEFT, "--limit 3 reached, 7 targets left")
    assert states(fleet) == {"pending": 7, "succeeded": 3}
    outcome, fleet = lab.run(canary=2)
    assert outcome.exit_code is Exit.OK
    assert states(fleet) == {"succeeded": 10}
    records = fleet.ledger.history.records
    ends = {key: record.finished_at for key, record in records.items()}
    starts = {key: record.started_at for key, record in records.items()}
    first = [end for key, end in ends.items() if key.instance_id.startswith("i-") and end]
    late = [at for key, at in starts.items() if key.instance_id.startswith("late") and at]
    assert max(first) < min(late)


@pytest.mark.no_cover
def test_failures_of_all_shards_stop_them_all(tmp_path: Path) -> None:
    """The run ends with 4, and each shard's ledger says why it was stopped."""
    lines = [instance(f"bad-{each}", f"{each % 12 + 1:012}") for each in range(120)]
    lab = Lab(tmp_path, manifest(*lines), BAD)
    outcome, fleet = lab.run(tolerance=Tolerance(number=2), rate=1.0, burst=1.0, shards=2)
    assert outcome.exit_code is Exit.STOPPED
    assert outcome.reason.endswith("more than --max-failures 2")
    assert states(fleet)["pending"] > 0
    reasons = {run.ended.reason for run in fleet.ledger.history.runs if run.ended is not None}
    assert outcome.reason in reasons
    assert "job_failed" in {event for _, event in lab.told.logged}


def test_what_failed_is_told_and_all_else_is_done(tmp_path: Path) -> None:
    """Exit 3, as in one process; with -v each change is told, with its shard."""
    lab = Lab(tmp_path, manifest(instance("bad-1"), instance("good", "2" * 12)), BAD)
    outcome, fleet = lab.run(least=logging.DEBUG)
    assert outcome == Outcome(Exit.UNFINISHED, "finished, not all targets are done")
    assert states(fleet) == {"succeeded": 1, "failed": 1}
    assert {event for _, event in lab.told.logged} >= {"answer", "running", "job_failed"}


def test_without_waiting_jobs_are_left_running(tmp_path: Path) -> None:
    """Exit 0 where all jobs run; the next run follows them, unless it does not wait either."""
    lab = Lab(tmp_path, spread(4), LONG)
    outcome, fleet = lab.run(rules=Rules(wait=False))
    assert outcome == Outcome(Exit.OK, "done")
    assert states(fleet) == {"in_progress": 4}
    again, fleet = lab.run(rules=Rules(wait=False), limit=2)
    assert again == Outcome(Exit.OK, "done")


@pytest.mark.parametrize("received", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_all_shards(tmp_path: Path, received: signal.Signals) -> None:
    """Jobs that run stay so, and every ledger is closed."""
    lab = Lab(tmp_path, spread(8), LONG)
    fleet = lab.fleet()

    async def main() -> Outcome:
        async with anyio.create_task_group() as group:
            group.start_soon(
                _when, lambda: _running(fleet) == 8, partial(fleet.interrupt, received)
            )
            outcome = await fleet.run(open_in_process)
            group.cancel_scope.cancel()
        return outcome

    outcome = anyio.run(main)
    assert outcome.exit_code is (Exit.INTERRUPTED if received is signal.SIGINT else Exit.TERMINATED)
    assert outcome.reason == "interrupted, drained and saved"
    assert states(fleet) == {"in_progress": 8}
    codes = {run.ended.exit_code for run in fleet.ledger.history.runs if run.ended is not None}
    assert codes == {outcome.exit_code}


def test_the_second_signal_aborts(tmp_path: Path) -> None:
    """Calls under way are not waited for."""
    stuck = LONG + "faults: [{match: {operation: Start*}, kind: hang, seconds: 60}]\n"
    lab = Lab(tmp_path, spread(4), stuck)
    fleet = lab.fleet()

    async def main() -> Outcome:
        async with anyio.create_task_group() as group:
            group.start_soon(
                _when,
                lambda: fleet.tally.statistics().states.get(State.SUBMITTING) == 4,
                lambda: (fleet.interrupt(signal.SIGINT), fleet.interrupt(signal.SIGINT)),
            )
            outcome = await fleet.run(open_in_process)
            group.cancel_scope.cancel()
        return outcome

    outcome = anyio.run(main)
    assert outcome.exit_code is Exit.INTERRUPTED
    assert outcome.reason == "interrupted with 4 Starts unanswered, which the next run reads first"


def test_the_longest_duration_leaves_work(tmp_path: Path) -> None:
    """Exit 10, and the next run follows what runs."""
    lab = Lab(tmp_path, spread(4), LONG)
    outcome, _ = lab.run(max_duration=1.5)
    assert outcome == Outcome(Exit.WORK_LEFT, "--max-duration reached, work left")


def _running(fleet: Fleet) -> int:
    return fleet.tally.statistics().states.get(State.IN_PROGRESS, 0)


async def _when(ready: Callable[[], bool], then: Callable[[], object]) -> None:
    while not ready():  # noqa: ASYNC110 - what it waits for tells nobody
        await anyio.sleep(0.05)
    then()


# Single parts, and what goes wrong with them.


def part_of(lab: Lab, **others: Any) -> Part:
    """Return the only part of a batch of one shard, with other facts."""
    caught: list[Part] = []

    async def catch(part: Part, tell: Callable[[Message], None], standing: Standing) -> End:
        del tell, standing
        caught.append(part)
        return End(part.number, Outcome(Exit.OK, "done"))

    fleet = lab.fleet(shards=1)
    anyio.run(fleet.run, partial(open_in_process, do=catch))
    return replace(caught[0], settings=replace(caught[0].settings, simulator_url=None), **others)


def do(part: Part, standing: Standing | None = None) -> tuple[End, list[Message]]:
    """Do a part with a simulator of its own."""
    told: list[Message] = []
    return anyio.run(work, part, told.append, standing or Standing()), told


def test_a_worker_of_another_version_does_nothing(tmp_path: Path) -> None:
    """Both versions are named; no ledger is made."""
    lab = Lab(tmp_path, spread(2))
    end, told = do(part_of(lab, tool="0.0.9"))
    assert end.outcome.exit_code is Exit.USAGE
    assert f"has batch-onboard {tool_version()}, the coordinator 0.0.9" in end.outcome.reason
    assert not told
    assert not list(tmp_path.glob("*/*.ledger.jsonl"))


def test_a_ledger_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """With the code that one process ends with."""
    lab = Lab(tmp_path, spread(2))
    part = part_of(lab)
    (tmp_path / "wave.simulated.ledgers" / "wave.simulated.shard-0-of-1.ledger.jsonl").mkdir()
    end, _ = do(part)
    assert end.outcome.exit_code is Exit.LEDGER
    assert "wave.simulated.shard-0-of-1.ledger.jsonl" in end.outcome.reason


def test_a_held_ledger_is_waited_for_until_the_coordinator_has_enough(tmp_path: Path) -> None:
    """The worker tells who holds it, and goes when it is told to stop."""
    lab = Lab(tmp_path, spread(2))
    part = part_of(lab)
    standing = Standing()
    stop = Outcome(Exit.LOCKED, "stopped: shard 0 of 1: held")
    told: list[Message] = []

    def tell(message: Message) -> None:
        told.append(message)
        standing.hear(part.run, Order(stop))

    with open_any_ledger(part.ledger, manifest_name="wave", tool_version="0", wall=now_utc):
        end = anyio.run(work, part, tell, standing)
    assert end == End(part.number, stop)
    (held,) = told
    assert isinstance(held, Held)
    assert "another run" in held.sentence


def test_what_a_worker_waits_for_is_told_while_it_waits(tmp_path: Path, bucket: Bucket) -> None:
    """A ledger in S3 may have to be silent for a minute: who is told can unlock it at once."""
    part = part_of(Lab(tmp_path, spread(2)), ledger=bucket.place("wave"))
    standing = Standing()
    told: list[Message] = []

    def tell(message: Message) -> None:
        told.append(message)
        if isinstance(message, Held):
            standing.hear(part.run, Order(Outcome(Exit.LOCKED, "stopped: told too late")))
        elif len(told) == 1:
            unlock_any(part.ledger)

    with open_any_ledger(part.ledger, manifest_name="wave", tool_version="0", wall=now_utc):
        end = anyio.run(work, part, tell, standing)
    assert isinstance(told[0], Report)
    assert "ledger unlock takes it at once" in told[0].notices[0]
    assert isinstance(told[1], Begun)
    assert end.outcome == Outcome(Exit.OK, "done")


def test_a_shard_that_hears_nothing_drains_and_says_so(tmp_path: Path) -> None:
    """An orphan does not go on for ever; what it has started stays as it is."""
    lab = Lab(tmp_path, spread(2), LONG)
    end, told = do(part_of(lab, silence=6.0))
    assert end.deserted
    assert end.outcome == Outcome(
        Exit.WORK_LEFT, "stopped: the coordinator was not heard of for 6 s"
    )
    assert isinstance(told[0], Begun)
    assert len(end.started) == 2
    assert len(end.left) == 2


def test_what_a_lost_worker_did_not_tell_is_told_by_the_next(tmp_path: Path) -> None:
    """Targets that it has ended are over, and count against the limit."""
    lab = Lab(tmp_path, spread(4))
    part = part_of(lab)
    first, _ = do(replace(part, settings=replace(part.settings, limit=3)))
    assert len(first.started) == 3
    second, told = do(replace(part, number=9, settings=replace(part.settings, limit=3)))
    reports = [each for each in told if isinstance(each, Report)]
    over = [each for report in [*reports, second.last] if report for each in report.over]
    assert sorted(each.key for each in over) == sorted(first.started)
    assert all(each.started for each in over)
    assert second.started == first.started
    assert len(second.left) == 1


def test_a_run_can_be_bound_to_a_plan_shard_by_shard(tmp_path: Path) -> None:
    """Each shard gets what of the plan is its own."""
    lab = Lab(tmp_path, spread(6))
    plan = tmp_path / "plan.json"
    made = call(
        "plan", lab.manifest, "--simulate", "--scenario", tmp_path / "scenario.yaml", "-o", plan
    )
    assert made.exit_code == Exit.OK, made.output
    approved = load_plan(plan, load_manifest(lab.manifest), simulate=True)
    fleet = lab.fleet(approved=approved)
    assert fleet.approved is approved
    outcome = anyio.run(fleet.run, open_in_process)
    assert outcome == Outcome(Exit.OK, "done")
    assert {run.began.plan for run in fleet.ledger.history.runs} == {approved.digest}


def test_a_bug_is_told_with_its_traceback(tmp_path: Path) -> None:
    """As in one process: exit 1, the others are worked through."""

    async def buggy(part: Part, tell: Callable[[Message], None], standing: Standing) -> End:
        if part.settings.shard == Shard(1, 2):
            raise ValueError("unforeseen")
        return await work(part, tell, standing)

    lab = Lab(tmp_path, spread(12))
    fleet = lab.fleet()
    outcome = anyio.run(fleet.run, partial(open_in_process, do=buggy))
    assert outcome.exit_code is Exit.ERROR
    (bug,) = outcome.bugs
    assert str(bug) == "ValueError: unforeseen"
    assert "in buggy" in bug.__notes__[0]
    assert 0 < states(fleet)["succeeded"] < 12


def test_ledgers_that_can_no_longer_be_read_end_the_run_with_5(tmp_path: Path) -> None:
    """Nobody says 'done' of what is not known."""
    lab = Lab(tmp_path, spread(2))

    async def damage(part: Part, tell: Callable[[Message], None], standing: Standing) -> End:
        end = await work(part, tell, standing)
        with part.ledger.open("r+b") as file:  # type: ignore[union-attr]  # a path
            file.seek(30)
            file.write(b"XXXX")
        return end

    fleet = lab.fleet(shards=1)
    outcome = anyio.run(fleet.run, partial(open_in_process, do=damage))
    assert outcome.exit_code is Exit.LEDGER


def test_the_engine_of_this_process_has_one_worker_that_begins_all(tmp_path: Path) -> None:
    """Nothing can be withdrawn from it."""
    del tmp_path

    async def main() -> InProcess:
        async with open_in_process("r1") as engine:
            engine.withdraw(frozenset({1}))
        return engine

    assert anyio.run(main).workers == 1
