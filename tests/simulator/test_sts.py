from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from batch_onboard.simulator.protocol import StsCall
from batch_onboard.simulator.scenario import CALLER_ACCESS_KEY_ID, CALLER_ARN
from batch_onboard.simulator.sts import account_of
from tests.simulator.helpers import ACCOUNT, REGION, ROLE, world

if TYPE_CHECKING:
    from batch_onboard.simulator.world import World


def _assume(a_world: World, role_arn: str = ROLE, external_id: str | None = None) -> StsCall:
    caller = a_world.sts.principal(CALLER_ACCESS_KEY_ID)
    assert caller is not None
    return StsCall("AssumeRole", caller, REGION, role_arn, "bo-1", external_id)


def test_a_role_gives_credentials_of_its_account() -> None:
    """The assumed role's ARN names the role's account, whatever path the role has."""
    a_world = world()
    reply = a_world.handle_sts(_assume(a_world, f"arn:aws:iam::{ACCOUNT}:role/a/b/R"), 0.0)
    assert reply.body["AssumedRoleUser"]["Arn"] == (f"arn:aws:sts::{ACCOUNT}:assumed-role/R/bo-1")
    principal = a_world.sts.principal(reply.body["Credentials"]["AccessKeyId"])
    assert principal is not None
    assert (principal.account_id, principal.expires_at) == (ACCOUNT, 3600.0)
    assert principal.secret_access_key not in repr(principal)


def test_each_session_has_credentials_of_its_own() -> None:
    """Two calls, two sets, both valid."""
    a_world = world()
    ids = {
        a_world.handle_sts(_assume(a_world), 0.0).body["Credentials"]["AccessKeyId"]
        for _ in range(2)
    }
    assert len(ids) == 2
    assert a_world.seen.requests["AssumeRole"] == 2


def test_the_life_of_sessions_can_be_set() -> None:
    """`session_seconds` outranks what the caller asks for."""
    a_world = world(sts={"session_seconds": 5})
    reply = a_world.handle_sts(_assume(a_world), 100.0)
    assert reply.body["Credentials"]["Expiration"] == 105.0


@pytest.mark.parametrize(
    ("rule", "external_id", "code"),
    [
        ({"allow": False}, None, "AccessDenied"),
        ({"external_id": "e"}, None, "AccessDenied"),
        ({"external_id": "e"}, "f", "AccessDenied"),
        ({"external_id": "e"}, "e", None),
        ({"role_arn": "arn:aws:iam::9*", "allow": False}, None, None),
    ],
)
def test_roles_are_given_as_their_rules_say(
    rule: dict[str, object], external_id: str | None, code: str | None
) -> None:
    """A rule may deny a role, or ask for an external id; others may be assumed."""
    a_world = world(sts={"roles": [rule]})
    reply = a_world.handle_sts(_assume(a_world, external_id=external_id), 0.0)
    assert reply.code == code
    if code:
        assert reply.status == 403
        assert reply.message is not None
        assert CALLER_ARN in reply.message
        assert ROLE in reply.message
        assert a_world.seen.errors == {code: 1}


def test_a_role_may_lead_into_another_account() -> None:
    """The answer shows it, so that a caller can notice."""
    a_world = world(sts={"roles": [{"account_id": "999900001111"}]})
    reply = a_world.handle_sts(_assume(a_world), 0.0)
    assert account_of(reply.body["AssumedRoleUser"]["Arn"]) == "999900001111"


def test_what_is_no_role_is_refused() -> None:
    """A malformed ARN is a ValidationError, not a fault of the simulator."""
    a_world = world()
    for arn in ("arn:aws:iam::1:role/R", "not an arn of anything at all"):
        assert a_world.handle_sts(_assume(a_world, arn), 0.0).code == "ValidationError"


def test_faults_of_sts_must_be_meant() -> None:
    """A fault without an operation leaves STS alone; one that names it strikes, by account."""
    faults = [
        {"kind": "error"},
        {"match": {"operation": "AssumeRole", "account_id": ACCOUNT}, "kind": "expired_token"},
    ]
    a_world = world(faults=faults)
    assert a_world.handle_sts(_assume(a_world), 0.0).code == "ExpiredToken"
    elsewhere = _assume(a_world, "arn:aws:iam::444455556666:role/R")
    assert a_world.handle_sts(elsewhere, 0.0).status == 200


def test_faults_about_instances_leave_sts_alone() -> None:
    """An answer of STS has no instance id that could be foreign."""
    a_world = world(faults=[{"match": {"operation": "*"}, "kind": "foreign_id"}])
    body = a_world.handle_sts(_assume(a_world), 0.0).body
    assert set(body) == {"Credentials", "AssumedRoleUser"}


def test_a_session_longer_than_the_role_allows_is_refused() -> None:
    """MaxSessionDuration holds, in the words of STS."""
    a_world = world(sts={"roles": [{"max_seconds": 7200}]})
    asked = [replace(_assume(a_world), duration=seconds) for seconds in (7200, 7201)]
    fine, refused = (a_world.handle_sts(call, 0.0) for call in asked)
    assert fine.code is None
    assert refused.code == "ValidationError"
    assert "DurationSeconds exceeds the MaxSessionDuration" in str(refused.message)


def test_a_quota_of_sts_is_the_callers() -> None:
    """Its throttles are per calling account, whatever role is asked for."""
    a_world = world(sts={"throttle": {"rate": 1, "burst": 1}})
    calls = [_assume(a_world, f"arn:aws:iam::{number:012}:role/R") for number in range(3)]
    replies = [
        a_world.handle_sts(call, at) for call, at in zip(calls, (0.0, 0.5, 1.0), strict=True)
    ]
    assert [reply.status for reply in replies] == [200, 429, 200]
