"""A real server on loopback that answers as a test says: the wire, with all its traps."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from aiohttp import web

from batch_onboard.core.targets import Api, Encryption, Identity, Target, TargetKey
from batch_onboard.service.aws import open_service
from batch_onboard.service.settings import ServiceSettings, StaticCredentials

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from batch_onboard.service.aws import AwsService

    Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]

OWN_ACCOUNT = "111122223333"
OTHER_ACCOUNT = "444455556666"
REGION = "eu-west-2"
KEY_ARN = f"arn:aws:kms:{REGION}:{OWN_ACCOUNT}:key/1"
KEYS = StaticCredentials("AKIDOWN", "own-secret")


class NoPauses(Random):
    """Draws nought, so that a pause between tries is none."""

    def random(self) -> float:
        return 0.0


SETTINGS = ServiceSettings(
    user_agent_extra="batch-onboard/0 run/r1",
    session_name="bo-r1",
    call_timeout=5.0,
    static_credentials=KEYS,
)


def target(account_id: str = OWN_ACCOUNT, **changes: Any) -> Target:
    """A target of an account, with the caller's own credentials unless `changes` says more."""
    plain = Target(
        TargetKey(account_id, REGION, "instance-1"),
        Api.V1,
        Identity(),
        Encryption(enabled=True, key_arn=KEY_ARN),
    )
    return replace(plain, **changes)


def role(account_id: str, name: str = "Onboarder", **more: Any) -> Identity:
    """A role of an account."""
    return Identity(f"arn:aws:iam::{account_id}:role/{name}", **more)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request, as it was on the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    connection: object

    @property
    def access_key_id(self) -> str:
        match = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization", ""))
        assert match is not None, "the request is not signed"
        return match[1]

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body).items()}


@dataclass
class Stub:
    """What the server answers, and what it has seen.

    Attributes:
        campaigns: replies to the next calls of the campaigns service; then a job in progress.
        sts: replies to the next calls of STS; then what STS would say.
        accounts: of long-lived access keys.
        seen: all requests, in order.
        never: set at the end of the test, for replies that wait.
        hanging: set once such a reply waits.
        sessions: how many roles were assumed.
        life: until when their credentials are said to be good.
    """

    url: str = ""
    campaigns: deque[Reply] = field(default_factory=deque)
    sts: deque[Reply] = field(default_factory=deque)
    accounts: dict[str, str] = field(default_factory=lambda: {"AKIDOWN": OWN_ACCOUNT})
    seen: list[Seen] = field(default_factory=list)
    never: asyncio.Event = field(default_factory=asyncio.Event)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    sessions: int = 0
    life: str = "2099-01-01T00:00:00Z"

    @property
    def campaign_calls(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.path != "/"]

    @property
    def sts_calls(self) -> list[str]:
        return [seen.form["Action"] for seen in self.seen if seen.path == "/"]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(
            request.method,
            request.path,
            dict(request.headers),
            await request.text(),
            request.transport,
        )
        self.seen.append(seen)
        script = self.sts if request.path == "/" else self.campaigns
        if script:
            return await script.popleft()(request)
        return self.as_sts(seen) if request.path == "/" else as_service(seen)

    def as_sts(self, seen: Seen) -> web.Response:
        if seen.form["Action"] == "GetCallerIdentity":
            account = self.accounts[seen.access_key_id]
            return identity_xml(account)
        self.sessions += 1
        role_arn = seen.form["RoleArn"]
        account, name = role_arn.split(":")[4], role_arn.split("/")[-1]
        return assumed_xml(account, name, f"ASIA{account}-{self.sessions}", self.life)

    # Replies that need the server.

    async def cut(self, request: web.Request) -> web.StreamResponse:
        """The request has arrived; the connection ends without an answer."""
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def cut_midway(self, request: web.Request) -> web.StreamResponse:
        """The answer's headers and half its body come, then the connection ends."""
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"connectInstance')
        return await self.cut(request)

    async def hang(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002
        """No answer comes."""
        self.hanging.set()
        await self.never.wait()
        return web.Response()

    async def drip(self, request: web.Request) -> web.StreamResponse:
        """The answer begins, and does not end."""
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"{")
        return await self.hang(request)


def reply(
    status: int = 200,
    body: str | dict[str, Any] | list[Any] = "",
    **headers: str,
) -> Reply:
    """A reply; header names are written with underscores."""

    async def answer(_: web.Request) -> web.Response:
        text = body if isinstance(body, str) else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=text, headers=named)

    return answer


def job(status: str = "IN_PROGRESS", instance_id: str = "instance-1", **more: Any) -> Reply:
    """A job's status, as Start and GetInstanceOnboardingJobStatus answer it."""
    member = {"connectInstanceId": instance_id, "status": status, **more}
    return reply(200, {"connectInstanceOnboardingJobStatus": member}, x_amzn_RequestId="req-1")


def sts_error(status: int, code: str, message: str = "no") -> Reply:
    """An error of STS, in its XML."""
    return reply(
        status,
        f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        "<RequestId>req-sts</RequestId></ErrorResponse>",
    )


def as_service(seen: Seen) -> web.Response:
    """A job in progress, for whatever instance is asked for."""
    instance_id = seen.path.split("/")[-2]
    if seen.method == "DELETE":
        return web.Response()
    member = {"connectInstanceId": instance_id, "status": "IN_PROGRESS"}
    return web.json_response({"connectInstanceOnboardingJobStatus": member})


def identity_xml(account: str) -> web.Response:
    """The answer to GetCallerIdentity."""
    return web.Response(
        text="<GetCallerIdentityResponse><GetCallerIdentityResult>"
        f"<Arn>arn:aws:iam::{account}:user/me</Arn><Account>{account}</Account>"
        "<UserId>U</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>"
    )


def assumed_xml(account: str, name: str, key: str, life: str) -> web.Response:
    """The answer to AssumeRole."""
    return web.Response(
        text="<AssumeRoleResponse><AssumeRoleResult><Credentials>"
        f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>"
        f"<SessionToken>token-{key}</SessionToken><Expiration>{life}</Expiration></Credentials>"
        f"<AssumedRoleUser><Arn>arn:aws:sts::{account}:assumed-role/{name}/bo-r1</Arn>"
        "<AssumedRoleId>R:bo-r1</AssumedRoleId></AssumedRoleUser>"
        "</AssumeRoleResult></AssumeRoleResponse>"
    )


@asynccontextmanager
async def serve_stub() -> AsyncIterator[Stub]:
    """A stub on a free port."""
    stub = Stub()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", stub.handle)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stub.url = "http://{}:{}".format(*runner.addresses[0][:2])
    try:
        yield stub
    finally:
        stub.never.set()
        await runner.cleanup()


@asynccontextmanager
async def open_stubbed(
    **changes: Any,
) -> AsyncIterator[tuple[Stub, AwsService]]:
    """A stub, and a service that speaks to it."""
    async with serve_stub() as stub:
        settings = replace(SETTINGS, endpoint_url=stub.url, **changes)
        async with open_service(settings, random=NoPauses()) as service:
            yield stub, service
