from __future__ import annotations

from itertools import pairwise, repeat
from random import Random
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from batch_onboard.core.adaptive import AdaptiveLimiter
from batch_onboard.core.calls import JobStatus, Operation
from batch_onboard.core.lifecycle import Event, State
from batch_onboard.core.limiter import BucketLimiter
from batch_onboard.core.ports import JournalError
from batch_onboard.core.record import Record
from batch_onboard.core.steps import Rules
from batch_onboard.core.targets import Api, Encryption, Identity, Target
from tests.engine.examples import KEY, Stage, named, targets

if TYPE_CHECKING:
    from batch_onboard.core.calls import Answer
    from batch_onboard.engine.runner import Runner
    from batch_onboard.simulator.memory import MemoryService

SHORT_JOBS = {"defaults": {"job_duration": {"min": 20, "max": 40}}}
ACCOUNT = "000000000001"
OTHER_ACCOUNT = "000000000002"
OURS = {"enabled": True, "key_arn": KEY.format(account=ACCOUNT)}
THEIRS = {"enabled": True, "key_arn": f"arn:aws:kms:eu-west-2:{ACCOUNT}:key/theirs"}
EVERY_KIND = {
    "defaults": {"job_duration": {"min": 20, "max": 40}},
    "throttle": {"rate": None},
    "instances": [
        {"match": {"instance_id": "running"}, "initial": "in_progress", "encryption": OURS},
        {
            "match": {"instance_id": "done-long-ago"},
            "initial": "onboarded",
            "days_ago": 400,
            "encryption": OURS,
        },
        {"match": {"instance_id": "done-lately"}, "initial": "onboarded", "encryption": OURS},
        {"match": {"instance_id": "offboarded"}, "initial": "offboarded", "encryption": OURS},
        {"match": {"instance_id": "failed-before"}, "initial": "failed"},
        {"match": {"instance_id": "missing"}, "initial": "missing"},
        {"match": {"instance_id": "invalid"}, "initial": "invalid"},
        {"match": {"instance_id": "denied"}, "initial": "denied"},
        {"match": {"instance_id": "drifted"}, "initial": "onboarded", "encryption": THEIRS},
        {"match": {"instance_id": "kms"}, "outcome": "FAILED", "failure_code": "KMS_ACCESS_DENIED"},
        {"match": {"instance_id": "inside"}, "failures": 1, "failure_code": "INTERNAL_FAILURE"},
        {"match": {"instance_id": "shy"}, "visible_after": 25},
    ],
}
KINDS = {
    "fresh": "succeeded",
    "running": "already_onboarded",
    "done-long-ago": "already_onboarded",
    "done-lately": "already_onboarded",
    "offboarded": "succeeded",
    "failed-before": "failed",
    "missing": "rejected",
    "invalid": "rejected",
    "denied": "unresolved",
    "drifted": "drifted",
    "kms": "failed",
    "inside": "failed",
    "shy": "succeeded",
}


def kind(name: str, **facts: Any) -> Target:
    """Make a target of a kind; the denied one has an account, and so an identity, of its own."""
    return named(name, account=OTHER_ACCOUNT if name == "denied" else ACCOUNT, **facts)


@pytest.mark.parametrize("api", list(Api))
def test_every_kind_of_target_ends_in_its_right_state(api: Api) -> None:
    """One run over each kind leads each to the state of the contract, over v1 and v2 alike."""
    stage = Stage(EVERY_KIND)
    stage.run([kind(name, api=api) for name in KINDS])
    assert stage.states() == KINDS
    assert stage.world.seen.double_starts == 0
    ours = {key.instance_id for key, record in stage.records.items() if record.ours}
    assert ours == {"fresh", "offboarded", "kms", "inside", "shy"}


def test_a_second_run_sends_no_start_but_for_our_internal_failure() -> None:
    """All that was done stays done; INTERNAL_FAILURE of our own is deleted and started again."""
    stage = Stage(EVERY_KIND)
    what = [kind(name) for name in KINDS]
    stage.run(what)
    starts = stage.world.seen.requests[Operation.START]
    stage.run(what)
    assert stage.states() == KINDS | {"inside": "succeeded"}
    assert stage.world.seen.requests[Operation.START] == starts + 1
    stage.run(what)
    assert stage.world.seen.requests[Operation.START] == starts + 1


