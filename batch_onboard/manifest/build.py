"""Instances to targets: which one it is, what holds for it, and whether it was listed before."""

from __future__ import annotations

import difflib
from functools import partial
from sys import intern
from typing import TYPE_CHECKING

from batch_onboard.core.targets import Target, TargetKey
from batch_onboard.manifest.agreement import check_agreement
from batch_onboard.manifest.arns import parse_instance
from batch_onboard.manifest.checking import check
from batch_onboard.manifest.credentials import Identities
from batch_onboard.manifest.encryptions import Encryptions
from batch_onboard.manifest.identify import identify
from batch_onboard.manifest.layers import API
from batch_onboard.manifest.listed import Listed
from batch_onboard.manifest.models import Instance
from batch_onboard.manifest.nodes import MappingNode
from batch_onboard.manifest.problems import Complaints
from batch_onboard.manifest.recipes import Recipes, Shared
from batch_onboard.manifest.regions import regions_with_service
from batch_onboard.manifest.shapes import Alike
from batch_onboard.manifest.wording import described, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from batch_onboard.core.targets import Encryption, Identity
    from batch_onboard.manifest.layers import Base, Labels, Layers
    from batch_onboard.manifest.problems import Place
    from batch_onboard.manifest.recipes import Recipe
    from batch_onboard.manifest.shapes import Written

_Identified = tuple["TargetKey", "Layers"]
_PATH_SEGMENTS = frozenset({".", ".."})
_key = partial(tuple.__new__, TargetKey)
"""Makes a key of three texts in half the time that its class takes."""
_MOST_LABELS = 10_000
"""Different labels that are remembered for sharing."""
_NO_ENCRYPTION = "encryption is set nowhere for this instance"
_ADD_ENCRYPTION = (
    "add encryption: {enabled: true, key_arn: ...} or {enabled: false} here, under accounts or "
    "under defaults"
)
_ONE_TARGET = "an instance is one target, whatever its api"
_ARN_FORM = "arn:aws:connect:REGION:ACCOUNT:instance/ID"


