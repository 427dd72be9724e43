"""Signatures, version 4: whether a request was signed with credentials that the world knows.

The signature is computed once more by botocore's own signer, from what arrived: the signed headers,
the raw path and the body. Region and service are those that the request's credential scope names.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from batch_onboard.simulator.principals import (
    CAMPAIGNS_CODES,
    EXPIRED_MESSAGE,
    STS_CODES,
    CredentialCodes,
    Principal,
)
from batch_onboard.simulator.protocol import RefusalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from batch_onboard.simulator.sts import Sts

CAMPAIGNS_SIGNING_NAME = "connect-campaigns"
STS_SIGNING_NAME = "sts"
KMS_SIGNING_NAME = "kms"
CONNECT_SIGNING_NAME = "connect"
ORGANIZATIONS_SIGNING_NAME = "organizations"
_CODES = {
    CAMPAIGNS_SIGNING_NAME: CAMPAIGNS_CODES,
    STS_SIGNING_NAME: STS_CODES,
    # The codes that all JSON services have.
    KMS_SIGNING_NAME: CAMPAIGNS_CODES,
    CONNECT_SIGNING_NAME: CAMPAIGNS_CODES,
    ORGANIZATIONS_SIGNING_NAME: CAMPAIGNS_CODES,
}

MAX_SKEW = 900.0
"""Seconds that a request's time may differ from the server's (AWS documentation: 15 minutes)."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)"
    r"/(?P<service>[^/]+)/aws4_request, ?SignedHeaders=(?P<headers>[^,]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it arrived. `headers` finds names in any case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Scope:
    """What a request's signature holds for, as the request says."""

    access_key_id: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str

    @property
    def codes(self) -> CredentialCodes:
        """How the service spells what is wrong with credentials."""
        return _CODES[self.service]


def scope_of(request: SignedRequest) -> Scope:
    """Read a request's `Authorization`.

    Raises:
        RefusalError: there is none, or it can't be read, or it is for another service.
    """
    authorization = request.headers.get("Authorization")
    if authorization is None:
        raise RefusalError("MissingAuthenticationToken", "The request is not signed")
    parts = _AUTHORIZATION.fullmatch(authorization)
    if parts is None:
        raise RefusalError("IncompleteSignature", "The Authorization header can't be read")
    if parts["service"] not in _CODES:
        raise RefusalError(
            "InvalidSignatureException",
            f"Credential should be scoped to one of {', '.join(_CODES)}, not {parts['service']}",
        )
    names = tuple(parts["headers"].split(";"))
    if "host" not in names:
        raise RefusalError("InvalidSignatureException", "The Host header must be signed")
    return Scope(parts["key"], parts["region"], parts["service"], names, parts["signature"])


def authenticate(
    request: SignedRequest, scope: Scope, sts: Sts, *, now: float, wall: float
) -> Principal:
    """Return whose credentials signed a request.

    Args:
        request: the request.
        scope: what its signature holds for.
        sts: the credentials that the world knows.
        now: the world's time in seconds: credentials expire by it.
        wall: the time in seconds since 1970: requests are dated by it.

    Raises:
        RefusalError: they are unknown, expired or wrong, or the request's time is.
    """
    principal = sts.principal(scope.access_key_id)
    if principal is None:
        raise RefusalError(
            scope.codes.unknown_key, "The security token included in the request is invalid."
        )
    timestamp = request.headers.get("X-Amz-Date", "")
    if abs(_seconds_since_1970(timestamp) - wall) > MAX_SKEW:
        raise RefusalError(
            "RequestTimeTooSkewed", "The request's time is too far from the server's"
        )
    if not _is_signed_by(principal, request, scope, timestamp):
        raise RefusalError(
            scope.codes.wrong_signature,
            "The request signature we calculated does not match the signature you provided.",
        )
    if request.headers.get("X-Amz-Security-Token") != principal.session_token:
        raise RefusalError(
            scope.codes.wrong_token, "The security token included in the request is invalid."
        )
    if principal.expires_at is not None and now >= principal.expires_at:
        raise RefusalError(scope.codes.expired, EXPIRED_MESSAGE)
    return principal


@lru_cache(maxsize=16)
def _seconds_since_1970(timestamp: str) -> float:
    try:
        return datetime.strptime(timestamp, SIGV4_TIMESTAMP).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise RefusalError("IncompleteSignature", "X-Amz-Date is missing or wrong") from None


def _is_signed_by(
    principal: Principal, request: SignedRequest, scope: Scope, timestamp: str
) -> bool:
    host = request.headers.get("Host", "")
    again = AWSRequest(request.method, f"http://{host}{request.path}", data=request.body)
    again.context["timestamp"] = timestamp
    signer = _Signer(principal, scope, request.headers)
    text = signer.string_to_sign(again, signer.canonical_request(again))
    return hmac.compare_digest(signer.signature(text, again), scope.signature)


class _SignedHeaders(dict[str, str]):
    """The few things that botocore's signer asks of headers."""

    def get_all(self, name: str) -> list[str]:
        return [self[name]]


class _Signer(SigV4Auth):
    """botocore's signer, with the day's key remembered and the signed headers at hand.

    The body's hash is always computed: one that a header claims proves nothing about the body.
    """

    def __init__(self, principal: Principal, scope: Scope, headers: Mapping[str, str]) -> None:
        credentials = ReadOnlyCredentials(
            principal.access_key_id, principal.secret_access_key, principal.session_token
        )
        super().__init__(credentials, scope.service, scope.region)
        self._scope = scope
        self._signed = _SignedHeaders(
            (name, value)
            for name in scope.signed_headers
            if (value := headers.get(name)) is not None
        )

    def headers_to_sign(self, _request: AWSRequest) -> Any:
        return self._signed

    def payload(self, request: AWSRequest) -> str:
        return hashlib.sha256(request.data or b"").hexdigest()

    def signature(self, string_to_sign: str, request: AWSRequest) -> str:
        date = request.context["timestamp"][:8]
        key = _signing_key(
            self.credentials.secret_key, date, self._scope.region, self._scope.service
        )
        return hmac.digest(key, string_to_sign.encode(), "sha256").hex()


@lru_cache(maxsize=65_536)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Derive a day's key (AWS documentation, "Create a signed AWS API request")."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