def test_a_foreign_failed_job_is_cleared_on_demand_only() -> None:
    """--clear-failed deletes the record that another team left, and onboards the instance."""
    stage = Stage(EVERY_KIND)
    what = [named("failed-before")]
    stage.run(what)
    assert stage.world.seen.requests[Operation.DELETE] == 0
    stage.run(what, rules=Rules(clear_failed=True))
    assert stage.states() == {"failed-before": "succeeded"}
    assert stage.world.seen.requests[Operation.DELETE] == 1


def test_the_journal_replays_to_the_same_records() -> None:
    """What was written down adds up to what the run knows."""
    stage = Stage(EVERY_KIND)
    stage.run([kind(name) for name in KINDS])
    replayed: dict[object, Record] = {}
    for entry in stage.journal.entries:
        replayed.setdefault(entry.key, Record()).apply(entry)
    assert replayed == stage.records


def test_no_start_leaves_before_its_intent_is_written() -> None:
    """Whenever the world receives a Start, the journal already holds one intent more."""
    stage = Stage(SHORT_JOBS)
    stage.run(targets(20, accounts=5))
    intents = [entry for entry in stage.journal.entries if entry.event is Event.INTENDED]
    assert len(intents) == stage.world.seen.requests[Operation.START] == 20
    stage.journal.fails_after = 0
    broken = Stage(SHORT_JOBS)
    broken.journal.fails_after = 0
    with pytest.raises(JournalError):
        broken.run(targets(20, accounts=5))
    assert broken.world.seen.requests[Operation.START] == 0


def test_a_journal_that_fails_stops_new_starts_and_keeps_what_is_known() -> None:
    """Calls under way are finished, and the entries that could not be written are handed over."""
    stage = Stage(SHORT_JOBS | {"throttle": {"rate": None}})
    stage.journal.fails_after = 10
    with pytest.raises(JournalError, match="the disk is full") as caught:
        stage.run(targets(30, accounts=30))
    written_or_lost = {*stage.journal.entries, *caught.value.lost}
    accepted = {key for _, key in stage.world.seen.accepted_starts}
    started = {e.key for e in written_or_lost if e.event is Event.RUNNING}
    assert accepted <= started
    assert len(accepted) <= 10


def test_a_domain_goes_as_fast_as_its_quota_and_slows_no_other() -> None:
    """A deep domain takes its 2 a second; forty wide ones beside it are done long before."""
    stage = Stage(SHORT_JOBS)
    deep = [named(f"deep-{i}") for i in range(60)]
    wide = [named("wide", account=f"{i:012}") for i in range(2, 42)]
    stage.run(deep + wide)
    assert set(stage.states().values()) == {"succeeded"}
    wide_starts = [at for at, key in stage.world.seen.accepted_starts if key.instance_id == "wide"]
    deep_starts = [at for at, key in stage.world.seen.accepted_starts if key.instance_id != "wide"]
    assert max(wide_starts) < 2
    # A target takes one status call before its Start and some after, so these set the pace.
    statuses = stage.world.seen.requests[Operation.STATUS]
    assert max(deep_starts) < statuses / 2
    assert stage.world.seen.throttles.total() <= 3


def test_calls_in_flight_never_exceed_the_concurrency() -> None:
    """--concurrency bounds calls, not jobs."""
    stage = Stage(SHORT_JOBS | {"throttle": {"rate": None}})
    flying = most = 0

    class Counting:
        def __init__(self, inner: object) -> None:
            self._inner = inner

        async def prepare(self, target: object) -> object:
            return await self._inner.prepare(target)  # type: ignore[attr-defined]  # the service

        async def send(self, operation: object, target: object) -> object:
            nonlocal flying, most
            flying += 1
            most = max(most, flying)
            try:
                return await self._inner.send(operation, target)  # type: ignore[attr-defined]  # the service
            finally:
                flying -= 1

    stage.run(targets(50, accounts=50), concurrency=7, service=Counting)  # type: ignore[arg-type]  # by shape
    assert set(stage.states().values()) == {"succeeded"}
    assert most == 7


