"""Who calls: long-lived and temporary credentials, and the accounts they belong to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class Principal:
    """One set of credentials.

    Attributes:
        access_key_id: what a request names.
        secret_access_key: what it is signed with.
        account_id: the account that calls with these credentials act in.
        arn: of the user or the assumed role.
        user_id: the unique id that GetCallerIdentity tells.
        session_token: of temporary credentials; None for long-lived ones.
        expires_at: the world's time, in seconds, from which they are refused.
    """

    access_key_id: str
    secret_access_key: str
    account_id: str
    arn: str
    user_id: str
    session_token: str | None = None
    expires_at: float | None = None

    def __repr__(self) -> str:
        return f"Principal({self.arn})"


@dataclass(frozen=True, slots=True)
class CredentialCodes:
    """How a service spells what can be wrong with credentials."""

    unknown_key: str
    wrong_token: str
    wrong_signature: str
    expired: str


CAMPAIGNS_CODES = CredentialCodes(
    unknown_key="UnrecognizedClientException",
    wrong_token="UnrecognizedClientException",  # noqa: S106 - a code, not a token
    wrong_signature="InvalidSignatureException",
    expired="ExpiredTokenException",
)
STS_CODES = CredentialCodes(
    unknown_key="InvalidClientTokenId",
    wrong_token="InvalidClientTokenId",  # noqa: S106 - a code, not a token
    wrong_signature="SignatureDoesNotMatch",
    expired="ExpiredToken",
)
EXPIRED_MESSAGE = "The security token included in the request is expired"
