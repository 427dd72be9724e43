"""STS: whose credentials are whose, and who may assume which role."""

from __future__ import annotations

import base64
import hashlib
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from batch_onboard.simulator.principals import Principal
from batch_onboard.simulator.protocol import ASSUME_ROLE, RefusalError, Reply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from batch_onboard.simulator.protocol import StsCall
    from batch_onboard.simulator.scenario import Caller, RoleRule, StsSettings

_ROLE_ARN = re.compile(r"arn:[\w-]+:iam::(?P<account_id>\d{12}):role/(?:.*/)?(?P<name>[^/]+)")


class Sts:
    """All credentials that the world knows, the long-lived ones and those that it handed out."""

    def __init__(self, settings: StsSettings, callers: Iterable[Caller], seed: int) -> None:
        self._settings = settings
        self._seed = seed
        self._handed_out = 0
        self._principals = {caller.access_key_id: _long_lived(caller) for caller in callers}

    def principal(self, access_key_id: str) -> Principal | None:
        """Return the credentials with this id, or None if there are none."""
        return self._principals.get(access_key_id)

    def carry_out(self, call: StsCall, now: float) -> Reply:
        """Do what is asked. The answer's members are named as in the service model.

        Raises:
            RefusalError: STS refuses.
        """
        if call.operation == ASSUME_ROLE:
            return Reply(body=_assumed_body(self._assume(call, now)))
        caller = call.caller
        body = {"UserId": caller.user_id, "Account": caller.account_id, "Arn": caller.arn}
        return Reply(body=body)

    def _assume(self, call: StsCall, now: float) -> Principal:
        role = _ROLE_ARN.fullmatch(call.role_arn)
        if role is None:
            raise RefusalError("ValidationError", f"{call.role_arn} is not a role's ARN")
        rule = self._rule(call.role_arn)
        if rule is not None and not _may_assume(rule, call):
            raise RefusalError(
                "AccessDenied",
                f"User: {call.caller.arn} is not authorized to perform: sts:AssumeRole"
                f" on resource: {call.role_arn}",
            )
        if rule is not None and call.duration > rule.max_seconds:
            raise RefusalError(
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            )
        account_id = role["account_id"]
        if rule is not None and rule.account_id is not None:
            account_id = rule.account_id
        return self._hand_out(account_id, role["name"], call, now)

    def _rule(self, role_arn: str) -> RoleRule | None:
        rules = self._settings.roles
        return next((rule for rule in rules if fnmatchcase(role_arn, rule.role_arn)), None)

    def _hand_out(self, account_id: str, role_name: str, call: StsCall, now: float) -> Principal:
        self._handed_out += 1
        number = self._handed_out
        principal = Principal(
            access_key_id=f"ASIA{number:016d}",
            secret_access_key=self._made_up(f"secret {number}")[:40],
            account_id=account_id,
            arn=f"arn:aws:sts::{account_id}:assumed-role/{role_name}/{call.session_name}",
            user_id=f"AROASIMULATED:{call.session_name}",
            session_token=self._made_up(f"token {number}"),
            expires_at=now + (self._settings.session_seconds or call.duration),
        )
        self._principals[principal.access_key_id] = principal
        return principal

    def _made_up(self, text: str) -> str:
        digest = hashlib.sha512(f"{self._seed} {text}".encode()).digest()
        return base64.b64encode(digest).decode()


def account_of(arn: str) -> str:
    """Return the account that an ARN names, or nothing if it isn't one."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 4 else ""


def _may_assume(rule: RoleRule, call: StsCall) -> bool:
    return rule.allow and rule.external_id in {None, call.external_id}


def _long_lived(caller: Caller) -> Principal:
    return Principal(
        access_key_id=caller.access_key_id,
        secret_access_key=caller.secret_access_key,
        account_id=caller.account_id,
        arn=caller.arn,
        user_id="AIDASIMULATED",
    )


def _assumed_body(assumed: Principal) -> dict[str, Any]:
    return {
        "Credentials": {
            "AccessKeyId": assumed.access_key_id,
            "SecretAccessKey": assumed.secret_access_key,
            "SessionToken": assumed.session_token,
            "Expiration": assumed.expires_at,
        },
        "AssumedRoleUser": {"AssumedRoleId": assumed.user_id, "Arn": assumed.arn},
    }