def test_an_identity_whose_credentials_hang_holds_one_worker() -> None:
    """Twenty targets of a role that STS never answers for leave three of four workers to others."""
    stuck = named("stuck", account="000000000002").identity
    hang = {"kind": "hang", "match": {"operation": "AssumeRole", "account_id": "000000000002"}}
    stage = Stage(SHORT_JOBS | {"faults": [hang], "throttle": {"rate": None}})
    hung = [named(f"stuck-{i}", account="000000000002", identity=stuck) for i in range(20)]
    fine = [named(f"fine-{i}", account=f"{i:012}") for i in range(3, 9)]
    stage.run([*hung, *fine], concurrency=4)
    states = stage.states()
    assert {states[f"fine-{i}"] for i in range(3, 9)} == {"succeeded"}
    assert {states[f"stuck-{i}"] for i in range(20)} == {"unresolved"}
    assert max(at for at, _ in stage.world.seen.accepted_starts) < 3


def test_who_waits_for_credentials_uses_up_no_quota() -> None:
    """The five targets of an account go at once when its role has been assumed."""
    stage = Stage(SHORT_JOBS)
    stage.run(
        targets(5), rules=Rules(precheck=False), limiter=lambda: AdaptiveLimiter(Random(1).random)
    )
    assert max(at for at, _ in stage.world.seen.accepted_starts) < 1


def test_stopping_does_not_wait_for_credentials() -> None:
    """Nothing was sent yet for a target whose role is being assumed."""
    stage = Stage({"faults": [{"kind": "hang", "match": {"operation": "AssumeRole"}}]})

    async def stop(runner: Runner) -> None:
        await anyio.sleep(3)
        runner.stop()

    stage.run(targets(5), during=stop)  # type: ignore[arg-type]  # a coroutine function
    assert stage.now == pytest.approx(3.0)
    assert set(stage.states().values()) == {"pending"}


def test_a_wrong_account_is_never_called() -> None:
    """Nothing is sent with the caller's own credentials to an instance of another account."""
    stage = Stage(SHORT_JOBS)
    stage.run([named("theirs", identity=Identity())])
    assert stage.states() == {"theirs": "unresolved"}
    assert stage.records[named("theirs").key].error_code == "wrong_account"
    assert stage.world.seen.targets == {}


def test_an_answer_that_is_lost_after_the_start_was_accepted_starts_nothing_twice() -> None:
    """The live state is read, the job found and followed, and counted as this ledger's."""
    fault = {"kind": "drop_after", "match": {"operation": "StartInstanceOnboardingJob"}}
    stage = Stage(SHORT_JOBS | {"faults": [fault]})
    stage.run(targets(8, accounts=4))
    assert set(stage.states().values()) == {"succeeded"}
    assert stage.world.seen.repeated_starts == 0
    assert all(record.ours for record in stage.records.values())


def test_a_start_whose_intent_took_long_to_be_written_is_not_sent_on_it() -> None:
    """The hold counts from the intent, and would be over while the job is still invisible.

    So the intent is withdrawn, and the Start is sent on a new one.
    """
    fault = {"kind": "drop_after", "match": {"operation": "StartInstanceOnboardingJob"}}
    job = {"job_duration": {"min": 70, "max": 80}, "visible_after": 50}
    stage = Stage({"defaults": job, "faults": [fault]})
    stage.journal.write_times = iter([200.0])
    stage.run([named("a")])
    assert stage.states() == {"a": "succeeded"}
    assert stage.world.seen.repeated_starts == 0
    events = [entry.event for entry in stage.journal.entries]
    assert events[:3] == [Event.INTENDED, Event.WITHDRAWN, Event.INTENDED]


def test_a_disk_that_is_always_too_slow_for_a_start_is_told_as_the_cause() -> None:
    """After a few tries the target is unresolved, and nothing was sent."""
    stage = Stage(SHORT_JOBS)
    stage.journal.write_times = repeat(4.1)
    stage.run([named("a")])
    record = stage.records[named("a").key]
    assert (record.state, record.error_code) == (State.UNRESOLVED, "slow_ledger")
    assert record.message == "the ledger's disk took 4.1 s to write that the call is intended"
    assert stage.world.seen.requests[Operation.START] == 0
    quick = Stage(SHORT_JOBS)
    quick.journal.write_times = repeat(4.0)
    quick.run([named("a")])
    assert quick.states() == {"a": "succeeded"}


