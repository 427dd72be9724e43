"""What is to be onboarded: targets, the domains they are throttled in, the identities they use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import NamedTuple


class Api(StrEnum):
    """The version of the service: `connectcampaigns` or `connectcampaignsv2`."""

    V1 = "v1"
    V2 = "v2"


class Domain(NamedTuple):
    """The scope of a throttle: quotas hold per account and per Region (AWS service quotas)."""

    account_id: str
    region: str

    def __str__(self) -> str:
        return f"{self.account_id}/{self.region}"


class TargetKey(NamedTuple):
    """What identifies a target everywhere: never its position in a manifest."""

    account_id: str
    region: str
    instance_id: str

    @property
    def domain(self) -> Domain:
        """The scope in which calls for this target are throttled."""
        return Domain(self.account_id, self.region)

    def __str__(self) -> str:
        return f"{self.account_id}/{self.region}/{self.instance_id}"

    @classmethod
    def parse(cls, text: str) -> TargetKey:
        """Read back what `str()` wrote.

        Raises:
            ValueError: the text does not have three parts.
        """
        account_id, region, instance_id = text.split("/")
        return cls(account_id, region, instance_id)


class Comparison(Enum):
    """Whether a live encryption is the one that was asked for."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Encryption:
    """How an instance's campaign data is encrypted (`encryptionConfig` of the service model).

    Attributes:
        enabled: with a key of KMS.
        key_arn: the key's ARN, or that of an alias which has not been resolved.
        encryption_type: as the service spells it.
        alias: the ARN of the alias that the key was asked for by, once it has been resolved.
    """

    enabled: bool
    key_arn: str | None = None
    encryption_type: str | None = None
    alias: str | None = None

    def __str__(self) -> str:
        """The key's ARN, or `disabled`: what ledger and reports show."""
        return (self.key_arn or "enabled") if self.enabled else "disabled"

    @property
    def by_alias(self) -> bool:
        """The key is named by an alias, which does not tell which key it is."""
        return self.enabled and self.key_arn is not None and ":alias/" in self.key_arn

    def resolved(self, key_arn: str) -> Encryption:
        """Return the same with the key's own ARN, after an alias has been resolved."""
        return replace(self, key_arn=key_arn, alias=self.key_arn)

    def compare(self, live: Encryption) -> Comparison:
        """Say whether `live` has the key that this one asks for.

        An alias names a key without telling which, so a difference that involves one is
        `UNKNOWN`, never drift.
        """
        if self.enabled != live.enabled:
            return Comparison.DIFFERENT
        if not self.enabled or self.key_arn == live.key_arn:
            return Comparison.SAME
        if _is_exact_key(self.key_arn) and _is_exact_key(live.key_arn):
            return Comparison.DIFFERENT
        return Comparison.UNKNOWN


def _is_exact_key(key_arn: str | None) -> bool:
    return key_arn is not None and ":key/" in key_arn


@dataclass(frozen=True, slots=True)
class RoleSession:
    """How the session of an assumed role is asked for (AssumeRole, STS API reference).

    Attributes:
        duration: its life in seconds. Every role allows 3600, also in a chain (IAM user guide).
        tags: of the session, for policies; they need sts:TagSession.
        source_identity: who is behind it, for CloudTrail; it needs sts:SetSourceIdentity.
    """

    duration: int = 3600
    tags: tuple[tuple[str, str], ...] = ()
    source_identity: str | None = None


PLAIN_SESSION = RoleSession()


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose credentials a call is signed with: a role's, a profile's, or (neither) the caller's."""

    role_arn: str | None = None
    external_id: str | None = None
    profile: str | None = None
    session: RoleSession = PLAIN_SESSION

    def __str__(self) -> str:
        if self.role_arn is not None:
            return self.role_arn
        if self.profile is not None:
            return f"profile {self.profile}"
        return "the caller's own credentials"


@dataclass(frozen=True, slots=True)
class Target:
    """One Amazon Connect instance to onboard, and how.

    Identities, encryptions and labels are shared between targets that have the same ones: a
    manifest of a million targets holds each only once.
    """

    key: TargetKey
    api: Api
    identity: Identity
    encryption: Encryption
    labels: tuple[tuple[str, str], ...] = ()
    wave: int = 1
    accept_drift: str | None = None
