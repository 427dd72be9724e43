from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

from batch_onboard.simulator.errors import SimulatorError
from batch_onboard.simulator.scenario import CALLER_ACCOUNT_ID, CALLER_ARN
from batch_onboard.simulator.server import serve
from tests.simulator.helpers import ACCOUNT, INSTANCE, REGION, ROLE, scenario
from tests.simulator.wire import client

ENCRYPTION = {"enabled": True, "encryptionType": "KMS", "keyArn": "arn:aws:kms:x:1:key/k"}
START = {"connectInstanceId": INSTANCE, "encryptionConfig": ENCRYPTION}
ID = {"connectInstanceId": INSTANCE}


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _error(raised: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = raised.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@pytest.mark.asyncio
@pytest.mark.parametrize("service", ["connectcampaigns", "connectcampaignsv2"])
async def test_a_real_client_can_do_all_that_there_is(service: str) -> None:
    """Start, status, config, offboarding and delete, in both versions, over real HTTP."""
    clock = Clock()
    more = {"campaignDeletionPolicy": "RETAIN_ALL"} if service == "connectcampaignsv2" else {}
    async with (
        serve(scenario(defaults={"failures": 1}), clock=clock) as simulator,
        client(service, simulator.url) as aws,
    ):
        started = await aws.start_instance_onboarding_job(**START)
        job = started["connectInstanceOnboardingJobStatus"]
        assert job == {**ID, "status": "IN_PROGRESS"}
        clock.now += 10
        ended = await aws.get_instance_onboarding_job_status(**ID)
        job = ended["connectInstanceOnboardingJobStatus"]
        assert job == {**ID, "status": "FAILED", "failureCode": "INTERNAL_FAILURE"}
        deleted = await aws.delete_instance_onboarding_job(**ID)
        assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 200
        await aws.start_instance_onboarding_job(**START)
        clock.now += 10
        config = await aws.get_connect_instance_config(**ID)
        assert config["connectInstanceConfig"]["encryptionConfig"] == ENCRYPTION
        await aws.delete_connect_instance_config(**ID, **more)
        with pytest.raises(ClientError) as raised:
            await aws.get_connect_instance_config(**ID)
        assert _error(raised) == (404, "ResourceNotFoundException")
        assert simulator.seen().double_starts == 0


@pytest.mark.asyncio
async def test_errors_have_the_shape_that_a_client_expects() -> None:
    """A client finds the modelled exception, its message and the request id."""
    async with (
        serve(scenario()) as simulator,
        client("connectcampaigns", simulator.url) as aws,
    ):
        await aws.start_instance_onboarding_job(**START)
        with pytest.raises(aws.exceptions.ConflictException) as raised:
            await aws.start_instance_onboarding_job(**START)
    response = raised.value.response
    assert response["Error"]["Message"] == "An onboarding job is in progress."
    assert response["ResponseMetadata"]["RequestId"]


@pytest.mark.asyncio
async def test_a_client_assumes_a_role_and_calls_in_its_account() -> None:
    """AssumeRole's answer names the account, and calls with its credentials are made there."""
    async with serve(scenario()) as simulator, client("sts", simulator.url) as sts:
        caller = await sts.get_caller_identity()
        assert (caller["Account"], caller["Arn"]) == (CALLER_ACCOUNT_ID, CALLER_ARN)
        assumed = await sts.assume_role(RoleArn=ROLE, RoleSessionName="bo-1", DurationSeconds=900)
        assert assumed["AssumedRoleUser"]["Arn"].split(":")[4] == ACCOUNT
        credentials = assumed["Credentials"]
        async with client("sts", simulator.url, credentials) as assumed_sts:
            assert (await assumed_sts.get_caller_identity())["Account"] == ACCOUNT
        async with client("connectcampaigns", simulator.url, credentials) as aws:
            await aws.start_instance_onboarding_job(**START)
        assert list(simulator.seen().targets) == [(ACCOUNT, REGION, INSTANCE)]


@pytest.mark.asyncio
async def test_credentials_expire_by_the_worlds_clock() -> None:
    """The expiration that AssumeRole tells is in wall time, and it is kept."""
    clock = Clock()
    async with (
        serve(scenario(), clock=clock) as simulator,
        client("sts", simulator.url) as sts,
    ):
        assumed = await sts.assume_role(RoleArn=ROLE, RoleSessionName="bo-1", DurationSeconds=900)
        told = assumed["Credentials"]["Expiration"].timestamp()
        dated = assumed["ResponseMetadata"]["HTTPHeaders"]["date"]
        assert told - _timestamp(dated) == pytest.approx(900, abs=2)
        clock.now += 900
        async with client("connectcampaigns", simulator.url, assumed["Credentials"]) as aws:
            with pytest.raises(ClientError) as raised:
                await aws.get_instance_onboarding_job_status(**ID)
        assert _error(raised) == (403, "ExpiredTokenException")


def _timestamp(http_date: str) -> float:
    return parsedate_to_datetime(http_date).timestamp()


@pytest.mark.asyncio
async def test_a_denied_role_is_an_error_of_sts() -> None:
    """A client reads code and message out of the XML."""
    roles = [{"role_arn": "*Onboarder", "allow": False}]
    async with (
        serve(scenario(sts={"roles": roles})) as simulator,
        client("sts", simulator.url) as sts,
    ):
        with pytest.raises(
            ClientError, match="not authorized to perform: sts:AssumeRole"
        ) as raised:
            await sts.assume_role(RoleArn=ROLE, RoleSessionName="bo-1")
        assert _error(raised) == (403, "AccessDenied")


@pytest.mark.asyncio
async def test_a_wrong_wall_clock_is_noticed() -> None:
    """A server whose clock is an hour off refuses requests for their time."""
    async with (
        serve(scenario(), wall_clock=lambda: 0.0) as simulator,
        client("connectcampaigns", simulator.url) as aws,
    ):
        with pytest.raises(ClientError) as raised:
            await aws.get_instance_onboarding_job_status(**ID)
        assert _error(raised) == (403, "RequestTimeTooSkewed")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("shape", "code"),
    [("normal", "ThrottlingException"), ("empty_body", "429"), ("html", "429")],
)
async def test_throttles_reach_a_client_in_each_shape(shape: str, code: str) -> None:
    """Without a readable body, botocore takes the HTTP status for the code."""
    throttle = {"rate": 1, "burst": 1, "shape": shape, "retry_after": 3}
    async with (
        serve(scenario(throttle=throttle), clock=lambda: 0.0) as simulator,
        client("connectcampaigns", simulator.url) as aws,
    ):
        await aws.start_instance_onboarding_job(**START)
        with pytest.raises(ClientError) as raised:
            await aws.start_instance_onboarding_job(**START)
        assert _error(raised) == (429, code)
        headers = raised.value.response["ResponseMetadata"]["HTTPHeaders"]
        assert headers["retry-after"] == "3"


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["cut_body", "empty_body", "html_body"])
async def test_a_spoilt_success_is_an_empty_answer_to_a_client(kind: str) -> None:
    """A client raises nothing: only the metadata is left."""
    async with (
        serve(scenario(faults=[{"kind": kind}])) as simulator,
        client("connectcampaigns", simulator.url) as aws,
    ):
        answer = await aws.start_instance_onboarding_job(**START)
        assert set(answer) - {"message"} == {"ResponseMetadata"}
        assert simulator.seen().targets[_target()].starts_accepted == 1