def test_an_accepted_start_that_stays_invisible_is_waited_for() -> None:
    """Lost answer and eventual consistency together: no second Start within the window."""
    stage = Stage(
        {
            "defaults": {"job_duration": {"min": 70, "max": 80}, "visible_after": 50},
            "faults": [
                {"kind": "drop_after", "match": {"operation": "StartInstanceOnboardingJob"}}
            ],
        }
    )
    stage.run(targets(3))
    assert set(stage.states().values()) == {"succeeded"}
    assert stage.world.seen.repeated_starts == 0


def test_jobs_beyond_the_accounts_limit_conflict_and_are_tried_again() -> None:
    """An account that runs three jobs at a time is worked through, without a double start."""
    stage = Stage({"defaults": {"job_duration": {"min": 5, "max": 9}, "max_jobs_in_progress": 3}})
    stage.run([*targets(60), named("elsewhere", account="000000000009")])
    assert set(stage.states().values()) == {"succeeded"}
    assert stage.world.seen.double_starts == 0
    assert max(stage.world.seen.most_jobs_in_progress.values()) == 3
    assert stage.world.seen.errors["ConflictException"] < 60 / 4


@pytest.mark.no_cover
def test_once_the_length_of_jobs_is_known_a_job_costs_about_two_polls() -> None:
    """Jobs that are started one after the other are asked about little more than twice each."""
    stage = Stage(
        {"defaults": {"job_duration": {"min": 28, "max": 32}}, "throttle": {"rate": None}}
    )
    stage.run(targets(300), limiter=lambda: BucketLimiter(2, 5))
    polls = stage.world.seen.requests[Operation.STATUS] - 300
    assert polls <= 300 * 2.5


def test_short_jobs_end_soon_although_nothing_was_known() -> None:
    """When the scouts find that jobs take 2 s, the others are not left waiting for 20 s."""
    stage = Stage({"defaults": {"job_duration": {"min": 2, "max": 2}}, "throttle": {"rate": None}})
    stage.run(targets(100, accounts=50), limiter=lambda: BucketLimiter(50, 50))
    assert set(stage.states().values()) == {"succeeded"}
    assert stage.now < 10


def test_stopping_sends_no_new_start_and_finishes_the_calls_in_flight() -> None:
    """After stop the calls under way are answered and saved; running jobs stay in progress."""
    stage = Stage(SHORT_JOBS)

    async def stop(runner: Runner) -> None:
        await anyio.sleep(10)
        starts = stage.world.seen.requests[Operation.START]
        runner.stop()
        await anyio.sleep(5)
        assert stage.world.seen.requests[Operation.START] <= starts + 1

    tally = stage.run(targets(60, accounts=2), during=stop)  # type: ignore[arg-type]  # a coroutine function
    assert tally.statistics().in_flight == 0
    assert set(stage.states().values()) <= {"pending", "in_progress", "succeeded"}
    stage.run(targets(60, accounts=2))
    assert set(stage.states().values()) == {"succeeded"}
    assert stage.world.seen.repeated_starts == 0


@pytest.mark.parametrize("moment", [0.05, 0.15, 0.25, 0.35, 1.0, 3.3, 21.7, 30.0, 61.0])
def test_aborting_at_any_moment_loses_and_doubles_nothing(moment: float) -> None:
    """A run that is cut off amid its calls is resumed by the next, each target started once."""
    stage = Stage(SHORT_JOBS)

    async def abort(runner: Runner) -> None:
        await anyio.sleep(moment)
        runner.abort()

    stage.run(targets(30, accounts=6), during=abort)  # type: ignore[arg-type]  # a coroutine function
    stage.run(targets(30, accounts=6))
    assert set(stage.states().values()) == {"succeeded"}
    assert stage.world.seen.repeated_starts == 0


def test_a_call_that_hangs_holds_a_stopped_run_only_for_the_drain_timeout() -> None:
    """Then it is given up, and its Start stays submitting."""
    hang = {"kind": "hang", "match": {"operation": "StartInstanceOnboardingJob"}}
    stage = Stage({"faults": [hang]})

    async def stop(runner: Runner) -> None:
        await anyio.sleep(3)
        runner.stop()

    stage.run(targets(1), during=stop, drain_timeout=5.0)  # type: ignore[arg-type]  # a coroutine function
    assert stage.now == pytest.approx(8.0)
    assert stage.states() == {"i-0": "submitting"}


