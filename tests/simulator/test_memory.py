from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from batch_onboard.core.calls import Answer, JobStatus, Meaning, Operation
from batch_onboard.core.targets import Encryption
from batch_onboard.simulator.memory import MemoryService
from batch_onboard.simulator.protocol import Payload, Reply
from batch_onboard.simulator.scenario import CALLER_ACCOUNT_ID
from batch_onboard.simulator.understanding import answer_of
from tests.simulator.helpers import ACCOUNT, KMS, instance, target, world
from tests.virtual import run_virtual

if TYPE_CHECKING:
    from batch_onboard.core.ports import Service

START, STATUS, CONFIG, DELETE = (
    Operation.START,
    Operation.STATUS,
    Operation.CONFIG,
    Operation.DELETE,
)


def _service(**keys: Any) -> MemoryService:
    return MemoryService(world(**keys), latency=0.0)


async def _sent(operation: Operation = START, **keys: Any) -> Answer:
    return await _service(**keys).send(operation, target())


@pytest.mark.asyncio
async def test_it_plays_the_world() -> None:
    """A Start is OK with a job; its job has no end while no time passes."""
    service: Service = _service()
    assert await service.prepare(target()) is None
    started = await service.send(START, target())
    assert (started.meaning, started.job) == (Meaning.OK, JobStatus.IN_PROGRESS)
    assert started.request_id is not None
    assert (await service.send(START, target())).meaning is Meaning.CONFLICT
    assert (await service.send(CONFIG, target())).meaning is Meaning.ABSENT
    assert (await service.send(DELETE, target())).error_code == "InvalidStateException"


@pytest.mark.asyncio
async def test_a_config_tells_the_encryption() -> None:
    """With all three of its parts."""
    encryption = {"enabled": True, "key_arn": KMS.key_arn, "encryption_type": "KMS"}
    answer = await _sent(CONFIG, defaults={"initial": "onboarded", "encryption": encryption})
    assert (answer.meaning, answer.encryption) == (Meaning.OK, KMS)
    answer = await _sent(CONFIG, defaults={"initial": "onboarded"})
    assert answer.encryption == Encryption(enabled=False)


@pytest.mark.asyncio
async def test_a_failed_job_tells_its_code_and_can_be_deleted() -> None:
    """A Start that answers an old failure is OK with a FAILED job."""
    service = _service(defaults={"initial": "failed", "failure_code": "KMS_KEY_NOT_FOUND"})
    answer = await service.send(START, target())
    assert (answer.meaning, answer.job) == (Meaning.OK, JobStatus.FAILED)
    assert answer.failure_code == "KMS_KEY_NOT_FOUND"
    assert (await service.send(DELETE, target())).meaning is Meaning.OK


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fault", "meaning", "error_code"),
    [
        ({"kind": "error"}, Meaning.UNCLEAR, "InternalServerException"),
        ({"kind": "error", "status": 503, "shape": "empty_body"}, Meaning.UNCLEAR, "503"),
        ({"kind": "error", "status": 429, "shape": "html"}, Meaning.THROTTLED, "429"),
        (
            {"kind": "error", "code": "ThrottlingException", "shape": "code_400"},
            Meaning.THROTTLED,
            "ThrottlingException",
        ),
        ({"kind": "expired_token"}, Meaning.EXPIRED, "ExpiredTokenException"),
        ({"kind": "redirect", "location": "http://x/"}, Meaning.UNCLEAR, "redirect"),
        ({"kind": "drop_before"}, Meaning.UNCLEAR, "connection_lost"),
        ({"kind": "drop_after"}, Meaning.UNCLEAR, "connection_lost"),
        ({"kind": "cut_body"}, Meaning.UNCLEAR, "unreadable"),
        ({"kind": "empty_body"}, Meaning.UNCLEAR, "unreadable"),
        ({"kind": "html_body"}, Meaning.UNCLEAR, "unreadable"),
        ({"kind": "foreign_id"}, Meaning.UNCLEAR, "unreadable"),
        ({"kind": "bad_status"}, Meaning.UNCLEAR, "unknown_status"),
    ],
)
async def test_each_fault_means_what_it_means_over_http(
    fault: dict[str, Any], meaning: Meaning, error_code: str
) -> None:
    """As core.calls.meaning_of has it, and UNCLEAR for all that can't be read."""
    answer = await _sent(faults=[fault])
    assert (answer.meaning, answer.error_code) == (meaning, error_code)
    assert answer.message


@pytest.mark.asyncio
async def test_an_unknown_status_is_named() -> None:
    """So that a person can look it up."""
    answer = await _sent(faults=[{"kind": "bad_status"}])
    assert answer.message is not None
    assert "PAUSED" in answer.message


@pytest.mark.asyncio
async def test_a_config_of_another_instance_teaches_nothing() -> None:
    """Neither its encryption nor that there is one."""
    onboarded = {"initial": "onboarded"}
    answer = await _sent(CONFIG, faults=[{"kind": "foreign_id"}], defaults=onboarded)
    assert (answer.meaning, answer.encryption) == (Meaning.UNCLEAR, None)


@pytest.mark.asyncio
async def test_a_delete_needs_no_body() -> None:
    """A spoilt body of a 200 without members changes nothing."""
    answer = await _sent(DELETE, faults=[{"kind": "html_body"}], defaults={"initial": "failed"})
    assert answer.meaning is Meaning.OK


