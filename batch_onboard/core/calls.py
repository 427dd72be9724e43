"""The calls that are made to the service, and what an answer to one means.

The service is spoken to in four operations. Whatever comes back, be it an answer, an error or
silence, becomes one `Answer` whose `Meaning` is decided in exactly one place, `meaning_of`, so that
nobody else ever looks at an HTTP status or an error code.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_onboard.core.targets import Encryption


class Operation(StrEnum):
    """The operations that the tool uses, by their names in the service model."""

    START = "StartInstanceOnboardingJob"
    STATUS = "GetInstanceOnboardingJobStatus"
    CONFIG = "GetConnectInstanceConfig"
    DELETE = "DeleteInstanceOnboardingJob"


KEYED = frozenset({Operation.START, Operation.CONFIG})
"""The operations for which the target's key has to be known: it is sent, or compared."""

CHANGING = frozenset({Operation.START, Operation.DELETE})
"""The operations that change something. A failed job's record is deleted for a Start alone."""


class JobStatus(StrEnum):
    """The states of an onboarding job (`InstanceOnboardingJobStatusCode` of the service model)."""

    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class Meaning(Enum):
    """What an answer proves."""

    OK = "ok"
    """The call was carried out."""
    ABSENT = "absent"
    """404: there is no such job, config or instance."""
    THROTTLED = "throttled"
    """The quota is used up; the call was not accepted."""
    CONFLICT = "conflict"
    """409: not accepted; why, only the live state can tell."""
    DENIED = "denied"
    """403: the identity lacks a permission; not accepted."""
    EXPIRED = "expired"
    """The credentials were too old; not accepted. New ones may do."""
    CREDENTIALS = "credentials"
    """The credentials, the clock or a Region that is not enabled; not accepted."""
    REJECTED = "rejected"
    """The service refuses this target: a 400, or another error of the caller."""
    UNCLEAR = "unclear"
    """A 5xx, a reset, a timeout, an unreadable answer: it may have been accepted."""
    UNSENT = "unsent"
    """Nothing was sent: no connection, or no credentials for now. Another try may do."""
    NO_IDENTITY = "no_identity"
    """No credentials can be had for the identity: nothing was sent."""
    WRONG_ACCOUNT = "wrong_account"
    """The identity's credentials are another account's: nothing was sent."""
    NO_KEY = "no_key"
    """It is not known which key the target's alias names: nothing was sent."""


NOT_SENT = frozenset({Meaning.UNSENT, Meaning.NO_IDENTITY, Meaning.WRONG_ACCOUNT, Meaning.NO_KEY})
"""Meanings after which it is certain that no request left."""

NOT_ACCEPTED = frozenset(
    {
        Meaning.THROTTLED,
        Meaning.CONFLICT,
        Meaning.DENIED,
        Meaning.EXPIRED,
        Meaning.CREDENTIALS,
    }
)
"""Meanings that prove that a Start was sent but not accepted, so that another one is no double."""

TRANSIENT = frozenset({Meaning.UNCLEAR, Meaning.UNSENT})
"""Meanings that tell nothing about the target: another try, later, may."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from one call.

    Attributes:
        meaning: what it proves.
        job: the job's state, for an `OK` Start or status.
        failure_code: the reason of a FAILED job, as the service spells it.
        encryption: the live encryption, for an `OK` config.
        error_code: the service's code of an error, or the tool's own (lower case).
        message: the service's own words, or the tool's, for people.
        request_id: the service's id of the request, for AWS Support and CloudTrail.
        retry_after: seconds that the service asks to wait, where it does.
    """

    meaning: Meaning
    job: JobStatus | None = None
    failure_code: str | None = None
    encryption: Encryption | None = None
    error_code: str | None = None
    message: str | None = None
    request_id: str | None = None
    retry_after: float | None = None


# The set that botocore itself takes for throttling: botocore/retries/standard.py.
THROTTLING_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
EXPIRED_CODES = frozenset({"ExpiredToken", "ExpiredTokenException"})
CREDENTIAL_CODES = frozenset(
    {
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "OptInRequired",
        "RegionDisabledException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
DENIED_BY_SCP = "denied_by_scp"
"""The tool's own code: a service control policy denies an identity, often in some Regions only."""
REGIONAL_CODES = frozenset(
    {
        "InvalidClientTokenId",
        "OptInRequired",
        "RegionDisabledException",
        "UnrecognizedClientException",
        DENIED_BY_SCP,
    }
)
"""Refusals that may be about one Region: it is not enabled there, or not allowed."""
_BY_CODE = {
    **dict.fromkeys(THROTTLING_CODES, Meaning.THROTTLED),
    **dict.fromkeys(EXPIRED_CODES, Meaning.EXPIRED),
    **dict.fromkeys(CREDENTIAL_CODES, Meaning.CREDENTIALS),
    "AccessDenied": Meaning.DENIED,
    "AccessDeniedException": Meaning.DENIED,
    "ConflictException": Meaning.CONFLICT,
    "InternalServerException": Meaning.UNCLEAR,
    "InvalidStateException": Meaning.CONFLICT,
    "ResourceNotFoundException": Meaning.ABSENT,
    "ValidationException": Meaning.REJECTED,
}
_BY_STATUS = {
    403: Meaning.DENIED,
    409: Meaning.CONFLICT,
    429: Meaning.THROTTLED,
}


def meaning_of(http_status: int, code: str | None) -> Meaning:
    """Say what an error answer means, by its code or, where that says nothing, its HTTP status.

    botocore takes the status for the code when a body is empty or HTML (`"429"`), and throttles
    may come as a 400 too, so neither of the two is enough alone. But a 404 without the service's
    code may be a proxy's, and to believe it would be to believe that nothing is onboarded. So a
    bare status counts only where it proves a refusal, and all else proves nothing: a 5xx whatever
    its code, a status that is no error (a 3xx, or a 2xx whose body could not be read), and a 4xx
    in words that are not the service's.
    """
    if http_status >= 500:
        return Meaning.UNCLEAR
    if code is not None and (meaning := _BY_CODE.get(code)) is not None:
        return meaning
    if http_status == 400 and code is not None and not code.isdigit():
        return Meaning.REJECTED
    return _BY_STATUS.get(http_status, Meaning.UNCLEAR)
