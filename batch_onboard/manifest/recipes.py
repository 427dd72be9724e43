"""What holds for instances that are written alike: worked out once for those that say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from batch_onboard.manifest.layers import API, SESSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batch_onboard.core.targets import Encryption, Identity, TargetKey
    from batch_onboard.manifest.checking import Checked
    from batch_onboard.manifest.layers import Labels, Layers
    from batch_onboard.manifest.models import Settings
    from batch_onboard.manifest.shapes import Alike, Shape

_MOST = 1_000
"""Recipes of one shape, and domains of one recipe, that are remembered at a time."""
_DEPENDING = ("role_arn", "external_id", "profile", "encryption", *SESSION)
"""Keys whose values may be right for one target and wrong for another one."""
_TEMPLATES = ("role_arn", "external_id", "profile")


class Shared(NamedTuple):
    """What targets of one domain share.

    Attributes:
        account_id: their account.
        region: their Region.
        identity: whose credentials they use.
        encryption: their encryption.
    """

    account_id: str
    region: str
    identity: Identity
    encryption: Encryption


_Domains = dict[tuple[str, str], Shared]


class Recipe:
    """How instances that are written alike become targets.

    Attributes:
        layers: what holds for them. Its labels are those of the first one.
        api: the version of the service.
        wave: their wave.
        accept_drift: why a drift is accepted.
        account_id: their account, where they don't say it.
        region: their Region, where they don't say it.
        labelled: they say labels themselves.
        depends: they say themselves what may be right for one of them and wrong for another one.
    """

    def __init__(self, shape: Shape, layers: Layers, key: TargetKey, domains: _Domains) -> None:
        self.layers = layers
        self.api = API[layers.value("api") or "v1"]
        self.wave: int = layers.value("wave") or 1
        self.accept_drift: str | None = layers.value("accept_drift")
        self.account_id = key.account_id
        self.region = key.region
        self.depends = not shape.says.isdisjoint(_DEPENDING)
        self._labels = [
            (name, shape.labels.get(name, -1), (name, text)) for name, text in layers.labels
        ]
        self.labelled = bool(shape.labels)
        self._is_personal = _is_personal(layers)
        self._domains = domains

    def labels(self, values: Sequence[str]) -> Labels:
        """Return the labels of an instance that has some."""
        return tuple([pair if at < 0 else (name, values[at]) for name, at, pair in self._labels])

    def shared(self, account_id: str, region: str) -> Shared | None:
        """Return what targets of a domain share, where that is known."""
        return self._domains.get((account_id, region))

    def share(self, shared: Shared) -> None:
        """Remember what was right for a target, for others of its domain."""
        if not self._is_personal:
            if len(self._domains) >= _MOST:
                self._domains.clear()
            self._domains[shared.account_id, shared.region] = shared


def _is_personal(layers: Layers) -> bool:
    """Say whether a template has a place for the id of an instance."""
    templates = [layers.value(name) for name in _TEMPLATES]
    encryption = layers.value("encryption")
    templates.append(None if encryption is None else encryption.key_arn)
    return any("{instance_id}" in (template or "") for template in templates)


class Recipes:
    """The recipes of all shapes."""

    def __init__(self, accounts: dict[str, Layers]) -> None:
        self._accounts = accounts
        self._known: dict[Shape, dict[tuple[object, str], Recipe]] = {}
        # The holders are kept with them, since an id is one object's while that exists.
        self._domains: dict[tuple[int, ...], tuple[list[Checked[Settings] | None], _Domains]] = {}

    def of(self, alike: Alike, account_id: str) -> Recipe | None:
        """Return the recipe for an instance, where one is known."""
        known = self._known.get(alike.shape)
        return None if known is None else known.get(self._saying(alike, account_id))

    def learn(self, alike: Alike, account_id: str, layers: Layers, key: TargetKey) -> None:
        """Remember what holds for an instance, for others that say the same."""
        known = self._known.setdefault(alike.shape, {})
        if len(known) >= _MOST:
            known.clear()
        known[self._saying(alike, account_id)] = Recipe(
            alike.shape, layers, key, self._domains_of(layers)
        )

    def _domains_of(self, layers: Layers) -> _Domains:
        """Return what is known of domains where the same holds, whatever their waves or labels."""
        if len(self._domains) >= _MOST:
            self._domains.clear()
        holders = [layers.holder.get(name) for name in _DEPENDING]
        kept = self._domains.setdefault(tuple(map(id, holders)), (holders, {}))
        return kept[1]

    def _saying(self, alike: Alike, account_id: str) -> tuple[object, str]:
        rest = alike.match.group(*alike.shape.rest) if alike.shape.rest else None
        return rest, account_id if account_id in self._accounts else ""
