"""What holds for many targets at once, in whole runs on virtual time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from batch_onboard.core.calls import Answer, Meaning, Operation
from batch_onboard.core.lifecycle import Event
from batch_onboard.core.limiter import BucketLimiter
from batch_onboard.core.targets import Identity
from batch_onboard.core.tolerance import Tolerance
from tests.engine.examples import Stage, named, targets

if TYPE_CHECKING:
    from batch_onboard.core.targets import Encryption, Target
    from batch_onboard.simulator.memory import MemoryService

QUICK = {"defaults": {"job_duration": {"min": 5, "max": 10}}, "throttle": {"rate": None}}
SICK = "000000000001"


def world(*faults: dict[str, Any], **settings: object) -> Stage:
    """Make a stage without throttles, with faults."""
    return Stage({**QUICK, **settings, "faults": faults})


def error(status: int, code: str, **match: Any) -> dict[str, Any]:
    """Make a fault of the service."""
    when: dict[str, Any] = {
        key: match.pop(key) for key in ("window", "probability") if key in match
    }
    return {"kind": "error", "status": status, "code": code, "match": match, **when}


def fast() -> BucketLimiter:
    """A limiter that never holds anybody up."""
    return BucketLimiter(1000, 1000)


def told(stage: Stage) -> list[tuple[str, str]]:
    """Return what was noticed of circuits, and of which."""
    return [(notice.circuit.value, notice.scope) for notice in stage.witness.notices]


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDeniedException"), (403, "UnrecognizedClientException")]
)
def test_a_refused_identity_costs_two_calls_and_nobody_else_anything(
    status: int, code: str
) -> None:
    """A hundred targets of a refused role become unresolved with one cause, after two calls."""
    stage = world(error(status, code, account_id=SICK))
    others = [named(f"w-{i}", account=f"{i % 9 + 2:012}") for i in range(18)]
    stage.run([*targets(100), *others], limiter=fast, concurrency=1)
    assert Counter(stage.states().values()) == {"unresolved": 100, "succeeded": 18}
    causes = {(r.error_code, r.message) for k, r in stage.records.items() if k.account_id == SICK}
    assert len(causes) == 1
    assert code in str(causes)
    refused = [h for h in stage.witness.happenings if h.answer.error_code == code and not h.entries]
    assert len(refused) == 1  # and the retry, whose entry gives the target up
    assert stage.world.seen.requests[Operation.STATUS] <= 2 + 18 * 4
    assert told(stage) == [("refused", f"arn:aws:iam::{SICK}:role/Onboarder in eu-west-2")]


def test_with_many_workers_only_calls_under_way_are_refused_too() -> None:
    """At 16 calls at once at most 16 and the retry meet the refusal, however many targets wait."""
    stage = world(error(403, "AccessDeniedException", account_id=SICK))
    stage.run(targets(500), limiter=fast, concurrency=16)
    assert set(stage.states().values()) == {"unresolved"}
    assert stage.world.seen.requests[Operation.STATUS] <= 17


def test_a_refusal_that_passes_stops_nobody() -> None:
    """A first 403 whose retry is let through, as while rights spread, is forgotten."""
    stage = world({**error(403, "AccessDeniedException", account_id=SICK), "times": 1})
    stage.run(targets(20), limiter=fast)
    assert set(stage.states().values()) == {"succeeded"}


def test_one_refused_instance_among_many_stops_itself_alone() -> None:
    """Where others were let through, one target's refusal is taken for its own."""
    stage = world(instances=[{"match": {"instance_id": "i-9"}, "initial": "denied"}])
    stage.run(targets(20), limiter=fast, concurrency=1)
    assert stage.states() == {f"i-{i}": "unresolved" if i == 9 else "succeeded" for i in range(20)}


def test_a_role_that_cannot_be_assumed_is_asked_for_once() -> None:
    """All targets of the role, in all Regions, become unresolved with one AssumeRole."""
    stage = world(
        sts={"roles": [{"role_arn": f"arn:aws:iam::{SICK}:role/*", "allow": False}]}, faults=[]
    )
    regions = [
        named(f"{region}-{i}", region=region)
        for region in ("eu-west-2", "us-east-1")
        for i in range(20)
    ]
    stage.run([*regions, named("fine", account="000000000002")], limiter=fast, concurrency=1)
    assert Counter(stage.states().values()) == {"unresolved": 40, "succeeded": 1}
    assert stage.world.seen.requests["AssumeRole"] == 2
    assert told(stage) == [("refused", f"arn:aws:iam::{SICK}:role/Onboarder")]


