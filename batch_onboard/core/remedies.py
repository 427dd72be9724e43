"""What a person does about a target that did not get through.

The failure codes are complete by the service model; what to do about each follows AWS's
documentation of the permissions that onboarding needs, and is partly inference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.core.lifecycle import State
from batch_onboard.core.opening import MAX_AUTOMATIC_CLEARS

if TYPE_CHECKING:
    from batch_onboard.core.record import Record

FAILURE_REMEDIES = {
    "IAM_ACCESS_DENIED": (
        "grant iam:CreateServiceLinkedRole (for connect-campaigns.amazonaws.com), "
        "iam:PutRolePolicy and iam:AttachRolePolicy, look at the SCPs, then run --retry-failed"
    ),
    "EVENT_BRIDGE_ACCESS_DENIED": (
        "grant events:PutRule and events:PutTargets on ConnectCampaignsRule*, "
        "then run --retry-failed"
    ),
    "EVENT_BRIDGE_MANAGED_RULE_LIMIT_EXCEEDED": (
        "offboard deleted instances or raise the EventBridge quota, then run --retry-failed"
    ),
    "KMS_ACCESS_DENIED": (
        "grant kms:DescribeKey and kms:CreateGrant to the caller and look at the key's policy, "
        "then run --retry-failed"
    ),
    "KMS_KEY_NOT_FOUND": (
        "check the key's ARN, Region and state in the manifest, then run --retry-failed"
    ),
    "INTERNAL_FAILURE": (
        "run again: the failed job is deleted and started anew, twice at most; then AWS Support"
    ),
}

ERROR_REMEDIES = {
    "AccessDenied": "allow the caller to assume the role (sts:AssumeRole, the role's trust policy)",
    "AccessDeniedException": (
        "grant the identity the connect-campaigns actions and look at the SCPs, then run again"
    ),
    "ExpiredTokenException": "renew the credentials (for SSO: aws sso login), then run again",
    "InvalidSignatureException": "check the credentials, then run again",
    "RequestTimeTooSkewed": "set this machine's clock right, then run again",
    "ResourceNotFoundException": (
        "check the instance's id, account and Region in the manifest, then run --retry-failed"
    ),
    "UnrecognizedClientException": (
        "enable the Region for the account or check the credentials, then run again"
    ),
    "ValidationException": "correct the target in the manifest, then run --retry-failed",
    "RegionDisabledException": "activate STS in the Region for the caller, then run again",
    "OptInRequired": "enable the Region for the account, then run again",
    "denied_by_scp": "have the service control policy changed that denies it, then run again",
    "mfa_needed": "use a profile that needs no MFA code, such as one of SSO, then run again",
    "connection": "see that the endpoint can be reached (DNS, proxy, firewall), then run again",
    "conflict": "another job seems to hold the account and Region: run again later",
    "job_timeout": "run again to follow the job further; raise --job-timeout if it needs longer",
    "job_vanished": "run again: the live state decides",
    "not_onboarded": (
        "offboarded since it was onboarded: a person decides; run --restart-missing starts it again"
    ),
    "key_denied": "grant the identity kms:DescribeKey on the key behind the alias, then run again",
    "key_not_found": "correct the alias in the manifest, or make it, then run again",
    "key_not_told": "name the key by its own ARN in the manifest, then run again",
    "credential_provider": "see that the AWS config's credentials can be had, then run again",
    "credentials_unreadable": "mend the AWS config or the program that it names, then run again",
    "no_credentials": "set AWS_PROFILE or other AWS credentials, then run again",
    "plan_stale": "its live state has changed since the plan: make a new plan",
    "profile_not_found": "name a profile that the AWS config has, then run again",
    "profiles_not_allowed": "allow the manifest's profiles with --allow-profiles",
    "slow_ledger": "put the ledger on a faster disk, or see what slows this one, then run again",
    "sso_expired": "log in (aws sso login --profile NAME), then run again",
    "tls": "set AWS_CA_BUNDLE to the certificates to trust, then run again",
    "throttled": "the quota was used up throughout: run again later, or have it raised",
    "timeout": "run again: the live state is read before anything is sent",
    "wrong_account": "correct role_arn or the credentials: they belong to another account",
}

_FOREIGN_FAILURE = (
    "this ledger did not start the failed job: look at its cause, "
    "then run --clear-failed to delete its record and start"
)
_DRIFT = (
    "the key can't be changed without offboarding: change the manifest, or accept it there "
    "with accept_drift"
)
_BY_STATE = {
    State.PENDING: "run again to start it",
    State.SUBMITTING: "run again: the live state is read before anything is sent",
    State.IN_PROGRESS: "run again to follow the job",
    State.DRIFTED: _DRIFT,
    State.REJECTED: "correct the target in the manifest, then run --retry-failed",
    State.UNRESOLVED: "run again",
}


def next_action(record: Record) -> str | None:
    """Say what to do next about a target, or None if there is nothing to do."""
    if record.state is State.FAILED:
        if not record.ours:
            return _FOREIGN_FAILURE
        if record.automatic_clears >= MAX_AUTOMATIC_CLEARS:
            return "it failed again and again: ask AWS Support, then run --retry-failed"
        known = FAILURE_REMEDIES.get(record.failure_code or "")
        return known or "look up the failure code in AWS's documentation, then run --retry-failed"
    if record.state in {State.DRIFTED, State.REJECTED, State.UNRESOLVED}:
        by_error = ERROR_REMEDIES.get(record.error_code or "")
        return by_error or _BY_STATE[record.state]
    return _BY_STATE.get(record.state)
