"""STS on the wire (the query protocol): forms to calls, replies to XML from templates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from batch_onboard.simulator.campaigns_wire import validation_message
from batch_onboard.simulator.protocol import (
    ASSUME_ROLE,
    CALLER_IDENTITY,
    STS_OPERATIONS,
    RefusalError,
    StsCall,
)
from batch_onboard.simulator.wiremodel import input_shape, service_model, violations

if TYPE_CHECKING:
    from batch_onboard.simulator.principals import Principal
    from batch_onboard.simulator.protocol import Reply
    from batch_onboard.simulator.signatures import SignedRequest

CONTENT_TYPE = "text/xml"

_XMLNS = "https://sts.amazonaws.com/doc/2011-06-15/"
_SUCCESS = """\
<{operation}Response xmlns="{xmlns}"><{operation}Result>{result}</{operation}Result>\
<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"""
_RESULTS = {
    ASSUME_ROLE: """\
<Credentials><AccessKeyId>{AccessKeyId}</AccessKeyId>\
<SecretAccessKey>{SecretAccessKey}</SecretAccessKey><SessionToken>{SessionToken}</SessionToken>\
<Expiration>{Expiration}</Expiration></Credentials>\
<AssumedRoleUser><AssumedRoleId>{AssumedRoleId}</AssumedRoleId><Arn>{Arn}</Arn></AssumedRoleUser>""",
    CALLER_IDENTITY: "<Arn>{Arn}</Arn><UserId>{UserId}</UserId><Account>{Account}</Account>",
}
_ERROR = """\
<ErrorResponse xmlns="{xmlns}"><Error><Type>Sender</Type><Code>{code}</Code>\
<Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"""


def read_call(request: SignedRequest, caller: Principal, region: str) -> StsCall:
    """Read a form.

    Raises:
        RefusalError: STS has no such action, or the form breaks its constraints.
    """
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    action = form.get("Action", "")
    if action not in STS_OPERATIONS:
        raise RefusalError("InvalidAction", f"The action {action!r} is not simulated")
    members = _members_of(action, form)
    return StsCall(
        operation=action,
        caller=caller,
        region=region,
        role_arn=members.get("RoleArn", ""),
        session_name=members.get("RoleSessionName", ""),
        external_id=members.get("ExternalId"),
        duration=members.get("DurationSeconds", 3600),
    )


def _members_of(action: str, form: dict[str, str]) -> dict[str, Any]:
    """Return a form's scalar members, checked against the service model."""
    shape = input_shape(service_model("sts").operation_model(action))
    members: dict[str, Any] = {
        name: int(form[name])
        if member.type_name == "integer" and form[name].isdecimal()
        else form[name]
        for name, member in shape.members.items()
        if name in form
    }
    complaints = list(violations(shape, members))
    if complaints:
        raise RefusalError("ValidationError", validation_message(complaints))
    return members


def body_of(reply: Reply, operation: str, epoch: float) -> bytes:
    """Return the whole body of a reply.

    Args:
        reply: the reply.
        operation: the one it answers.
        epoch: seconds since 1970 at which the world's time was 0.
    """
    if reply.code is not None:
        return error_body(reply)
    if not reply.body:
        return b""
    values = {name: _text(value, epoch) for name, value in _leaves(reply.body)}
    result = _filled(_RESULTS[operation], values)
    return _SUCCESS.format(
        operation=operation, xmlns=_XMLNS, result=result, request_id=reply.request_id
    ).encode()


def error_body(reply: Reply) -> bytes:
    """Return the body of an error."""
    values = {"xmlns": _XMLNS, "request_id": reply.request_id}
    values |= {"code": reply.code or "", "message": reply.message or ""}
    return _filled(_ERROR, values).encode()


def _leaves(body: Any) -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for name, value in body.items():
        leaves += _leaves(value) if isinstance(value, dict) else [(name, value)]
    return leaves


def _text(value: str | float, epoch: float) -> str:
    if isinstance(value, str):
        return value
    return datetime.fromtimestamp(epoch + value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _filled(template: str, values: dict[str, str]) -> str:
    return template.format_map({name: escape(value) for name, value in values.items()})
