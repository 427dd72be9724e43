"""Whose credentials a target is onboarded with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from batch_onboard.core.targets import PLAIN_SESSION, Identity, RoleSession
from batch_onboard.manifest.arns import role_account
from batch_onboard.manifest.layers import SESSION
from batch_onboard.manifest.templates import fill, unknown_words
from batch_onboard.manifest.wording import quoted

if TYPE_CHECKING:
    from batch_onboard.core.targets import TargetKey
    from batch_onboard.manifest.checking import Checked
    from batch_onboard.manifest.layers import Layers
    from batch_onboard.manifest.models import Settings
    from batch_onboard.manifest.problems import Complaints

# In the order of Identity's own fields.
_Wanted = tuple[str | None, str | None, str | None, RoleSession]
_UNKNOWN: tuple[None, None] = (None, None)
_EXTERNAL_ID = re.compile(r"[a-zA-Z0-9_+=,.@:/-]{2,1224}")
"""The characters that AssumeRole takes (AWS STS API reference)."""


_TAG_KEY, _TAG_VALUE = re.compile(r"[\w\s.:/=+@-]{1,128}"), re.compile(r"[\w\s.:/=+@-]{0,256}")
"""What a session tag may be (AWS STS API reference, Tag)."""
_SESSION_KEYS = frozenset(SESSION)


class Identities:
    """Makes identities, one object for all targets that use the same one."""

    def __init__(self) -> None:
        # With each identity the account that its role is of, where it has one.
        self._known: dict[_Wanted, tuple[Identity, str | None]] = {}

    def of(self, layers: Layers, key: TargetKey, complaints: Complaints) -> Identity | None:
        """Return a target's identity, or None, having complained, if its settings are wrong."""
        holder = layers.holder
        wanted = (
            _filled(holder["role_arn"], "role_arn", key) if "role_arn" in holder else None,
            _filled(holder["external_id"], "external_id", key) if "external_id" in holder else None,
            _filled(holder["profile"], "profile", key) if "profile" in holder else None,
            _session(layers) if holder.keys() & _SESSION_KEYS else PLAIN_SESSION,
        )
        identity, account_id = self._known.get(wanted, _UNKNOWN)
        if identity is not None and account_id in (None, key.account_id):
            return identity
        return self._make(wanted, layers, key, complaints)

    def _make(
        self, wanted: _Wanted, layers: Layers, key: TargetKey, complaints: Complaints
    ) -> Identity | None:
        role_arn, external_id, _, session = wanted
        account_id = None
        if role_arn is not None:
            account_id = role_account(role_arn)
            if account_id != key.account_id:
                wrong = _wrong_role(role_arn, account_id, key)
                _complain(complaints, layers.holder["role_arn"], "role_arn", *wrong)
                return None
        if external_id is not None:
            wrong_external = _wrong_external_id(external_id, role_arn)
            if wrong_external is not None:
                holder = layers.holder["external_id"]
                _complain(complaints, holder, "external_id", *wrong_external)
                return None
        if not _accepts_session(layers, session, role_arn, complaints):
            return None
        identity = Identity(*wanted)
        self._known[wanted] = identity, account_id
        return identity


def _accepts_session(
    layers: Layers, session: RoleSession, role_arn: str | None, complaints: Complaints
) -> bool:
    wrong_tags = _wrong_tags(session.tags)
    if wrong_tags is not None:
        holder = layers.holder["session_tags"]
        _complain(complaints, holder, "session_tags", "wrong-value", wrong_tags)
        return False
    without_role = [name for name in SESSION if role_arn is None and name in layers.holder]
    for name in without_role:
        _complain(complaints, layers.holder[name], name, *_roleless(name))
    return not without_role


def _complain(
    complaints: Complaints,
    holder: Checked[Settings],
    name: str,
    code: str,
    message: str,
    hint: str = "",
) -> None:
    value = holder.node[name]
    if not (isinstance(value, str) and unknown_words(value)):  # else refused where it stands
        complaints.error(holder.node.value_place(name), code, message, hint, subject=name)


def _filled(holder: Checked[Settings], name: str, key: TargetKey) -> str:
    return fill(getattr(holder.settings, name), key)


def _session(layers: Layers) -> RoleSession:
    return RoleSession(
        layers.value("session_duration") or PLAIN_SESSION.duration,
        tuple(sorted((layers.value("session_tags") or {}).items())),
        layers.value("source_identity"),
    )


def _wrong_tags(tags: tuple[tuple[str, str], ...]) -> str | None:
    for name, value in tags:
        if _TAG_KEY.fullmatch(name) is None or _TAG_VALUE.fullmatch(value) is None:
            return (
                f"session_tags has {quoted(name)}: {quoted(value)}, but takes names of 1 to 128 "
                "and texts of up to 256 letters, digits, spaces and characters of _ . : / = + - @"
            )
    return None


def _wrong_role(role_arn: str, account_id: str | None, key: TargetKey) -> tuple[str, str, str]:
    """Return the code of what is wrong, what it is, and how to mend it."""
    if account_id is None:
        message = (
            f"role_arn is {quoted(role_arn)}, but must be the ARN of an IAM role, such as "
            "arn:aws:iam::{account_id}:role/NAME, or none for the caller's own credentials"
        )
        return "wrong-value", message, ""
    message = (
        f"role_arn is a role of account {account_id}, but used for a target of account "
        f"{key.account_id} ({key.instance_id})"
    )
    hint = (
        "a role must be of the target's account: write {account_id} in its ARN, or set the role "
        "under accounts"
    )
    return "foreign-role", message, hint


def _roleless(name: str) -> tuple[str, str, str]:
    hint = "add the role, or remove it"
    return "no-effect", f"{name} has no effect without a role_arn", hint


def _wrong_external_id(external_id: str, role_arn: str | None) -> tuple[str, str, str] | None:
    if role_arn is None:
        return _roleless("external_id")
    if _EXTERNAL_ID.fullmatch(external_id) is None:
        allowed = "2 to 1224 letters, digits and characters of _ + = , . @ : / -"
        return "wrong-value", f"external_id must be {allowed}", ""
    return None
