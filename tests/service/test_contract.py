"""One contract for every service: the simulated one in memory, and AWS's over real HTTP.

Each test plays the same scenario twice. What the engine learns in memory, on virtual time, is only
worth something if the adapter for AWS says the same when it meets the same world on the wire.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from batch_onboard.core.calls import JobStatus, Meaning, Operation
from batch_onboard.core.targets import Api, Encryption, Identity
from batch_onboard.service.aws import open_service
from batch_onboard.service.settings import StaticCredentials
from batch_onboard.simulator.memory import MemoryService
from batch_onboard.simulator.scenario import (
    CALLER_ACCESS_KEY_ID,
    CALLER_ACCOUNT_ID,
    CALLER_SECRET_ACCESS_KEY,
    Scenario,
)
from batch_onboard.simulator.server import serve
from batch_onboard.simulator.world import World
from tests.service.stub import KEY_ARN, OTHER_ACCOUNT, SETTINGS, NoPauses, role, target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from batch_onboard.core.calls import Answer
    from batch_onboard.core.ports import Service
    from batch_onboard.core.targets import Target

    Opener = Callable[..., AbstractAsyncContextManager["Played"]]

START, STATUS, CONFIG, DELETE = (
    Operation.START,
    Operation.STATUS,
    Operation.CONFIG,
    Operation.DELETE,
)
OWN = target(CALLER_ACCOUNT_ID)


@dataclass(frozen=True)
class Played:
    """A service, and the world behind it."""

    service: Service
    world: World


@asynccontextmanager
async def in_memory(call_timeout: float = 5.0, **scenario: Any) -> AsyncIterator[Played]:
    """The world, spoken to without a wire."""
    world = World(Scenario.model_validate(scenario), started_at=anyio.current_time())
    yield Played(MemoryService(world, latency=0.0, call_timeout=call_timeout), world)


@asynccontextmanager
async def on_the_wire(call_timeout: float = 5.0, **scenario: Any) -> AsyncIterator[Played]:
    """The adapter for AWS, and the same world over HTTP."""
    async with serve(Scenario.model_validate(scenario)) as simulator:
        settings = replace(
            SETTINGS,
            endpoint_url=simulator.url,
            call_timeout=call_timeout,
            static_credentials=StaticCredentials(CALLER_ACCESS_KEY_ID, CALLER_SECRET_ACCESS_KEY),
        )
        async with open_service(settings, random=NoPauses()) as service:
            yield Played(service, simulator.world)


@pytest.fixture(params=[in_memory, on_the_wire], ids=["memory", "wire"])
def play(request: pytest.FixtureRequest) -> Opener:
    """Open one of the two services in a scenario's world."""
    opener: Opener = request.param
    return opener


async def send_all(service: Service, wanted: Target, *operations: Operation) -> list[Answer]:
    """Send some calls for a target, one after the other."""
    return [await service.send(operation, wanted) for operation in operations]


QUICK = {"defaults": {"job_duration": {"min": 0, "max": 0}}}
SLOW = {"defaults": {"job_duration": {"min": 900, "max": 900}}}


@pytest.mark.asyncio
@pytest.mark.parametrize("api", list(Api))
async def test_an_onboarding_from_start_to_config(play: Opener, api: Api) -> None:
    """A fresh instance has neither job nor config; after a Start it has both."""
    wanted = replace(OWN, api=api)
    async with play(**QUICK) as played:
        before = await send_all(played.service, wanted, STATUS, CONFIG)
        started = await played.service.send(START, wanted)
        status, config = await send_all(played.service, wanted, STATUS, CONFIG)
    assert [answer.meaning for answer in before] == [Meaning.ABSENT] * 2
    assert (started.meaning, started.job) == (Meaning.OK, JobStatus.IN_PROGRESS)
    assert (status.meaning, status.job) == (Meaning.OK, JobStatus.SUCCEEDED)
    assert config.encryption is not None
    assert (config.encryption.enabled, config.encryption.key_arn) == (True, KEY_ARN)
    assert all(answer.request_id for answer in (*before, started, status, config))


@pytest.mark.asyncio
async def test_a_start_without_a_key(play: Opener) -> None:
    """Disabled encryption comes back as such."""
    wanted = replace(OWN, encryption=Encryption(enabled=False))
    async with play(**QUICK) as played:
        _, _, config = await send_all(played.service, wanted, START, STATUS, CONFIG)
    assert config.encryption == Encryption(enabled=False)


