"""Connect (rest-json) and Organizations (JSON 1.1) on the wire: requests to calls, and back."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from batch_onboard.simulator.campaigns_wire import validation_message
from batch_onboard.simulator.protocol import (
    CONNECT_OPERATIONS,
    ORGANIZATIONS_OPERATIONS,
    DirectoryCall,
    RefusalError,
)
from batch_onboard.simulator.wiremodel import (
    input_members,
    path_pattern,
    service_model,
    violations,
)

if TYPE_CHECKING:
    import re

    from botocore.model import OperationModel

    from batch_onboard.simulator.protocol import Reply
    from batch_onboard.simulator.signatures import SignedRequest

ORGANIZATIONS_CONTENT_TYPE = "application/x-amz-json-1.1"


def read_connect_call(request: SignedRequest, account_id: str, region: str) -> DirectoryCall:
    """Read a request to Connect that was made with credentials of an account.

    Raises:
        RefusalError: no such operation is simulated, or the request breaks its constraints.
    """
    path, _, query = request.path.partition("?")
    for operation, pattern in _connect_routes():
        if request.method == operation.http["method"] and (found := pattern.fullmatch(path)):
            members: dict[str, Any] = {
                name: unquote(text) for name, text in found.groupdict().items()
            }
            members |= _query_members(operation, query)
            return _checked(operation, members, "InvalidRequestException", account_id, region)
    raise RefusalError("UnknownOperationException", f"{request.method} {path} is not simulated")


def read_organizations_call(request: SignedRequest, account_id: str, region: str) -> DirectoryCall:
    """Read a request to Organizations that was made with credentials of an account.

    Raises:
        RefusalError: no such operation is simulated, or the request breaks its constraints.
    """
    model = service_model("organizations")
    prefix, _, name = request.headers.get("X-Amz-Target", "").rpartition(".")
    if prefix != model.metadata["targetPrefix"] or name not in ORGANIZATIONS_OPERATIONS:
        raise RefusalError("UnknownOperationException", f"{name} is not simulated")
    try:
        members = json.loads(request.body or b"{}")
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise RefusalError("SerializationException", "The body is not a JSON object")
    operation = model.operation_model(name)
    return _checked(operation, members, "InvalidInputException", account_id, region)


def organizations_body(reply: Reply) -> bytes:
    """Return the whole body of a reply of Organizations."""
    if reply.code is not None:
        return json.dumps({"__type": reply.code, "Message": reply.message}).encode()
    return json.dumps(reply.body).encode() if reply.body else b""


def _checked(
    operation: OperationModel, members: dict[str, Any], code: str, account_id: str, region: str
) -> DirectoryCall:
    shape = operation.input_shape
    complaints = list(violations(shape, members)) if shape is not None else []
    if complaints:
        raise RefusalError(code, validation_message(complaints))
    return DirectoryCall(operation.name, account_id, region, members)


def _query_members(operation: OperationModel, query: str) -> dict[str, Any]:
    """Return the members that stand in a query, by their names in the service model."""
    given = dict(parse_qsl(query, keep_blank_values=True))
    return {
        name: int(text) if member.type_name == "integer" and text.isdecimal() else text
        for name, member in input_members(operation).items()
        if member.serialization.get("location") == "querystring"
        and (text := given.get(member.serialization["name"])) is not None
    }


@cache
def _connect_routes() -> tuple[tuple[OperationModel, re.Pattern[str]], ...]:
    model = service_model("connect")
    operations = [model.operation_model(name) for name in CONNECT_OPERATIONS]
    return tuple((each, path_pattern(each.http["requestUri"])) for each in operations)