@pytest.mark.asyncio
async def test_spoilt_answers_of_sts_cannot_be_parsed() -> None:
    """Half an XML document is a parser's error."""
    faults = [{"match": {"operation": "Get*"}, "kind": "cut_body"}]
    async with (
        serve(scenario(faults=faults)) as simulator,
        client("sts", simulator.url) as sts,
    ):
        with pytest.raises(ResponseParserError):
            await sts.get_caller_identity()


def _target() -> Any:
    return (CALLER_ACCOUNT_ID, REGION, INSTANCE)


@pytest.mark.asyncio
async def test_a_connection_is_closed_without_an_answer() -> None:
    """`drop_before` applies nothing: the client can't tell, the simulator can."""
    async with (
        serve(scenario(faults=[{"kind": "drop_before"}])) as simulator,
        client("connectcampaigns", simulator.url) as aws,
    ):
        with pytest.raises(HTTPClientError):
            await aws.start_instance_onboarding_job(**START)
        assert simulator.seen().targets[_target()].starts_accepted == 0


@pytest.mark.asyncio
async def test_a_client_that_resends_a_lost_start_by_itself_is_found_out() -> None:
    """After a lost answer aiohttp sends a PUT again; the 409 then hides an accepted Start."""
    async with (
        serve(scenario(faults=[{"kind": "drop_after"}])) as simulator,
        client("connectcampaigns", simulator.url) as aws,
    ):
        with pytest.raises(aws.exceptions.ConflictException):
            await aws.start_instance_onboarding_job(**START)
        seen = simulator.seen().targets[_target()]
        assert (seen.starts_accepted, seen.starts_unanswered) == (1, 1)
        assert seen.repeated_starts == 1