@pytest.mark.asyncio
async def test_a_failed_job_is_told_deleted_and_gone(play: Opener) -> None:
    """An old FAILED job comes with its code, also from a Start, and can be deleted once."""
    rule = {"initial": "failed", "failure_code": "KMS_ACCESS_DENIED"}
    async with play(instances=[rule]) as played:
        sticky, status, deleted, again = await send_all(
            played.service, OWN, START, STATUS, DELETE, DELETE
        )
    for answer in (sticky, status):
        assert (answer.meaning, answer.job) == (Meaning.OK, JobStatus.FAILED)
        assert answer.failure_code == "KMS_ACCESS_DENIED"
    assert deleted.meaning is Meaning.OK
    assert again.meaning is Meaning.ABSENT


@pytest.mark.asyncio
async def test_a_conflict_is_a_conflict(play: Opener) -> None:
    """A second Start of a running job, and its deletion, are refused as conflicts."""
    async with play(**SLOW) as played:
        _, again, deleted = await send_all(played.service, OWN, START, START, DELETE)
    assert (again.meaning, again.error_code) == (Meaning.CONFLICT, "ConflictException")
    assert (deleted.meaning, deleted.error_code) == (Meaning.CONFLICT, "InvalidStateException")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("initial", "meaning", "code"),
    [
        ("missing", Meaning.ABSENT, "ResourceNotFoundException"),
        ("denied", Meaning.DENIED, "AccessDeniedException"),
        ("invalid", Meaning.REJECTED, "ValidationException"),
    ],
)
@pytest.mark.parametrize("operation", list(Operation))
async def test_a_refusal_has_its_meaning(
    play: Opener, operation: Operation, initial: str, meaning: Meaning, code: str
) -> None:
    """Each of the service's refusals is told apart, for every operation."""
    async with play(instances=[{"initial": initial}]) as played:
        answer = await played.service.send(operation, OWN)
    assert (answer.meaning, answer.error_code) == (meaning, code)
    assert answer.message
    assert answer.request_id


