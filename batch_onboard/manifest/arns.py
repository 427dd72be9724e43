"""The ARNs of a manifest, taken apart.

Their forms are those of the AWS documentation (service authorization reference: Amazon Connect,
IAM and KMS) and, for an instance's id, of the service model.
"""

from __future__ import annotations

import re

from batch_onboard.core.targets import TargetKey

_REGION = r"[a-z]{2,}(?:-[a-z]+)+-[0-9]+"
INSTANCE = (
    rf"arn:aws(?:-[a-z]+)*:connect:({_REGION}):([0-9]{{12}}):instance/([a-zA-Z0-9_.-]{{1,256}})"
)
"""The pattern of an instance's ARN; its groups are Region, account and id."""
_INSTANCE = re.compile(INSTANCE)
# A role's path may hold any visible ASCII character; its name has at most 64.
_ROLE = re.compile(
    r"arn:aws(?:-[a-z]+)*:iam::([0-9]{12}):role/(?:[!-~]{1,510}/)?[a-zA-Z0-9_+=,.@-]{1,64}"
)
_KEY = re.compile(
    rf"arn:aws(?:-[a-z]+)*:kms:({_REGION}):[0-9]{{12}}:(?:key|alias)/[a-zA-Z0-9:/_-]{{1,256}}"
)


def parse_instance(arn: str) -> TargetKey | None:
    """Return the target that an instance's ARN names, or None if it is no such ARN."""
    match = _INSTANCE.fullmatch(arn)
    return match and TargetKey(match[2], match[1], match[3])


def role_account(arn: str) -> str | None:
    """Return the account of an IAM role's ARN, or None if it is no such ARN."""
    match = _ROLE.fullmatch(arn)
    return match and match[1]


def key_region(arn: str) -> str | None:
    """Return the Region of a KMS key's or alias' ARN, or None if it is no such ARN."""
    match = _KEY.fullmatch(arn)
    return match and match[1]
