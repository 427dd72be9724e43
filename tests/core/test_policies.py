from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from batch_onboard.core.policies import (
    CALLER,
    caller_policy,
    read_policy,
    run_policy,
    trust_policy,
)
from batch_onboard.core.targets import Encryption, Identity, RoleSession
from tests.engine.examples import named, targets

PLAIN = Encryption(enabled=False)
PLACE = "arn:aws:kms:eu-west-2:000000000001"


def _statement(policy: dict[str, Any], sid: str) -> dict[str, Any]:
    (found,) = [each for each in policy["Statement"] if each.get("Sid") == sid]
    return dict(found)


def _actions(policy: dict[str, Any]) -> set[str]:
    return {action for each in policy["Statement"] for action in each["Action"]}


def test_instances_and_keys_are_named_once_each() -> None:
    """A policy names what the manifest names, sorted, and nothing twice."""
    policy = run_policy(targets(4, accounts=2))
    assert len(_statement(policy, "Instances")["Resource"]) == 4
    assert _statement(policy, "Keys")["Resource"] == [f"{PLACE[:-1]}{n}:key/aaaa" for n in (1, 2)]


def test_without_keys_nothing_is_said_of_them() -> None:
    """Targets without encryption need no permission on keys."""
    assert not {
        each for each in _actions(run_policy(targets(1, encryption=PLAIN))) if "kms:C" in each
    }


def test_a_key_behind_an_alias_is_named_by_its_alias() -> None:
    """A permission on an alias' ARN allows nothing, so the key's aliases are a condition."""
    wanted = [
        *targets(1),
        *targets(1, encryption=Encryption(True, f"{PLACE}:alias/b", "KMS")),
        *targets(1, encryption=Encryption(True, f"{PLACE}:alias/a", "KMS")),
    ]
    statement = _statement(read_policy(wanted), "KeysByAlias")
    assert statement["Resource"] == [f"{PLACE}:key/*"]
    assert statement["Action"] == ["kms:DescribeKey"]
    condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/a", "alias/b"]}}
    assert statement["Condition"] == condition


def test_reading_allows_no_change() -> None:
    """The policy to read has only reads."""
    verbs = {action.split(":")[1] for action in _actions(read_policy(targets(1)))}
    assert all(verb.startswith(("Get", "Describe", "List")) for verb in verbs)


def test_policies_of_roles_are_never_put_beyond_the_service_linked_role() -> None:
    """What could raise privileges is kept to the role's path, and its creation to the service."""
    policy = run_policy(targets(1))
    for each in policy["Statement"]:
        if {action for action in each["Action"] if action.startswith("iam:")}:
            assert each["Resource"] != ["*"] or "Condition" in each
    (resource,) = _statement(policy, "ServiceLinkedRolePolicies")["Resource"]
    assert resource.endswith(":role/aws-service-role/connect-campaigns.amazonaws.com/*")


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-2", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_arns_are_of_the_regions_partition(region: str, partition: str) -> None:
    """China and GovCloud have ARNs of their own."""
    policy = run_policy([named("i", region=region)])
    assert _statement(policy, "Instances")["Resource"][0].startswith(f"arn:{partition}:connect:")
    assert _statement(policy, "OnboardingEventRule")["Resource"][0].startswith(f"arn:{partition}:")


def test_the_trust_asks_for_external_ids_and_allows_sessions_as_set() -> None:
    """The caller is a placeholder; tags and source identities need actions of their own."""
    plain = targets(1)
    assert trust_policy(plain)["Statement"] == [
        {"Effect": "Allow", "Principal": {"AWS": CALLER}, "Action": ["sts:AssumeRole"]}
    ]
    session = RoleSession(3600, (("a", "b"),), "bot")
    asked = [replace(plain[0], identity=Identity("arn:aws:iam::1:role/R", "ext", session=session))]
    (statement,) = trust_policy(asked)["Statement"]
    assert statement["Action"] == ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": ["ext"]}}
    assert _actions(caller_policy(asked)) == set(statement["Action"])


def test_the_caller_needs_nothing_for_own_credentials() -> None:
    """Without roles there is nothing to assume, and no statement without a resource."""
    assert caller_policy(targets(1, identity=Identity()))["Statement"] == []


def _allowed(policy: dict[str, Any]) -> dict[str, tuple[list[str], list[str]]]:
    """Return actions and resources by their statement's name; all of them allow, under one version."""
    assert policy["Version"] == "2012-10-17"
    assert {each["Effect"] for each in policy["Statement"]} == {"Allow"}
    return {each["Sid"]: (each["Action"], each["Resource"]) for each in policy["Statement"]}


INSTANCE = ["arn:aws:connect:eu-west-2:000000000001:instance/i-0"]
STATUS, CONFIG = (
    "connect-campaigns:GetInstanceOnboardingJobStatus",
    "connect-campaigns:GetConnectInstanceConfig",
)


def test_to_run_it_takes_exactly_these_permissions() -> None:
    """AWS's sample policy, with the resources that can be named; one condition, on the role."""
    policy = run_policy(targets(1))
    assert _allowed(policy) == {
        "Campaigns": (
            [
                "connect-campaigns:DeleteInstanceOnboardingJob",
                CONFIG,
                STATUS,
                "connect-campaigns:StartInstanceOnboardingJob",
            ],
            ["*"],
        ),
        "Instances": (["connect:DescribeInstance"], INSTANCE),
        "OnboardingReadsAndSets": (
            [
                "connect:DescribeInstanceAttribute",
                "connect:ListInstances",
                "connect:UpdateInstanceAttribute",
                "ds:DescribeDirectories",
                "kms:ListAliases",
            ],
            ["*"],
        ),
        "OnboardingEventRule": (
            ["events:PutRule", "events:PutTargets"],
            ["arn:aws:events:*:*:rule/ConnectCampaignsRule*"],
        ),
        "ServiceLinkedRole": (["iam:CreateServiceLinkedRole"], ["*"]),
        "ServiceLinkedRolePolicies": (
            ["iam:AttachRolePolicy", "iam:PutRolePolicy"],
            ["arn:aws:iam::*:role/aws-service-role/connect-campaigns.amazonaws.com/*"],
        ),
        "Keys": (["kms:CreateGrant", "kms:DescribeKey"], [f"{PLACE}:key/aaaa"]),
    }
    assert {
        each["Sid"]: each["Condition"] for each in policy["Statement"] if "Condition" in each
    } == {
        "ServiceLinkedRole": {
            "StringEquals": {"iam:AWSServiceName": "connect-campaigns.amazonaws.com"}
        }
    }


def test_to_read_and_to_assume_it_takes_exactly_these_permissions() -> None:
    """Nothing beside them, and no condition."""
    assert _allowed(read_policy(targets(1))) == {
        "Campaigns": ([CONFIG, STATUS], ["*"]),
        "Instances": (["connect:DescribeInstance"], INSTANCE),
        "Discovery": (["connect:ListInstances", "ds:DescribeDirectories"], ["*"]),
        "Keys": (["kms:DescribeKey"], [f"{PLACE}:key/aaaa"]),
    }
    assert _allowed(caller_policy(targets(1))) == {
        "Roles": (["sts:AssumeRole"], ["arn:aws:iam::000000000001:role/Onboarder"])
    }
