"""The least-privilege IAM policies for a manifest: to run, to read, to trust, to assume, to list.

The actions are those of AWS's sample policy for outbound campaigns; the campaigns' own take neither
resources nor condition keys. Narrowed beyond the sample, and untested on AWS: `iam:*Policy` to the
path of the service-linked role, since on `*` they invite privilege escalation, and `events:*` to
the rule that onboarding makes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batch_onboard.core.calls import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from batch_onboard.core.targets import Encryption, Target, TargetKey

Policy = dict[str, Any]
"""A policy document."""

CALLER = "arn:aws:iam::CALLER_ACCOUNT_ID:role/CALLER_ROLE"
"""A placeholder: a manifest does not say who runs it."""
LONGEST_POLICY = 6144
"""Characters, without white space, that a managed policy may have (IAM quotas)."""

_READS = (Operation.STATUS, Operation.CONFIG)
_SERVICE = "connect-campaigns.amazonaws.com"
_PARTITIONS = {"cn": "aws-cn", "us-gov": "aws-us-gov"}


def run_policy(targets: Sequence[Target]) -> Policy:
    """Return what the role, or whoever else onboards these targets, has to be allowed."""
    partitions = sorted({_partition(target.key) for target in targets})
    return _policy(
        _allow("Campaigns", _campaigns(Operation), ["*"]),
        _allow("Instances", ["connect:DescribeInstance"], _instances(targets)),
        _allow(
            "OnboardingReadsAndSets",
            [
                "connect:DescribeInstanceAttribute",
                "connect:ListInstances",
                "connect:UpdateInstanceAttribute",
                "ds:DescribeDirectories",
                "kms:ListAliases",
            ],
            ["*"],
        ),
        _allow(
            "OnboardingEventRule",
            ["events:PutRule", "events:PutTargets"],
            [f"arn:{each}:events:*:*:rule/ConnectCampaignsRule*" for each in partitions],
        ),
        _allow(
            "ServiceLinkedRole",
            ["iam:CreateServiceLinkedRole"],
            ["*"],
            {"StringEquals": {"iam:AWSServiceName": _SERVICE}},
        ),
        _allow(
            "ServiceLinkedRolePolicies",
            ["iam:AttachRolePolicy", "iam:PutRolePolicy"],
            [f"arn:{each}:iam::*:role/aws-service-role/{_SERVICE}/*" for each in partitions],
        ),
        *_keys(targets, ["kms:CreateGrant", "kms:DescribeKey"]),
    )


def read_policy(targets: Sequence[Target]) -> Policy:
    """Return what is enough to discover and to read the live state, and to change nothing."""
    return _policy(
        _allow("Campaigns", _campaigns(_READS), ["*"]),
        _allow("Instances", ["connect:DescribeInstance"], _instances(targets)),
        # ListInstances looks at directories too, with the caller's rights (AWS's sample policy).
        _allow("Discovery", ["connect:ListInstances", "ds:DescribeDirectories"], ["*"]),
        *_keys(targets, ["kms:DescribeKey"]),
    )


def trust_policy(targets: Sequence[Target]) -> Policy:
    """Return whom the targets' roles have to trust, with a placeholder for the caller."""
    roles = [target.identity for target in targets if target.identity.role_arn is not None]
    actions = ["sts:AssumeRole"]
    if any(role.session.source_identity is not None for role in roles):
        actions.append("sts:SetSourceIdentity")
    if any(role.session.tags for role in roles):
        actions.append("sts:TagSession")
    external_ids = sorted({role.external_id for role in roles if role.external_id is not None})
    statement: Policy = {"Effect": "Allow", "Principal": {"AWS": CALLER}, "Action": actions}
    if external_ids:
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": external_ids}}
    return _policy(statement)


def caller_policy(targets: Sequence[Target]) -> Policy:
    """Return what the caller has to be allowed, so as to assume the targets' roles."""
    roles = sorted({target.identity.role_arn or "" for target in targets} - {""})
    actions = trust_policy(targets)["Statement"][0]["Action"]
    return _policy(_allow("Roles", actions, roles))


def organization_policy(targets: Sequence[Target]) -> Policy:  # noqa: ARG001 - of the others' shape
    """Return what the caller has to be allowed, so as to discover by an organization's tree."""
    actions = [
        "organizations:DescribeOrganizationalUnit",
        "organizations:ListAccountsForParent",
        "organizations:ListOrganizationalUnitsForParent",
        "organizations:ListRoots",
        "organizations:ListTagsForResource",
    ]
    return _policy(_allow("Organization", actions, ["*"]))


POLICIES: dict[str, Callable[[Sequence[Target]], Policy]] = {
    "run": run_policy,
    "read": read_policy,
    "trust": trust_policy,
    "caller": caller_policy,
    "organization": organization_policy,
}
"""What makes each kind of policy."""


def _policy(*statements: Policy | None) -> Policy:
    return {"Version": "2012-10-17", "Statement": [each for each in statements if each is not None]}


def _allow(
    sid: str, actions: list[str], resources: list[str], condition: Policy | None = None
) -> Policy | None:
    """Return a statement, or None without resources: IAM refuses one."""
    if not resources:
        return None
    statement = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
    return statement if condition is None else {**statement, "Condition": condition}


def _campaigns(operations: Iterable[Operation]) -> list[str]:
    return sorted(f"connect-campaigns:{operation}" for operation in operations)


def _instances(targets: Sequence[Target]) -> list[str]:
    return sorted({_instance_arn(target.key) for target in targets})


def _instance_arn(key: TargetKey) -> str:
    place = f"{key.region}:{key.account_id}"
    return f"arn:{_partition(key)}:connect:{place}:instance/{key.instance_id}"


def _partition(key: TargetKey) -> str:
    return next(
        (name for start, name in _PARTITIONS.items() if key.region.startswith(start)), "aws"
    )


def _keys(targets: Sequence[Target], actions: list[str]) -> tuple[Policy | None, Policy | None]:
    """Return the statements for keys: by their ARNs, and by the aliases that they must have."""
    wanted = {target.encryption for target in targets if target.encryption.key_arn is not None}
    by_arn = sorted({str(each) for each in wanted if not each.by_alias})
    by_alias = [_split(each) for each in wanted if each.by_alias]
    # A permission on an alias' ARN allows nothing (KMS developer guide): the key's aliases have to
    # be a condition.
    condition = {
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": sorted({name for _, name in by_alias})}
    }
    places = sorted({place for place, _ in by_alias})
    return (
        _allow("Keys", actions, by_arn),
        _allow("KeysByAlias", actions, [f"{each}:key/*" for each in places], condition),
    )


def _split(encryption: Encryption) -> tuple[str, str]:
    place, _, name = str(encryption).partition(":alias/")
    return place, f"alias/{name}"
