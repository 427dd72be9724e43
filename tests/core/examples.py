"""Values that the tests of the core share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from batch_onboard.core.calls import Answer, JobStatus, Meaning
from batch_onboard.core.steps import Moment
from batch_onboard.core.targets import Api, Encryption, Identity, Target, TargetKey

KEY = TargetKey("111122223333", "eu-west-2", "0f1e2d3c")
ARN = "arn:aws:kms:eu-west-2:111122223333:key/aaaa"
OTHER_ARN = "arn:aws:kms:eu-west-2:111122223333:key/bbbb"
ALIAS = "arn:aws:kms:eu-west-2:111122223333:alias/campaigns"
WANTED = Encryption(enabled=True, key_arn=ARN, encryption_type="KMS")
OTHER = Encryption(enabled=True, key_arn=OTHER_ARN, encryption_type="KMS")
OFF = Encryption(enabled=False)
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def target(**changes: object) -> Target:
    """A target with a key, a role and one label, with changes."""
    facts: dict[str, object] = {
        "key": KEY,
        "api": Api.V1,
        "identity": Identity(role_arn="arn:aws:iam::111122223333:role/Onboarder"),
        "encryption": WANTED,
        "labels": (("unit", "retail"),),
    }
    return Target(**(facts | changes))  # type: ignore[arg-type]  # a test names real fields


def at(seconds: float, *, chance: float = 0.5) -> Moment:
    """The moment so many seconds after noon, which is monotonic time 0."""
    return Moment(seconds, NOON + timedelta(seconds=seconds), chance)


RUNNING = Answer(Meaning.OK, job=JobStatus.IN_PROGRESS, request_id="r-1")
SUCCEEDED = Answer(Meaning.OK, job=JobStatus.SUCCEEDED, request_id="r-2")
FAILED = Answer(Meaning.OK, job=JobStatus.FAILED, failure_code="KMS_ACCESS_DENIED")
FAILED_INSIDE = Answer(Meaning.OK, job=JobStatus.FAILED, failure_code="INTERNAL_FAILURE")
NO_JOB = Answer(Meaning.ABSENT, error_code="ResourceNotFoundException")
NO_CONFIG = NO_JOB
CONFIG = Answer(Meaning.OK, encryption=WANTED)
OTHER_CONFIG = Answer(Meaning.OK, encryption=OTHER)
DELETED = Answer(Meaning.OK)
THROTTLED = Answer(Meaning.THROTTLED, error_code="ThrottlingException")
CONFLICT = Answer(Meaning.CONFLICT, error_code="ConflictException")
DENIED = Answer(Meaning.DENIED, error_code="AccessDeniedException", message="not you")
EXPIRED = Answer(Meaning.EXPIRED, error_code="ExpiredTokenException")
REJECTED = Answer(Meaning.REJECTED, error_code="ValidationException", message="no such key")
UNCLEAR = Answer(Meaning.UNCLEAR, error_code="timeout", message="no answer within 20 s")
UNSENT = Answer(Meaning.UNSENT, error_code="unreachable")