def test_a_sick_account_is_waited_for_and_costs_few_calls() -> None:
    """Three minutes of 500s in one account: all succeed, with at most a fifth more calls."""
    well = world()
    what = targets(40, accounts=20)
    well.run(what, limiter=fast)
    stage = world(
        error(500, "InternalServerException", account_id=SICK, window={"from": 0, "to": 180})
    )
    stage.run(what, limiter=fast)
    assert set(stage.states().values()) == {"succeeded"}
    least = len(well.witness.happenings)
    assert len(stage.witness.happenings) <= 1.2 * least
    assert stage.world.seen.double_starts == 0
    ends = [
        h for h in stage.witness.happenings if h.over and h.course.target.key.account_id != SICK
    ]
    slowest = max(e.at for h in ends for e in h.entries)
    usual = max(e.at for h in well.witness.happenings for e in h.entries)
    assert (slowest - usual).total_seconds() < 30
    assert told(stage) == [("outage", f"{SICK}/eu-west-2"), ("outage_over", f"{SICK}/eu-west-2")]


def test_an_account_that_stays_sick_is_given_up_with_its_cause() -> None:
    """After five minutes its targets are unresolved with the service's code, and the run ends."""
    stage = world(error(500, "InternalServerException", account_id=SICK))
    stage.run([*targets(50), named("fine", account="000000000002")], limiter=fast)
    sick = [r for k, r in stage.records.items() if k.account_id == SICK]
    assert {(r.state.value, r.error_code) for r in sick} == {
        ("unresolved", "InternalServerException")
    }
    assert 300 <= stage.now < 420
    assert [turn for turn, _ in told(stage)] == ["outage", "outage_given_up"]
    assert stage.states()["fine"] == "succeeded"


def test_a_region_that_is_down_is_tried_once_for_all_its_accounts() -> None:
    """Five hundred accounts of a dead Region cost some dozen calls, and another Region none."""
    down = error(503, "ServiceUnavailable", region="eu-west-2")
    stage = world(down)
    dead = [named(f"i-{i}", account=f"{i:012}") for i in range(1, 501)]
    other = [named(f"o-{i}", account=f"{i:012}", region="us-east-1") for i in range(1, 51)]
    stage.run([*dead, *other], limiter=fast, concurrency=16, tolerance=Tolerance())
    states = Counter((k.region, r.state.value) for k, r in stage.records.items())
    assert states == {("eu-west-2", "unresolved"): 500, ("us-east-1", "succeeded"): 50}
    tried = [h for h in stage.witness.happenings if h.course.target.key.region == "eu-west-2"]
    told = stage.world.seen.requests[Operation.STATUS]
    assert len(tried) < 600
    assert told < 60 + 50 * 6


def test_a_region_that_comes_back_is_used_again() -> None:
    """An outage of two minutes costs time, not targets."""
    stage = world(
        error(503, "ServiceUnavailable", region="eu-west-2", window={"from": 5, "to": 120})
    )
    stage.run(targets(200, accounts=100), limiter=fast, concurrency=16)
    assert set(stage.states().values()) == {"succeeded"}
    assert stage.world.seen.double_starts == 0


@pytest.mark.no_cover
def test_retries_of_a_flaky_service_stay_within_their_budget() -> None:
    """With half of all calls failing, retries are a fifth of all calls and a handful."""
    stage = world(error(500, "InternalServerException", probability=0.5))
    stage.run(targets(300, accounts=150), limiter=fast)
    calls = stage.witness.happenings
    retries = sum(h.answer.error_code == "InternalServerException" and not h.over for h in calls)
    assert retries <= 20 + 0.2 * len(calls)
    spent = [r for r in stage.records.values() if "retries" in (r.message or "")]
    assert spent
    assert {r.state.value for r in spent} == {"unresolved"}
    assert stage.world.seen.double_starts == 0


def test_a_lost_start_in_an_outage_is_read_before_anything_else() -> None:
    """Starts that were accepted while their answers were lost are found, not sent again."""
    lost: dict[str, Any] = {
        "kind": "drop_after",
        "match": {"operation": "StartInstanceOnboardingJob"},
        "window": {"from": 0, "to": 60},
    }
    stage = world(lost)
    stage.run(targets(20, accounts=4), limiter=fast)
    assert set(stage.states().values()) == {"succeeded"}
    assert stage.world.seen.double_starts == 0
    intents = [entry for entry in stage.journal.entries if entry.event is Event.INTENDED]
    assert len(intents) == 20