@pytest.mark.asyncio
@pytest.mark.parametrize("shape", ["normal", "empty_body", "html", "code_400"])
async def test_a_throttle_is_one_in_every_shape(play: Opener, shape: str) -> None:
    """Whatever a throttle looks like, it is one."""
    throttle = {"rate": 0.001, "burst": 1, "shape": shape}
    async with play(throttle=throttle) as played:
        first, second = await send_all(played.service, OWN, STATUS, STATUS)
    assert first.meaning is Meaning.ABSENT
    assert second.meaning is Meaning.THROTTLED


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ({"retry_after": 7}, 7.0),
        ({"retry_after": 99999}, 300.0),
        ({"retry_after": -1}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after_ms": 1500}, 1.5),
        ({}, None),
    ],
)
async def test_a_throttle_says_how_long_to_wait(
    play: Opener, asked: dict[str, object], seconds: float | None
) -> None:
    """The wait that a throttle asks for is understood, and capped."""
    async with play(throttle={"rate": 0.001, "burst": 1, **asked}) as played:
        _, second = await send_all(played.service, OWN, STATUS, STATUS)
    assert second.retry_after == seconds


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fault", "meaning", "code"),
    [
        ({"kind": "error"}, Meaning.UNCLEAR, "InternalServerException"),
        ({"kind": "error", "shape": "html"}, Meaning.UNCLEAR, "500"),
        (
            {"kind": "error", "status": 403, "code": "RequestTimeTooSkewed"},
            Meaning.CREDENTIALS,
            "RequestTimeTooSkewed",
        ),
        ({"kind": "expired_token"}, Meaning.EXPIRED, "ExpiredTokenException"),
        ({"kind": "redirect", "location": "http://127.0.0.1:9"}, Meaning.UNCLEAR, "redirect"),
        ({"kind": "drop_before"}, Meaning.UNCLEAR, "connection_lost"),
        ({"kind": "drop_after"}, Meaning.UNCLEAR, "connection_lost"),
        ({"kind": "hang"}, Meaning.UNCLEAR, "timeout"),
        ({"kind": "delay", "seconds": 60}, Meaning.UNCLEAR, "timeout"),
        ({"kind": "cut_body"}, Meaning.UNCLEAR, "unreadable"),
        ({"kind": "empty_body"}, Meaning.UNCLEAR, "unreadable"),
        ({"kind": "html_body"}, Meaning.UNCLEAR, "unreadable"),
        ({"kind": "foreign_id"}, Meaning.UNCLEAR, "unreadable"),
        ({"kind": "bad_status"}, Meaning.UNCLEAR, "unknown_status"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
async def test_a_fault_has_its_meaning(
    play: Opener, fault: dict[str, object], meaning: Meaning, code: str
) -> None:
    """Each fault of the wire is understood alike, and makes exactly one Start."""
    match = {"operation": Operation.START.value}
    faults = [{"match": match, "times": 1, **fault}]
    call_timeout = 0.4 if code == "timeout" else 5.0
    async with play(faults=faults, call_timeout=call_timeout, **SLOW) as played:
        await played.service.prepare(OWN)
        answer = await played.service.send(START, OWN)
        requests = played.world.seen.as_json()
    assert (answer.meaning, answer.error_code) == (meaning, code)
    assert requests["requests"][Operation.START.value] == 1


@pytest.mark.asyncio
async def test_a_start_that_was_accepted_unheard_runs(play: Opener) -> None:
    """After a Start whose answer was lost, the live state tells that it was accepted."""
    fault = {"match": {"operation": Operation.START.value}, "kind": "drop_after"}
    async with play(faults=[fault], **SLOW) as played:
        lost, status = await send_all(played.service, OWN, START, STATUS)
    assert lost.meaning is Meaning.UNCLEAR
    assert status.job is JobStatus.IN_PROGRESS


@pytest.mark.asyncio
async def test_a_failure_code_of_tomorrow_is_kept(play: Opener) -> None:
    """A failure code outside the service model is passed on, and the job counts as failed."""
    async with play(
        instances=[{"initial": "failed"}], faults=[{"kind": "bad_failure_code"}]
    ) as played:
        answer = await played.service.send(STATUS, OWN)
    assert (answer.meaning, answer.job) == (Meaning.OK, JobStatus.FAILED)
    assert answer.failure_code not in {None, "INTERNAL_FAILURE"}


@pytest.mark.asyncio
async def test_a_role_works_in_its_own_account_only(play: Opener) -> None:
    """A role's Start is seen in the role's account; a target elsewhere is never called."""
    there = target(OTHER_ACCOUNT, identity=role(OTHER_ACCOUNT))
    async with play(**SLOW) as played:
        assert await played.service.prepare(there) is None
        accepted = await played.service.send(START, there)
        wrong = await played.service.prepare(replace(OWN, identity=role(OTHER_ACCOUNT)))
        wrong_own = await played.service.send(START, target(OTHER_ACCOUNT))
        running = await played.service.send(STATUS, there)
    assert accepted.meaning is Meaning.OK
    assert running.job is JobStatus.IN_PROGRESS
    for answer in (wrong, wrong_own):
        assert answer is not None
        assert (answer.meaning, answer.error_code) == (Meaning.WRONG_ACCOUNT, "wrong_account")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "world",
    [
        {},
        {"sts": {"roles": [{"allow": False}]}},
        {"faults": [{"match": {"operation": "AssumeRole"}, "kind": "error", "status": 500}]},
    ],
    ids=["had", "refused", "failing"],
)
async def test_a_role_is_assumed_by_one_for_all_who_wait(
    play: Opener, world: dict[str, Any]
) -> None:
    """However many targets want a role at once, and whatever comes of it, STS is asked once."""
    there = target(OTHER_ACCOUNT, identity=role(OTHER_ACCOUNT))
    async with play(**world) as played, anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(played.service.prepare, there)
    assert played.world.seen.requests["AssumeRole"] == 1


@pytest.mark.asyncio
async def test_a_role_that_hands_out_another_account_sends_nothing(play: Opener) -> None:
    """What STS says of a session counts, not the role's name."""
    sts = {"roles": [{"account_id": CALLER_ACCOUNT_ID}]}
    async with play(sts=sts) as played:
        answer = await played.service.send(
            START, target(OTHER_ACCOUNT, identity=role(OTHER_ACCOUNT))
        )
        calls = played.world.seen.as_json()["requests"]
    assert answer.meaning is Meaning.WRONG_ACCOUNT
    assert Operation.START.value not in calls


@pytest.mark.asyncio
@pytest.mark.parametrize("external_id", [None, "wrong", "right"])
async def test_an_external_id_opens_a_role(play: Opener, external_id: str | None) -> None:
    """A role that asks for an external id is had with it, and only with it."""
    there = target(OTHER_ACCOUNT, identity=role(OTHER_ACCOUNT, external_id=external_id))
    async with play(sts={"roles": [{"external_id": "right"}]}) as played:
        answer = await played.service.prepare(there)
    if external_id == "right":
        assert answer is None
    else:
        assert answer is not None
        assert (answer.meaning, answer.error_code) == (Meaning.NO_IDENTITY, "AccessDenied")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error", "status": 403, "code": "AccessDenied"},
        {"kind": "error", "status": 500},
        {"kind": "drop_before"},
        {"kind": "empty_body"},
    ],
    ids=["denied", "error", "dropped", "empty"],
)
@pytest.mark.parametrize("identity", [Identity(), role(CALLER_ACCOUNT_ID)], ids=["own", "role"])
async def test_an_identity_that_is_not_had_sends_nothing(
    play: Opener, fault: dict[str, object], identity: Identity
) -> None:
    """If STS refuses, or fails for now, the target is told so and nothing goes to its account."""
    operation = "GetCallerIdentity" if identity == Identity() else "AssumeRole"
    wanted = replace(OWN, identity=identity)
    async with play(faults=[{"match": {"operation": operation}, **fault}]) as played:
        answers = [await played.service.prepare(wanted), await played.service.send(START, wanted)]
        calls = played.world.seen.as_json()["requests"]
    for answer in answers:
        assert answer is not None
        refused = fault.get("status") == 403
        assert answer.meaning is (Meaning.NO_IDENTITY if refused else Meaning.UNSENT)
    assert Operation.START.value not in calls