class TargetBuilder:
    """Turns instances, in their order, into targets.

    Attributes:
        targets: the targets so far.
        instances: how many instances were read, good or not.
    """

    def __init__(self, base: Base, complaints: Complaints, *, allow_profiles: bool) -> None:
        self.targets: list[Target] = []
        self.instances = 0
        self._base = base
        self._complaints = complaints
        self._allow_profiles = allow_profiles
        self._identities = Identities()
        self._encryptions = Encryptions()
        self._recipes = Recipes(base.accounts)
        self._listed = Listed()
        self._labels: dict[Labels, Labels] = {}

    def add_all(self, instances: Iterable[Written]) -> None:
        """Take in instances, each an ARN or a mapping of an instance's keys.

        Raises:
            StopReading: one is so wrong that nothing more should be read.
        """
        for written in instances:
            self.instances += 1
            if isinstance(written, Alike):
                self._add_alike(written)
            else:
                self._add(*written)

    def accounts(self) -> set[str]:
        """Return the accounts that instances were found of."""
        return self._listed.accounts()

    def warn_of_regions(self) -> None:
        """Point at each Region that is not known to have the service, once."""
        known = regions_with_service()
        for region, place in self._listed.regions.items() if known else ():
            if region not in known:
                message, hint = _strange_region(region, self._listed.count(region), known)
                self._complaints.warning(
                    place, "region-without-service", message, hint, subject=region
                )

    def _add_alike(self, alike: Alike) -> None:
        """Take in an instance that is written like others, and may be handled like one of them."""
        values = alike.match.groups()
        account_id, region, instance_id = alike.shape.key(values)
        recipe = self._recipes.of(alike, account_id)
        if recipe is None:
            self._add_first(alike, account_id)
            return
        account_id, region = account_id or recipe.account_id, region or recipe.region
        shared = recipe.shared(account_id, region)
        if shared is None:
            key = TargetKey(intern(account_id), intern(region), instance_id)
            self._add_of_domain(alike, key, recipe)
            return
        key = _key((shared.account_id, shared.region, instance_id))
        first = self._listed.add_alike(key, alike.paper.file, alike.line)
        if first is not None or instance_id in _PATH_SEGMENTS:
            self._complain_of_key(key, alike.place, first)
        self._append(key, recipe, shared, values)

    def _append(
        self, key: TargetKey, recipe: Recipe, shared: Shared, values: Sequence[str]
    ) -> None:
        target = Target(
            key,
            recipe.api,
            shared.identity,
            shared.encryption,
            self._shared_labels(recipe.labels(values)) if recipe.labelled else recipe.layers.labels,
            recipe.wave,
            recipe.accept_drift,
        )
        self.targets.append(target)

    def _add_first(self, alike: Alike, account_id: str) -> None:
        """Take in an instance as any other, and see what holds for all that say the same."""
        identified = self._add(alike.read(), alike.place)
        if identified is not None:
            key, layers = identified
            self._recipes.learn(alike, account_id, layers, key)

    def _add_of_domain(self, alike: Alike, key: TargetKey, recipe: Recipe) -> None:
        """Take in an instance, and remember what holds for all in its domain, if it is right."""
        if recipe.depends and not self._is_right(key, recipe.layers):
            self._add(alike.read(), alike.place)  # what is wrong stands there, not in the first one
            return
        made = self._complaints.made
        found = self._look_up(key, recipe.layers, alike.place)
        if found is not None:
            shared = Shared(key.account_id, key.region, *found)
            self._append(key, recipe, shared, alike.match.groups())
            if made == self._complaints.made:
                recipe.share(shared)

    def _is_right(self, key: TargetKey, layers: Layers) -> bool:
        """Say whether nothing is wrong with a target's credentials and encryption."""
        scratch = Complaints("")
        identity = self._identities.of(layers, key, scratch)
        encryption = self._encryptions.of(layers, key, scratch)
        return None not in (identity, encryption) and not scratch.made

    def _add(self, instance: object, place: Place) -> _Identified | None:
        """Take in an instance; return which one it is and what holds for it, if that is right."""
        made = self._complaints.made
        identified = self._identify(instance, place)
        silent = made == self._complaints.made
        if identified is not None:
            self._add_target(*identified, place)
        return identified if silent else None

    def _identify(self, instance: object, place: Place) -> _Identified | None:
        if isinstance(instance, MappingNode):
            checked = check(Instance, instance, self._complaints)
            check_agreement(checked, self._complaints, allow_profiles=self._allow_profiles)
            return identify(checked, self._base, self._complaints)
        if isinstance(instance, str):
            return self._identify_arn(instance, place)
        message = f"an instance is {described(instance)}, but must be an ARN or a mapping"
        self._complaints.error(place, "wrong-value", message, subject="instances")
        return None

    def _identify_arn(self, arn: str, place: Place) -> _Identified | None:
        key = parse_instance(arn)
        if key is None:
            message = f"{quoted(arn)} is not the ARN of an instance, {_ARN_FORM}"
            self._complaints.error(place, "wrong-arn", message)
            return None
        return key, self._base.of(key.account_id)

    def _add_target(self, key: TargetKey, layers: Layers, place: Place) -> None:
        found = self._look_up(key, layers, place)
        if found is not None:
            target = Target(
                key,
                API[layers.value("api") or "v1"],
                *found,
                labels=self._shared_labels(layers.labels),
                wave=layers.value("wave") or 1,
                accept_drift=layers.value("accept_drift"),
            )
            self.targets.append(target)

    def _look_up(
        self, key: TargetKey, layers: Layers, place: Place
    ) -> tuple[Identity, Encryption] | None:
        """Return a target's identity and encryption; None if one of them is wrong."""
        first = self._listed.add(key, place)
        if first is not None or key.instance_id in _PATH_SEGMENTS:
            self._complain_of_key(key, place, first)
        identity = self._identities.of(layers, key, self._complaints)
        encryption = self._encryptions.of(layers, key, self._complaints)
        if "encryption" not in layers.holder and "encryption" not in layers.doubtful:
            self._complaints.error(place, "no-encryption", _NO_ENCRYPTION, _ADD_ENCRYPTION)
        return None if identity is None or encryption is None else (identity, encryption)

    def _complain_of_key(self, key: TargetKey, place: Place, first: int | None) -> None:
        """Complain of an id that would be a path, and of an instance that was listed before."""
        if key.instance_id in _PATH_SEGMENTS:
            message = f"{quoted(key.instance_id)} is no instance's id, but a path"
            self._complaints.error(place, "path-as-id", message)
        if first is not None:
            before = self._listed.seen_from(first, place)
            message = f"the same instance as in {before} ({key}): {_ONE_TARGET}"
            self._complaints.error(place, "duplicate-target", message, "keep one of them")

    def _shared_labels(self, labels: Labels) -> Labels:
        if len(self._labels) > _MOST_LABELS:  # each target has its own: sharing saves nothing
            self._labels.clear()
        return self._labels.setdefault(labels, labels)


def _strange_region(region: str, count: int, known: frozenset[str]) -> tuple[str, str]:
    """Return what is strange about a Region, and what may have been meant."""
    instances = "1 instance" if count == 1 else f"{count:,} instances"
    near = difflib.get_close_matches(region, sorted(known), n=1)
    return (
        f"outbound campaigns are not known to exist in {region} ({instances})",
        f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}",
    )