def test_identities_of_one_domain_do_not_close_each_other() -> None:
    """A refused role's targets stop; those of the caller's own credentials there go on."""
    stage = Stage({**QUICK, "sts": {"roles": [{"role_arn": "*/Onboarder", "allow": False}]}})
    other = Identity(role_arn="arn:aws:iam::000000000001:role/Other")
    own = [named(f"own-{i}", identity=other) for i in range(5)]
    stage.run([*targets(5), *own], limiter=fast)
    assert stage.states() == {f"i-{i}": "unresolved" for i in range(5)} | {
        f"own-{i}": "succeeded" for i in range(5)
    }


class _Untrusted:
    """A service whose certificate nobody trusts."""

    def __init__(self, memory: MemoryService) -> None:
        self._memory = memory

    async def prepare(self, target: Target) -> Answer | None:
        """Have credentials ready."""
        return await self._memory.prepare(target)

    async def resolve(self, target: Target) -> Encryption | Answer:
        """Find the key."""
        return await self._memory.resolve(target)

    async def send(self, operation: Operation, target: Target) -> Answer:
        """Find no way to send anything."""
        del operation, target
        return Answer(Meaning.UNSENT, error_code="tls", message="self-signed certificate")


def test_certificates_that_are_not_trusted_are_not_waited_for() -> None:
    """No pause mends a setting: all is given up with its cause within a minute."""
    stage = world()
    stage.run(targets(40, accounts=20), limiter=fast, service=_Untrusted)
    assert stage.now < 60
    assert {(r.state.value, r.error_code) for r in stage.records.values()} == {
        ("unresolved", "tls")
    }
    assert ("outage_given_up", "eu-west-2") in told(stage)


@pytest.mark.parametrize(
    ("code", "left"),
    [("RegionDisabledException", "succeeded"), ("AccessDenied", "unresolved")],
)
def test_what_is_about_a_region_closes_only_that(code: str, left: str) -> None:
    """A role that can't be had where the Region is not enabled is used in the others."""
    stage = world(error(403, code, operation="AssumeRole", region="eu-west-2"))
    here = targets(20)
    there = [named(f"there-{i}", region="us-west-2") for i in range(5)]
    stage.run([*here, *there], limiter=fast, concurrency=1)
    assert Counter(stage.states().values()) == Counter({"unresolved": 20}) + Counter({left: 5})
    assert stage.world.seen.requests["AssumeRole"] == (2 if left == "succeeded" else 1)
    role = f"arn:aws:iam::{SICK}:role/Onboarder"
    regional = " in eu-west-2" if left == "succeeded" else ""
    assert told(stage) == [("refused", role + regional)]


@pytest.mark.parametrize("first", range(8))
def test_a_trial_that_is_never_sent_decides_nothing_and_holds_nobody_up(first: int) -> None:
    """Where an outage meets a role that can't be assumed, the next call is the trial."""
    role = f"arn:aws:iam::{SICK}:role/Gone"
    stage = world(
        error(500, "InternalServerException", window={"from": 0, "to": 60}),
        sts={"roles": [{"role_arn": role, "allow": False}]},
    )
    what = targets(8, accounts=1)
    gone = [named(f"gone-{i}", identity=Identity(role)) for i in range(2)]
    stage.run([*what[:first], *gone, *what[first:]], limiter=fast, concurrency=1)
    assert Counter(stage.states().values()) == {"succeeded": 8, "unresolved": 2}


class _Buggy(_Untrusted):
    """A service in whose sixth call a bug shows itself."""

    calls = 0

    async def send(self, operation: Operation, target: Target) -> Answer:
        """Send it, but for that one."""
        self.calls += 1
        if self.calls == 6:
            raise ZeroDivisionError
        return await self._memory.send(operation, target)


def test_a_bug_in_a_trial_holds_nobody_up() -> None:
    """The target in whose course it shows itself is let go, and the next call is the trial."""
    stage = world(error(500, "InternalServerException", window={"from": 0, "to": 60}))
    stage.run(targets(8, accounts=1), limiter=fast, concurrency=1, service=_Buggy)
    assert Counter(stage.states().values()) == {"succeeded": 7, "pending": 1}


def test_a_refusal_is_confirmed_also_where_all_places_for_jobs_are_taken() -> None:
    """Those whose jobs hold the places wait for its retry, which therefore needs none."""
    denied = error(403, "AccessDeniedException", operation="Start*", instance_id="i-5")
    job = {"job_duration": {"min": 5, "max": 10}, "max_jobs_in_progress": 2}
    stage = world({**denied, "times": 1}, defaults=job)
    stage.run(targets(8, accounts=1), limiter=fast)
    assert Counter(stage.states().values()) == {"succeeded": 8}
