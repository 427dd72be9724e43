"""What is asked of the simulated world, and what it replies, before anything becomes HTTP.

A `Reply` says both what the service answers and what becomes of that answer on its way, since a
fault may cut, replace or swallow it. The server puts it on the wire; the service in memory turns it
into the answer that a client would have understood.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any

from batch_onboard.core.calls import Operation
from batch_onboard.simulator.wiremodel import error_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from batch_onboard.core.targets import Api, Encryption, TargetKey
    from batch_onboard.simulator.principals import Principal

OFFBOARD = "DeleteConnectInstanceConfig"
"""The operation that undoes an onboarding. The tool never calls it; people do."""
ASSUME_ROLE = "AssumeRole"
CALLER_IDENTITY = "GetCallerIdentity"
DESCRIBE_KEY = "DescribeKey"

CAMPAIGNS_OPERATIONS = (*(operation.value for operation in Operation), OFFBOARD)
STS_OPERATIONS = (ASSUME_ROLE, CALLER_IDENTITY)
KMS_OPERATIONS = (DESCRIBE_KEY,)
CONNECT_OPERATIONS = ("ListInstances", "DescribeInstance")
ORGANIZATIONS_OPERATIONS = (
    "DescribeOrganizationalUnit",
    "ListAccounts",
    "ListAccountsForParent",
    "ListOrganizationalUnitsForParent",
    "ListRoots",
    "ListTagsForResource",
)


@dataclass(frozen=True, slots=True)
class WorldCall:
    """A call to Connect Campaigns, made with credentials of the account in `key`."""

    operation: str
    key: TargetKey
    api: Api
    encryption: Encryption | None = None


@dataclass(frozen=True, slots=True)
class StsCall:
    """A call to STS.

    Attributes:
        operation: `AssumeRole` or `GetCallerIdentity`.
        caller: whose credentials signed it.
        region: the Region that was asked.
        role_arn: of AssumeRole, like the following ones.
        session_name: the last part of the assumed role's ARN.
        external_id: the shared secret that a role may ask for.
        duration: life of the credentials in seconds.
    """

    operation: str
    caller: Principal
    region: str
    role_arn: str = ""
    session_name: str = ""
    external_id: str | None = None
    duration: float = 3600.0


@dataclass(frozen=True, slots=True)
class KmsCall:
    """A call to KMS's DescribeKey.

    Attributes:
        caller: whose credentials signed it.
        region: the Region that was asked.
        key_id: the ARN of a key or of an alias.
    """

    caller: Principal
    region: str
    key_id: str


@dataclass(frozen=True, slots=True)
class DirectoryCall:
    """A call to Connect or Organizations.

    Attributes:
        operation: its name in the service model.
        account_id: whose credentials signed it.
        region: the Region that was asked.
        members: of its input, named as in the service model.
    """

    operation: str
    account_id: str
    region: str
    members: Mapping[str, Any]


class Delivery(Enum):
    """What becomes of an answer."""

    ANSWERED = "answered"
    DROPPED = "dropped"
    """The connection is closed without one."""
    NEVER = "never"
    """The connection stays open, and silent."""


class Payload(Enum):
    """What becomes of an answer's body."""

    INTACT = "intact"
    CUT = "cut"
    EMPTY = "empty"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the world answers to one call.

    Attributes:
        status: the HTTP status.
        code: the service's code of an error.
        message: its words.
        body: the members of a successful answer, named as in the service model.
        headers: further headers.
        payload: what becomes of the body.
        delivery: what becomes of the whole.
        delay: seconds until it is sent.
        applied: the call changed the world: it made or deleted a job, or a config.
        request_id: the service's id of the request.
    """

    status: int = 200
    code: str | None = None
    message: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    payload: Payload = Payload.INTACT
    delivery: Delivery = Delivery.ANSWERED
    delay: float = 0.0
    applied: bool = False
    request_id: str = ""


class AnswerShape(StrEnum):
    """How an error looks on the wire."""

    NORMAL = "normal"
    EMPTY_BODY = "empty_body"
    HTML = "html"
    CODE_400 = "code_400"
    """In the normal shape, but as a 400: the code alone tells it."""


def shaped(reply: Reply, shape: AnswerShape) -> Reply:
    """Give an error the shape that a scenario asks for."""
    if shape is AnswerShape.CODE_400:
        return replace(reply, status=400)
    return replace(reply, payload=_PAYLOADS[shape])


_PAYLOADS = {
    AnswerShape.NORMAL: Payload.INTACT,
    AnswerShape.EMPTY_BODY: Payload.EMPTY,
    AnswerShape.HTML: Payload.HTML,
}


class RefusalError(Exception):
    """The service refuses a call.

    Attributes:
        code: the service's code of the error.
        message: its words.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    @property
    def reply(self) -> Reply:
        """The error as a reply; its HTTP status is the service model's."""
        return Reply(status=error_status(self.code), code=self.code, message=self.message)
