"""From a signed request to the bytes of its answer: everything about HTTP but the sockets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from batch_onboard.simulator import campaigns_wire, directory_wire, kms_wire, sts_wire
from batch_onboard.simulator.protocol import Delivery, Payload, RefusalError, Reply
from batch_onboard.simulator.signatures import (
    CONNECT_SIGNING_NAME,
    KMS_SIGNING_NAME,
    ORGANIZATIONS_SIGNING_NAME,
    STS_SIGNING_NAME,
    authenticate,
    scope_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.simulator.principals import Principal
    from batch_onboard.simulator.signatures import Scope, SignedRequest
    from batch_onboard.simulator.world import World

CallT = TypeVar("CallT")

_HTML = b"<html><body><h1>This is not the answer</h1></body></html>"


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """An answer as it goes onto the wire.

    Attributes:
        status: the HTTP status.
        headers: all that are not HTTP's own.
        body: the bytes.
        delivery: what becomes of it.
        delay: seconds until it is sent.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    delivery: Delivery = Delivery.ANSWERED
    delay: float = 0.0


def answer(world: World, request: SignedRequest, *, now: float, wall: float) -> WireAnswer:
    """Answer a request to any of the services.

    Args:
        world: what is asked.
        request: the request.
        now: the world's time, in seconds.
        wall: seconds since 1970.
    """
    try:
        scope = scope_of(request)
    except RefusalError as refusal:
        return _campaigns_answer(world.refuse(refusal))
    if scope.service == STS_SIGNING_NAME:
        return _ask_sts(world, request, scope, now, wall)

    def ask(read: Callable[[Principal], CallT], handle: Callable[[CallT, float], Reply]) -> Reply:
        """Let the world handle what is signed and well-formed, and refuse all else."""
        try:
            call = read(authenticate(request, scope, world.sts, now=now, wall=wall))
        except RefusalError as refusal:
            return world.refuse(refusal)
        return handle(call, now)

    region = scope.region
    if scope.service == KMS_SIGNING_NAME:
        reply = ask(lambda who: kms_wire.read_call(request, who, region), world.handle_kms)
        return _wire_answer(reply, kms_wire.body_of(reply), kms_wire.CONTENT_TYPE)
    if scope.service == CONNECT_SIGNING_NAME:
        reply = ask(
            lambda who: directory_wire.read_connect_call(request, who.account_id, region),
            world.handle_directory,
        )
        return _campaigns_answer(reply)
    if scope.service == ORGANIZATIONS_SIGNING_NAME:
        reply = ask(
            lambda who: directory_wire.read_organizations_call(request, who.account_id, region),
            world.handle_directory,
        )
        body = directory_wire.organizations_body(reply)
        return _wire_answer(reply, body, directory_wire.ORGANIZATIONS_CONTENT_TYPE)
    return _campaigns_answer(
        ask(lambda who: campaigns_wire.read_call(request, who.account_id, region), world.handle)
    )


def _campaigns_answer(reply: Reply) -> WireAnswer:
    headers = campaigns_wire.error_headers(reply) if reply.payload is Payload.INTACT else {}
    return _wire_answer(reply, campaigns_wire.body_of(reply), campaigns_wire.CONTENT_TYPE, headers)


def _ask_sts(
    world: World, request: SignedRequest, scope: Scope, now: float, wall: float
) -> WireAnswer:
    try:
        principal = authenticate(request, scope, world.sts, now=now, wall=wall)
        call = sts_wire.read_call(request, principal, scope.region)
    except RefusalError as refusal:
        reply = world.refuse(refusal)
        return _wire_answer(reply, sts_wire.error_body(reply), sts_wire.CONTENT_TYPE)
    reply = world.handle_sts(call, now)
    body = sts_wire.body_of(reply, call.operation, epoch=wall - now)
    return _wire_answer(reply, body, sts_wire.CONTENT_TYPE)


def _wire_answer(
    reply: Reply, body: bytes, content_type: str, headers: dict[str, str] | None = None
) -> WireAnswer:
    if reply.payload is Payload.HTML:
        content_type = "text/html"
    return WireAnswer(
        status=reply.status,
        headers={
            "Content-Type": content_type,
            "x-amzn-RequestId": reply.request_id,
            **(headers or {}),
            **dict(reply.headers),
        },
        body=_spoilt(body, reply.payload),
        delivery=reply.delivery,
        delay=reply.delay,
    )


def _spoilt(body: bytes, payload: Payload) -> bytes:
    if payload is Payload.INTACT:
        return body
    if payload is Payload.CUT:
        return body[: len(body) // 2]
    return _HTML if payload is Payload.HTML else b""
