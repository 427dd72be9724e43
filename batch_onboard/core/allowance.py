"""Which accounts and roles the operator allows, whatever a manifest asks for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from batch_onboard.core.targets import Identity, Target

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
        accounts: Counter[str] = Counter()
        roles: Counter[str] = Counter()
        for target in targets:
            if not _matches(target.key.account_id, self.accounts):
                accounts[target.key.account_id] += 1
            elif not self._allows(target.identity):
                roles[f"{target.identity} for {target.key.account_id}"] += 1
        told = [
            f"{setting} does not allow {_listed(refused)}"
            for setting, refused in (("allowed_accounts", accounts), ("allowed_roles", roles))
            if refused
        ]
        return "; ".join(told) + ": nothing was sent" if told else None

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
