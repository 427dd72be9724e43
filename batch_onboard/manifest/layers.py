"""Which setting holds for a target: its own over its account's over the defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from batch_onboard.core.targets import Api

if TYPE_CHECKING:
    from batch_onboard.manifest.checking import Checked
    from batch_onboard.manifest.models import Instance, Settings

Labels = tuple[tuple[str, str], ...]
"""Names and texts."""

_IDENTIFYING = frozenset({"account_id", "region", "id", "arn"})
"""The keys that say which instance is meant, and nothing of how it is to be onboarded."""
SESSION = ("session_duration", "session_tags", "source_identity")
"""The keys that say how a role's session is asked for."""
NO_ROLE = "none"
"""The value of `role_arn` that takes a role from below away: the caller's own credentials."""
API = {api.value: api for api in Api}
"""What the values of `api` stand for."""
_OF_A_ROLE = frozenset({"role_arn", "external_id", *SESSION})


@dataclass(frozen=True, slots=True)
class Layers:
    """Settings laid over one another.

    Attributes:
        holder: for each key, the mapping whose value holds.
        labels: the labels of all, merged name by name and sorted.
        doubtful: keys that seem to be missing, but may only be wrong in one of them.
    """

    holder: dict[str, Checked[Settings]] = field(default_factory=dict)
    labels: Labels = ()
    doubtful: frozenset[str] = frozenset()

    def value(self, name: str) -> Any:
        """Return the value that holds for a key; None, where none does."""
        holder = self.holder.get(name)
        return None if holder is None else getattr(holder.settings, name)

    def under(self, top: Checked[Settings]) -> Layers:
        """Lay one mapping's settings over these.

        Whose credentials are used is one decision: a profile takes the place of a role that comes
        from below, with its external id and session, a role that of a profile, and the caller's own
        credentials (`role_arn: none`) that of both.
        """
        given = top.settings.model_fields_set
        own = top.settings.role_arn == NO_ROLE
        holder = self.holder
        if "profile" in given or own:
            holder = {key: holder[key] for key in holder.keys() - _OF_A_ROLE}
        if "role_arn" in given:
            holder = {key: holder[key] for key in holder.keys() - {"profile"}}
            given = given - {"role_arn"} if own else given
        labels = self.labels
        if top.settings.labels:
            labels = tuple(sorted({**dict(labels), **top.settings.labels}.items()))
        doubtful = self.doubtful | top.doubtful
        return Layers({**holder, **dict.fromkeys(given, top)}, labels, doubtful)


@dataclass(frozen=True, slots=True)
class Base:
    """What holds for instances that say nothing themselves.

    Attributes:
        defaults: for all.
        accounts: for those of one account, over the defaults.
        account_id: the account of those that name none.
    """

    defaults: Layers
    accounts: dict[str, Layers]
    account_id: str | None

    def of(self, account_id: str | None) -> Layers:
        """Return what holds in one account."""
        return self.accounts.get(account_id or "", self.defaults)

    def under(self, instance: Checked[Instance], account_id: str | None) -> Layers:
        """Return what holds for an instance; its Region and id are for the caller to read."""
        if not instance.doubtful and instance.settings.model_fields_set <= _IDENTIFYING:
            return self.of(account_id)  # most instances say nothing else
        return self.of(account_id).under(instance)
