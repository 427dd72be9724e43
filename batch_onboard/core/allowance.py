"""Which accounts and roles the operator allows, whatever a manifest or a list asks for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from batch_onboard.core.targets import Identity, Target

ACCOUNTS, ROLES = "allowed_accounts", "allowed_roles"
"""What the two lists are called in a settings file."""

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Allowance:
    """Globs, compared with case; None allows all, and an empty list nothing.

    Attributes:
        accounts: of targets.
        roles: ARNs of the roles that targets may name. A target without one uses the caller's own
            credentials, which are the operator's choice. Which role a profile assumes is not
            known here, so with such a list none may be named.
    """

    accounts: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None

    def refusal(self, targets: Iterable[Target]) -> str | None:
        """Say what of these targets is not allowed, or None if all is."""
        refused = {setting: Counter[str]() for setting in (ACCOUNTS, ROLES)}
        for target in targets:
            account_id, identity = target.key.account_id, target.identity
            setting = self.bars(identity, account_id)
            if setting is not None:
                what = account_id if setting == ACCOUNTS else f"{identity} for {account_id}"
                refused[setting][what] += 1
        told = [
            f"{setting} does not allow {_listed(what)}" for setting, what in refused.items() if what
        ]
        return "; ".join(told) + ": nothing was sent" if told else None

    def bars(self, identity: Identity, account_id: str) -> str | None:
        """Name the setting that keeps an identity from being used in an account, if one does."""
        if not _matches(account_id, self.accounts):
            return ACCOUNTS
        return None if self._allows(identity) else ROLES

    def _allows(self, identity: Identity) -> bool:
        if identity.role_arn is None:
            return identity.profile is None or self.roles is None
        return _matches(identity.role_arn, self.roles)


def _matches(text: str, globs: tuple[str, ...] | None) -> bool:
    return globs is None or any(fnmatchcase(text, glob) for glob in globs)


def _listed(refused: Counter[str]) -> str:
    shown = [f"{what} ({number:,})" for what, number in sorted(refused.items())]
    more = len(shown) - _SHOWN
    return ", ".join(shown[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