@pytest.mark.asyncio
async def test_a_delayed_answer_comes() -> None:
    """A short delay is only that."""
    faults = [{"kind": "delay", "seconds": 0.001}]
    async with (
        serve(scenario(faults=faults)) as simulator,
        client("connectcampaigns", simulator.url) as aws,
    ):
        answer = await aws.start_instance_onboarding_job(**START)
        assert answer["connectInstanceOnboardingJobStatus"]["status"] == "IN_PROGRESS"


@pytest.mark.asyncio
async def test_a_hanging_call_ends_with_the_simulator() -> None:
    """The connection stays silent until the simulator is closed, which doesn't wait for it."""
    async with AsyncExitStack() as stack:
        async with serve(scenario(faults=[{"kind": "hang"}])) as simulator:
            aws = await stack.enter_async_context(client("connectcampaigns", simulator.url))
            hanging = asyncio.create_task(aws.get_instance_onboarding_job_status(**ID))
            while not simulator.seen().requests:  # noqa: ASYNC110 - no event tells it
                await asyncio.sleep(0)
            async with (
                aiohttp.ClientSession(simulator.url) as session,
                session.get("/_simulator/healthy") as answer,
            ):
                assert await answer.json() == {"healthy": True}
            assert not hanging.done()
        with pytest.raises(BotoCoreError):
            await hanging


@pytest.mark.asyncio
async def test_it_tells_what_it_saw() -> None:
    """GET /_simulator/seen needs no signature and is plain JSON."""
    async with serve(scenario()) as simulator, aiohttp.ClientSession(simulator.url) as session:
        async with client("connectcampaigns", simulator.url) as aws:
            await aws.start_instance_onboarding_job(**START)
        async with session.get("/_simulator/seen") as answer:
            assert await answer.json() == simulator.seen().as_json()
        async with session.post("/_simulator/seen") as answer:
            assert answer.status == 405
        async with session.get("/_simulator/other") as answer:
            assert answer.status == 404


@pytest.mark.asyncio
async def test_only_loopback_names_are_answered() -> None:
    """A request that reached loopback by another name is misdirected."""
    async with serve(scenario()) as simulator, aiohttp.ClientSession(simulator.url) as session:
        for host, status in (
            ("localhost:80", 200),
            ("127.0.0.1", 200),
            ("[::1]:80", 200),
            ("[::1]", 200),
            ("evil.example:80", 421),
            ("10.0.0.1", 421),
            ("[", 421),
            ("", 421),
        ):
            async with session.get("/_simulator/healthy", headers={"Host": host}) as answer:
                assert answer.status == status, host


@pytest.mark.asyncio
async def test_it_serves_on_loopback_only() -> None:
    """Any other address is refused before a socket is made."""
    with pytest.raises(
        SimulatorError, match=r"on loopback only, such as 127\.0\.0\.1, not 0\.0\.0\.0"
    ):
        async with serve(scenario(), host="0.0.0.0"):  # noqa: S104 - it is refused
            pass


@pytest.mark.asyncio
async def test_a_port_that_is_taken_is_told() -> None:
    """The message names the address."""
    async with serve(scenario()) as simulator:
        port = int(simulator.url.rpartition(":")[2])
        with pytest.raises(SimulatorError, match=f"can't listen on 127.0.0.1:{port}: "):
            async with serve(scenario(), port=port):
                pass


@pytest.mark.asyncio
async def test_it_also_serves_on_ipv6() -> None:
    """The URL has its brackets."""
    async with serve(scenario(), host="::1") as simulator:
        assert simulator.url.startswith("http://[::1]:")
        async with aiohttp.ClientSession(simulator.url) as session:
            assert (await session.get("/_simulator/healthy")).status == 200