def test_a_submitting_target_waits_out_its_hold_and_the_others_do_not() -> None:
    """A resumed run starts what was never sent at once, and what may have been sent after 85 s."""
    hang = {"kind": "hang", "times": 1, "match": {"operation": "StartInstanceOnboardingJob"}}
    stage = Stage(SHORT_JOBS | {"faults": [hang]})

    async def abort(runner: Runner) -> None:
        await anyio.sleep(1)
        runner.abort()

    stage.run([named("lost")], during=abort)  # type: ignore[arg-type]  # a coroutine function
    assert stage.states() == {"lost": "submitting"}
    stage.run([named("lost"), named("other")])
    starts = {key.instance_id: at for at, key in stage.world.seen.accepted_starts}
    assert starts["other"] < 3
    assert 85 <= starts["lost"] < 100
    assert set(stage.states().values()) == {"succeeded"}


def test_without_waiting_a_run_ends_when_all_jobs_run() -> None:
    """--no-wait leaves the jobs to themselves; a later run follows them."""
    stage = Stage(SHORT_JOBS)
    stage.run(targets(4), rules=Rules(wait=False))
    assert set(stage.states().values()) == {"in_progress"}
    assert stage.now < 5
    stage.run(targets(4))
    assert set(stage.states().values()) == {"succeeded"}


def test_a_manifest_that_asks_for_another_key_later_finds_drift() -> None:
    """A done target whose encryption has changed in the manifest is read, and drifts."""
    stage = Stage(SHORT_JOBS)
    stage.run(targets(1))
    stage.run(targets(1, encryption=Encryption(False)))
    assert stage.states() == {"i-0": "drifted"}
    assert stage.records[targets(1)[0].key].ours


def test_watchers_are_told_of_each_answer_once_it_is_written() -> None:
    """Each happening names its call, and the last of each target says that it is over."""
    stage = Stage(SHORT_JOBS)
    tally = stage.run(targets(6, accounts=2))
    happenings = stage.witness.happenings
    calls = sum(stage.world.seen.requests[operation] for operation in Operation)
    assert len(happenings) == tally.statistics().calls == calls
    assert sum(happening.over for happening in happenings) == 6
    assert tally.statistics().states == {State.SUCCEEDED: 6}
    assert (tally.statistics().over, tally.statistics().selected) == (6, 6)


def test_a_run_with_nothing_to_do_makes_no_call() -> None:
    """Settled targets are over before they begin."""
    stage = Stage(SHORT_JOBS)
    stage.run(targets(5))
    calls = stage.world.seen.requests.total()
    tally = stage.run(targets(5))
    assert stage.world.seen.requests.total() == calls
    assert tally.statistics().over == 5


def test_a_throttled_domain_is_worked_through_at_the_pace_it_allows() -> None:
    """A quota far below the documented one is kept to: few calls are refused in the long run."""
    stage = Stage(SHORT_JOBS | {"throttle": {"rate": 0.5, "burst": 1}})
    stage.run(targets(10))
    assert set(stage.states().values()) == {"succeeded"}
    starts = [at for at, _ in stage.world.seen.accepted_starts]
    assert all(b - a > 0.5 for a, b in pairwise(starts))


class _Buggy:
    """A service of which one lane brings an answer that the core was not made for."""

    def __init__(self, memory: MemoryService) -> None:
        self._memory = memory

    async def prepare(self, target: Target) -> Answer | None:
        """Have credentials ready."""
        return await self._memory.prepare(target)

    async def resolve(self, target: Target) -> Encryption | Answer:
        """Find the key."""
        return await self._memory.resolve(target)

    async def send(self, operation: Operation, target: Target) -> Answer:
        """Answer the poll of one instance with what no service can."""
        answer = await self._memory.send(operation, target)
        if target.key.instance_id == "i-3" and answer.job is JobStatus.IN_PROGRESS:
            raise ZeroDivisionError("a bug")
        return answer


def test_a_bug_in_one_lane_costs_one_target() -> None:
    """The others finish, the bug is told, and the next run reads what became of the target."""
    stage = Stage(SHORT_JOBS)
    stage.run(targets(9, accounts=3), service=_Buggy)
    assert stage.states() == {f"i-{i}": "submitting" if i == 3 else "succeeded" for i in range(9)}
    assert [str(bug) for bug in stage.runner.bugs] == ["a bug"]
    stage.run(targets(9, accounts=3))
    assert set(stage.states().values()) == {"succeeded"}
    assert stage.world.seen.double_starts == 0