@pytest.mark.asyncio
async def test_a_profile_is_no_identity_here(play: Opener) -> None:
    """Without leave, or in memory, a profile has no credentials."""
    async with play() as played:
        answer = await played.service.prepare(replace(OWN, identity=Identity(profile="work")))
    assert answer is not None
    assert answer.meaning is Meaning.NO_IDENTITY


ALIAS = KEY_ARN.replace(":key/1", ":alias/campaigns").replace(OTHER_ACCOUNT, CALLER_ACCOUNT_ID)
BY_ALIAS = replace(OWN, encryption=Encryption(True, ALIAS, "KMS"))


@pytest.mark.asyncio
async def test_an_alias_is_resolved_once(play: Opener) -> None:
    """All who ask for an alias get the key's ARN, for one DescribeKey; a key needs none."""
    aliases = [{"alias": "*campaigns", "key_id": "1111"}]
    async with play(kms={"aliases": aliases}) as played:
        found = [await played.service.resolve(BY_ALIAS) for _ in range(3)]
        unasked = await played.service.resolve(OWN)
        calls = played.world.seen.as_json()["requests"]
    key_arn = ALIAS.replace("alias/campaigns", "key/1111")
    assert found == [Encryption(True, key_arn, "KMS", alias=ALIAS)] * 3
    assert unasked == OWN.encryption
    assert calls["DescribeKey"] == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("world", "meaning", "code"),
    [
        ({"kms": {"aliases": [{"allow": False}]}}, Meaning.NO_KEY, "key_denied"),
        ({"kms": {"aliases": [{"exists": False}]}}, Meaning.NO_KEY, "key_not_found"),
        (
            {"kind": "error", "status": 400, "code": "InvalidArnException"},
            Meaning.NO_KEY,
            "key_not_told",
        ),
        (
            {"kind": "error", "status": 400, "code": "ThrottlingException"},
            Meaning.UNSENT,
            "ThrottlingException",
        ),
        ({"kind": "error", "status": 500}, Meaning.UNSENT, "InternalServerException"),
        ({"kind": "empty_body"}, Meaning.UNSENT, "unreadable"),
        ({"kind": "hang"}, Meaning.UNSENT, "timeout"),
        ({"kind": "expired_token"}, Meaning.EXPIRED, "ExpiredTokenException"),
        (
            {"kind": "error", "status": 403, "code": "UnrecognizedClientException"},
            Meaning.CREDENTIALS,
            "UnrecognizedClientException",
        ),
    ],
    ids=lambda value: "" if isinstance(value, dict) else str(value),
)
async def test_a_key_that_is_not_told_has_its_meaning(
    play: Opener, world: dict[str, Any], meaning: Meaning, code: str
) -> None:
    """Why a key is not known is told apart: for good, for now, or for the credentials' sake."""
    if "kind" in world:
        world = {"faults": [{"match": {"operation": "DescribeKey"}, **world}]}
    async with play(call_timeout=0.4 if code == "timeout" else 5.0, **world) as played:
        answer = await played.service.resolve(BY_ALIAS)
    assert not isinstance(answer, Encryption)
    assert (answer.meaning, answer.error_code) == (meaning, code)