@pytest.mark.parametrize("fault", [{"kind": "hang"}, {"kind": "delay", "seconds": 60}])
def test_a_call_that_takes_too_long_is_unclear(fault: dict[str, Any]) -> None:
    """After the call timeout, and no later; a delayed Start was accepted all the same."""

    async def one_call() -> None:
        a_world = world(faults=[fault])
        service = MemoryService(a_world, latency=0.5, call_timeout=20.0)
        await service.prepare(target())
        assert anyio.current_time() == 0.5
        answer = await service.send(START, target())
        assert anyio.current_time() == 20.5
        assert (answer.meaning, answer.error_code) == (Meaning.UNCLEAR, "timeout")
        accepted = sum(seen.starts_accepted for seen in a_world.seen.targets.values())
        assert accepted == (fault["kind"] == "delay")

    run_virtual(one_call)


def test_a_call_reaches_the_world_halfway() -> None:
    """Half of the latency there and half of it back; a delay comes on top."""

    async def one_call() -> None:
        a_world = world(faults=[{"kind": "delay", "seconds": 3}])
        service = MemoryService(a_world, latency=2.0)
        await service.prepare(target())
        await service.send(START, target())
        assert a_world.seen.accepted_starts == [(3.0, target().key)]
        assert anyio.current_time() == 7.0

    run_virtual(one_call)


def test_latency_may_differ_from_call_to_call() -> None:
    """A function is asked for each exchange, those with STS included."""
    latencies = iter((1.0, 2.0, 4.0))

    async def two_calls() -> None:
        service = MemoryService(world(), latency=lambda: next(latencies))
        await service.send(STATUS, target())
        await service.send(STATUS, target())
        assert anyio.current_time() == 7.0

    run_virtual(two_calls)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ((("Retry-After", "3"),), 3.0),
        ((("x-amz-retry-after", "1500"), ("Retry-After", "3")), 1.5),
        ((("Retry-After", "99999"),), 300.0),
        ((("Retry-After", "-1"),), None),
        ((("x-amz-retry-after", "-1"), ("Retry-After", "2")), 2.0),
        ((("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"),), None),
        ((), None),
    ],
)
def test_waits_that_a_service_asks_for_are_read(
    headers: tuple[tuple[str, str], ...], seconds: float | None
) -> None:
    """Milliseconds or seconds, at most 300 s; anything else is ignored."""
    reply = Reply(status=429, code="ThrottlingException", headers=headers, payload=Payload.EMPTY)
    assert answer_of(START, "i", reply).retry_after == seconds


@pytest.mark.asyncio
async def test_a_role_of_another_account_is_never_used() -> None:
    """Neither one that says so nor one that turns out so: nothing is sent."""
    honest, lying = world(), world(sts={"roles": [{"account_id": "999900001111"}]})
    for a_world, wrong in ((honest, target(instance("i", "444455556666"))), (lying, target())):
        service = MemoryService(a_world, latency=0.0)
        prepared = await service.prepare(wrong)
        assert prepared is not None
        assert prepared.meaning is Meaning.WRONG_ACCOUNT
        assert await service.send(START, wrong) == prepared
        assert not a_world.seen.targets


@pytest.mark.asyncio
async def test_the_callers_own_credentials_are_of_its_account() -> None:
    """They are learned once, by GetCallerIdentity."""
    a_world = world()
    own = target(instance("i", CALLER_ACCOUNT_ID), external_id="unused")
    service = MemoryService(a_world, latency=0.0)
    assert (await service.send(STATUS, own)).meaning is Meaning.ABSENT
    assert (await service.send(STATUS, own)).meaning is Meaning.ABSENT
    assert a_world.seen.requests["GetCallerIdentity"] == 1
    here = MemoryService(world(), latency=0.0, caller_account=ACCOUNT)
    assert await here.prepare(target(external_id="unused")) is None


@pytest.mark.parametrize(
    ("keys", "meaning", "error_code"),
    [
        ({"sts": {"roles": [{"allow": False}]}}, Meaning.NO_IDENTITY, "AccessDenied"),
        ({"faults": [{"match": {"operation": "*"}, "kind": "hang"}]}, Meaning.UNSENT, "timeout"),
        (
            {"faults": [{"match": {"operation": "A*"}, "kind": "empty_body"}]},
            Meaning.UNSENT,
            "unreadable",
        ),
    ],
)
def test_an_identity_that_cannot_be_had_is_told(
    keys: dict[str, Any], meaning: Meaning, error_code: str
) -> None:
    """Nothing is sent, the message names the role, and what may pass is told from a refusal."""
    a_world = world(**keys)
    answer = run_virtual(lambda: MemoryService(a_world).send(START, target()))
    assert (answer.meaning, answer.error_code) == (meaning, error_code)
    assert answer.message is not None
    assert "role/ConnectOnboarder: " in answer.message
    assert not a_world.seen.targets


@pytest.mark.asyncio
async def test_there_are_no_profiles() -> None:
    """A profile is the business of the AWS config, of which there is none here."""
    answer = await _service().prepare(target(profile="prod"))
    assert answer is not None
    assert (answer.meaning, answer.error_code) == (Meaning.NO_IDENTITY, "no_profile")
