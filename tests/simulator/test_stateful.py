from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from batch_onboard.core.calls import Operation
from batch_onboard.simulator.protocol import OFFBOARD
from tests.simulator.helpers import DAY, KEY, call, outcome, world


class OneInstance(RuleBasedStateMachine):
    """One instance of a permissive world, and a count of accepted Starts kept beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.world = world(
            defaults={
                "failures": 2,
                "start_on_in_progress": "accept",
                "start_on_done": "accept",
                "failed_sticky_days": 2,
                "status_days": 3,
            },
            throttle={
                "rate": 1,
                "burst": 5,
                "overrides": [{"match": {"operation": "G*"}, "rate": None}],
            },
            faults=[{"match": {"operation": "Start*"}, "probability": 0.2, "kind": "drop_after"}],
        )
        self.now = 0.0
        self.standing = False
        self.double_starts = 0
        self.repeated_starts = 0

    def ask(self, operation: str) -> tuple[int, str | None]:
        return outcome(self.world.handle(call(operation), self.now))

    @rule(seconds=st.sampled_from([0.0, 1.0, 9.0, 10.0, DAY, 2 * DAY, 3 * DAY]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def start(self) -> None:
        self.repeated_starts += self.standing
        if self.ask(Operation.START) == (200, "IN_PROGRESS"):
            self.double_starts += self.standing
            self.standing = True

    @rule()
    def delete(self) -> None:
        before = self.ask(Operation.STATUS)
        status, code = self.ask(Operation.DELETE)
        if before == (200, "FAILED"):
            assert status in {200, 429}
        elif before[0] == 200:
            assert code in {"InvalidStateException", "ThrottlingException"}
        if status == 200:
            self.standing = False

    @precondition(lambda self: self.ask(Operation.STATUS) == (200, "SUCCEEDED"))
    @rule()
    def offboard(self) -> None:
        if self.ask(OFFBOARD)[0] == 200:
            self.standing = False
            assert self.ask(Operation.CONFIG)[0] == 404

    @invariant()
    def a_running_job_shows(self) -> None:
        running = self.world._campaigns.in_progress.count(KEY.domain, self.now)
        assert (running > 0) == (self.ask(Operation.STATUS) == (200, "IN_PROGRESS"))

    @invariant()
    def asking_changes_nothing(self) -> None:
        assert self.ask(Operation.STATUS) == self.ask(Operation.STATUS)
        assert self.ask(Operation.CONFIG) == self.ask(Operation.CONFIG)

    @invariant()
    def starts_are_counted_exactly(self) -> None:
        seen = self.world.seen
        assert seen.double_starts == self.double_starts
        assert seen.repeated_starts == self.repeated_starts
        assert sum(target.starts_accepted for target in seen.targets.values()) == len(
            seen.accepted_starts
        )


TestOneInstance = OneInstance.TestCase
TestOneInstance.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
