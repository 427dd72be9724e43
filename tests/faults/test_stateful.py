from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from batch_onboard.core.lifecycle import DONE
from batch_onboard.core.steps import Rules
from batch_onboard.ledger.file import open_ledger, read_history
from tests.engine.examples import targets
from tests.faults.crashing import Disk, Plan, Recorder, Wreck, play, wall
from tests.faults.outside import LATEST, Outside
from tests.ledger.building import run_line

if TYPE_CHECKING:
    from batch_onboard.ledger.ledger import Ledger

EVERYBODY = tuple(targets(6, accounts=3))
FAULTS = ("drop_before", "drop_after", "html_body", "foreign_id", "expired_token", "hang")
HARSH = {
    "start_on_done": "accept",
    "start_on_in_progress": "accept",
    "visible_after": 10,
    "job_duration": {"min": 5, "max": 90},
}
RULES = st.builds(
    Rules, precheck=st.booleans(), recheck=st.booleans(), restart_missing=st.booleans()
)


class LedgerAndEngine(RuleBasedStateMachine):
    """One batch over its life: runs, faults, crashes, torn tails, and a manifest that changes.

    The engine runs on virtual time with a disk in memory; what that holds when the run ends or is
    cut off is then written by the real ledger, in the same groups, to a real file, from which the
    next run begins. So no thread's work lets virtual time pass.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "wave.ledger.jsonl"
        self.manifest = EVERYBODY[:3]
        self.now = 0.0
        self.runs = 0

    @initialize(
        faults=st.lists(
            st.tuples(st.sampled_from(FAULTS), st.sampled_from(("Start*", "Get*"))), max_size=3
        ),
        places=st.sampled_from((None, 1)),
    )
    def begin(self, faults: list[tuple[str, str]], places: int | None) -> None:
        """Draw the world in which all happens."""
        self.outside = Outside(
            {
                "defaults": HARSH | {"max_jobs_in_progress": places},
                "throttle": {"rate": 5, "burst": 5},
                "faults": [
                    {"kind": kind, "match": {"operation": which}, "times": 4}
                    for kind, which in faults
                ],
            }
        )

    @rule(moment=st.integers(1, 120), rules=RULES, torn=st.integers(0, 400))
    def a_run_is_cut_off(self, moment: int, rules: Rules, torn: int) -> None:
        """At some step; of what was not durable, a power cut leaves a part, torn anywhere."""
        wreck = self.run(rules, cut_off_at=moment)
        if wreck is not None:
            self.outside, self.now = wreck.outside, wreck.now
            self.tear(torn)

    @rule(rules=RULES)
    def a_run_ends(self, rules: Rules) -> None:
        """By itself, whatever became of its targets."""
        self.run(rules)

    @rule(chosen=st.lists(st.sampled_from(range(6)), min_size=1, max_size=6, unique=True))
    def the_manifest_changes(self, chosen: list[int]) -> None:
        """It grows, shrinks and is put in another order."""
        self.manifest = tuple(EVERYBODY[number] for number in chosen)

    @rule(seconds=st.sampled_from((1.0, 30.0, 3600.0)))
    def time_passes(self, seconds: float) -> None:
        """Nobody does anything, and what was on its way arrives."""
        self.now += seconds
        self.outside.land_before(self.now)

    @precondition(lambda self: self.runs)
    @rule()
    def all_is_brought_to_an_end(self) -> None:
        """Enough runs, one after the other, and each target is done."""
        for _ in range(6):
            self.now += LATEST
            self.run(Rules())
        history = read_history(self.path)
        states = {target.key: history.record(target.key).state for target in self.manifest}
        assert set(states.values()) <= DONE, states

    @invariant()
    def the_ledger_adds_up(self) -> None:
        """It opens, knows each target of the manifest once, and no Start was made twice."""
        if self.runs:
            history = read_history(self.path)
            assert len(history.targets) + len(history.removed) <= len(EVERYBODY)
            assert history.records.keys() <= {target.key for target in EVERYBODY}
            assert self.outside.world.seen.double_starts == 0

    def teardown(self) -> None:
        """Remove the files."""
        self.folder.cleanup()

    def run(self, rules: Rules, *, cut_off_at: int | None = None) -> Wreck | None:
        """Run once over the real ledger, and return what is left if the run was cut off."""
        self.runs += 1
        disk = Disk([])
        recorder = Recorder(self.outside, disk, wanted=lambda number: number == cut_off_at)
        with self.ledger() as ledger:
            ledger.begin_run(run_line(f"r{self.runs}"))
            ledger.sync_manifest(self.manifest)
            plan = Plan(self.manifest, replace(rules, torn_at=self.torn_at(ledger)))
            records = ledger.history.records
            ended = play(plan, self.outside, disk, records, now=self.now, recorder=recorder)
            wreck = recorder.wrecks[0] if recorder.wrecks else None
            entries = disk.entries if wreck is None else list(wreck.entries)
            self.durable = disk.durable if wreck is None else wreck.durable
            asyncio.run(self.write(ledger, entries, disk.groups))
            if wreck is None:
                self.now = ended
                ledger.end_run(f"r{self.runs}", 0, "done")
        return wreck

    def ledger(self) -> Ledger:
        """Open the ledger as a run does."""
        return open_ledger(
            self.path, manifest_name="wave", tool_version="0", wall=lambda: wall(self.now)
        )

    def torn_at(self, ledger: Ledger) -> float | None:
        """Return when a tail was last cut off, in virtual seconds."""
        cuts = ledger.history.cuts
        return None if not cuts else self.now - (wall(self.now) - cuts[-1].at).total_seconds()

    async def write(self, ledger: Ledger, entries: list[Any], groups: list[int]) -> None:
        """Write what a run has handed over, with an fsync for each durable group."""
        async with ledger.journal() as journal:
            done = 0
            for mark in [*(mark for mark in groups if mark <= self.durable), self.durable]:
                if mark > done:
                    await journal.write(*entries[done:mark])
                    done = mark
            self.safe_size = self.path.stat().st_size
            if entries[done:]:
                await journal.write(*entries[done:])

    def tear(self, torn: int) -> None:
        """Cut off some bytes of what was written and not durable."""
        size = self.path.stat().st_size
        with self.path.open("r+b") as file:
            file.truncate(max(self.safe_size, size - torn))


TestLedgerAndEngine = LedgerAndEngine.TestCase
TestLedgerAndEngine.settings = settings(
    max_examples=12, stateful_step_count=12, deadline=None, derandomize=True, database=None
)
