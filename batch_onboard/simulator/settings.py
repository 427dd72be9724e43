"""What a scenario may say of instances and of throttles."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from batch_onboard.core.calls import JobStatus
from batch_onboard.core.targets import Encryption
from batch_onboard.simulator.matching import Match, Section
from batch_onboard.simulator.protocol import AnswerShape
from batch_onboard.simulator.wiremodel import failure_codes

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Days = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveInt = Annotated[int, Field(ge=1)]


class Initial(StrEnum):
    """What an instance is before anybody calls."""

    FRESH = "fresh"
    IN_PROGRESS = "in_progress"
    ONBOARDED = "onboarded"
    OFFBOARDED = "offboarded"
    """A job SUCCEEDED, but the config has been deleted since."""
    FAILED = "failed"
    MISSING = "missing"
    """Every call for it: 404."""
    DENIED = "denied"
    """Every call for it: 403."""
    INVALID = "invalid"
    """Every call for it: 400."""


class OnStart(StrEnum):
    """What Start answers where a job runs or has succeeded; the service's documentation is open."""

    CONFLICT = "conflict"
    """409 ConflictException."""
    STATUS = "status"
    """200 with the job's status; no new job."""
    ACCEPT = "accept"
    """200, and a second job: what a double Start would do at worst. The simulator counts it."""


class ThrottleScope(StrEnum):
    """What shares a token bucket, within one account and Region."""

    OPERATION = "operation"
    ACCOUNT = "account"


class Span(Section):
    """A duration between two bounds, in seconds. `max: .inf` means that it never ends."""

    min: Seconds = 20.0
    max: Annotated[float, Field(ge=0)] = 60.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.min <= self.max:
            raise ValueError("min must not be more than max")
        return self


class EncryptionSettings(Section):
    """`encryptionConfig` of the service model."""

    enabled: bool = False
    key_arn: str | None = None
    encryption_type: str | None = None

    @property
    def value(self) -> Encryption:
        """The same, in the words of the tool."""
        return Encryption(self.enabled, self.key_arn, self.encryption_type)


class Behaviour(Section):
    """What an instance is and how its jobs go.

    Attributes:
        initial: what it is at the beginning.
        days_ago: when its job ended, for `onboarded`, `offboarded` and `failed`.
        encryption: of its job and config, where it has one at the beginning.
        failure_code: of its jobs that end FAILED.
        outcome: how the jobs end that are started.
        failures: the first so many of them fail, whatever `outcome` says.
        job_duration: how long a job takes.
        visible_after: seconds from a Start in which the status still answers 404.
        start_on_in_progress: what Start answers while a job runs.
        start_on_done: what Start answers when the instance is onboarded.
        failed_sticky_days: how long Start answers with an old FAILED job.
        status_days: how long after its end the status knows a job.
        max_jobs_in_progress: of one account and Region; more is a 409. None: no such limit.
    """

    initial: Initial = Initial.FRESH
    days_ago: Days = 3.0
    encryption: EncryptionSettings = EncryptionSettings()
    failure_code: str = "INTERNAL_FAILURE"
    outcome: JobStatus = JobStatus.SUCCEEDED
    failures: Annotated[int, Field(ge=0)] = 0
    job_duration: Span = Span()
    visible_after: Seconds = 0.0
    start_on_in_progress: OnStart = OnStart.CONFLICT
    start_on_done: OnStart = OnStart.CONFLICT
    failed_sticky_days: Days = 14.0
    status_days: Days = 14.0
    max_jobs_in_progress: PositiveInt | None = None

    @field_validator("failure_code")
    @classmethod
    def _known_failure_code(cls, code: str) -> str:
        if code not in failure_codes():
            raise ValueError(f"must be one of {', '.join(failure_codes())}")
        return code

    @field_validator("outcome")
    @classmethod
    def _is_an_end(cls, outcome: JobStatus) -> JobStatus:
        if outcome is JobStatus.IN_PROGRESS:
            raise ValueError("must be SUCCEEDED or FAILED; for a job without end: job_duration")
        return outcome


class InstanceRule(Behaviour):
    """A behaviour for the instances that it matches; only the keys that it sets count."""

    match: Match = Match()


class ThrottleSettings(Section):
    """A token bucket, and how it refuses.

    Attributes:
        rate: tokens, and so requests, a second. None: unlimited.
        burst: how many tokens it holds.
        scope: what shares it.
        shape: how a throttle looks on the wire.
        retry_after: the header `Retry-After`, as written: seconds, or anything else for a test.
        retry_after_ms: the header `x-amz-retry-after`, milliseconds.
    """

    rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = 2.0
    burst: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 5.0
    scope: ThrottleScope = ThrottleScope.OPERATION
    shape: AnswerShape = AnswerShape.NORMAL
    retry_after: int | float | str | None = None
    retry_after_ms: int | None = None


class ThrottleRule(ThrottleSettings):
    """A throttle for the calls that it matches; only the keys that it sets count."""

    match: Match = Match()


class Throttle(ThrottleSettings):
    """The throttle of all calls to Connect Campaigns, and its exceptions."""

    overrides: tuple[ThrottleRule, ...] = ()
