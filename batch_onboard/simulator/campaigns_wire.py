"""Connect Campaigns on the wire (rest-json): requests to calls, replies to JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from batch_onboard.core.targets import Encryption, TargetKey
from batch_onboard.simulator.protocol import CAMPAIGNS_OPERATIONS, RefusalError, WorldCall
from batch_onboard.simulator.wiremodel import find_route, routes, violations

if TYPE_CHECKING:
    from batch_onboard.simulator.protocol import Reply
    from batch_onboard.simulator.signatures import SignedRequest

CONTENT_TYPE = "application/json"


def read_call(request: SignedRequest, account_id: str, region: str) -> WorldCall:
    """Read a request that was made with credentials of an account, to a Region.

    Raises:
        RefusalError: the service has no such operation, or the request breaks its constraints.
    """
    path = request.path.partition("?")[0]
    try:
        route, members = find_route(routes(CAMPAIGNS_OPERATIONS), request.method, path)
    except LookupError:
        raise RefusalError(
            "UnknownOperationException", f"{request.method} {path} is not simulated"
        ) from None
    members |= _members_of(request.body)
    complaints = list(violations(route.input_shape, members))
    if complaints:
        raise RefusalError("ValidationException", validation_message(complaints))
    key = TargetKey(account_id, region, members["connectInstanceId"])
    return WorldCall(
        route.operation, key, route.api, _encryption_of(members.get("encryptionConfig"))
    )


def validation_message(complaints: list[str]) -> str:
    """Put complaints into the words that AWS's services use."""
    count = len(complaints)
    errors = "validation error" if count == 1 else "validation errors"
    values = "; ".join(f"Value at {complaint}" for complaint in complaints)
    return f"{count} {errors} detected: {values}"


def error_headers(reply: Reply) -> dict[str, str]:
    """Return the header that names an error."""
    return {} if reply.code is None else {"x-amzn-ErrorType": reply.code}


def body_of(reply: Reply) -> bytes:
    """Return the whole body of a reply; a success without members has none."""
    if reply.code is not None:
        return json.dumps({"message": reply.message}).encode()
    return json.dumps(reply.body).encode() if reply.body else b""


def _members_of(body: bytes) -> dict[str, Any]:
    try:
        members = json.loads(body or b"{}")
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise RefusalError("SerializationException", "The body is not a JSON object")
    return members


def _encryption_of(config: dict[str, Any] | None) -> Encryption | None:
    if config is None:
        return None
    return Encryption(config["enabled"], config.get("keyArn"), config.get("encryptionType"))
