"""KMS on the wire (the JSON protocol): requests to calls, replies to JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from batch_onboard.simulator.campaigns_wire import validation_message
from batch_onboard.simulator.protocol import DESCRIBE_KEY, KmsCall, RefusalError
from batch_onboard.simulator.wiremodel import input_shape, service_model, violations

if TYPE_CHECKING:
    from batch_onboard.simulator.principals import Principal
    from batch_onboard.simulator.protocol import Reply
    from batch_onboard.simulator.signatures import SignedRequest

CONTENT_TYPE = "application/x-amz-json-1.1"


def read_call(request: SignedRequest, caller: Principal, region: str) -> KmsCall:
    """Read a request.

    Raises:
        RefusalError: KMS has no such operation, or the request breaks its constraints.
    """
    operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
    if operation != DESCRIBE_KEY:
        raise RefusalError("UnknownOperationException", f"{operation!r} is not simulated")
    shape = input_shape(service_model("kms").operation_model(operation))
    try:
        members = json.loads(request.body)
    except ValueError:
        raise RefusalError("SerializationException", "The body is not JSON") from None
    complaints = list(violations(shape, members))
    if complaints:
        raise RefusalError("ValidationException", validation_message(complaints))
    return KmsCall(caller, region, members["KeyId"])


def body_of(reply: Reply) -> bytes:
    """Return the whole body of a reply; this protocol names errors in it."""
    if reply.code is not None:
        return json.dumps({"__type": reply.code, "message": reply.message}).encode()
    return json.dumps(reply.body).encode() if reply.body else b""
