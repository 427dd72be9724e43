"""Instances to targets: which one it is, what holds for it, and whether it was listed before."""

from __future__ import annotations

import difflib
from collections import Counter
from typing import TYPE_CHECKING

from batch_onboard.core.targets import Api, Target
from batch_onboard.manifest.agreement import check_agreement
from batch_onboard.manifest.arns import parse_instance
from batch_onboard.manifest.checking import check
from batch_onboard.manifest.credentials import Identities
from batch_onboard.manifest.encryptions import Encryptions
from batch_onboard.manifest.identify import identify
from batch_onboard.manifest.models import Instance
from batch_onboard.manifest.nodes import MappingNode
from batch_onboard.manifest.regions import regions_with_service
from batch_onboard.manifest.wording import described, quoted

if TYPE_CHECKING:
    from batch_onboard.core.targets import Encryption, Identity, TargetKey
    from batch_onboard.manifest.layers import Base, Layers
    from batch_onboard.manifest.problems import Complaints, Place

_PATH_SEGMENTS = frozenset({".", ".."})
_Labels = tuple[tuple[str, str], ...]
_APIS = {api.value: api for api in Api}
_NO_ENCRYPTION = "encryption is set nowhere for this instance"
_ADD_ENCRYPTION = (
    "add encryption: {enabled: true, key_arn: ...} or {enabled: false} here, under accounts or "
    "under defaults"
)
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
        self._identities = Identities(complaints)
        self._encryptions = Encryptions(complaints)
        self._labels: dict[_Labels, _Labels] = {}
        self._places: dict[TargetKey, Place] = {}

    def add(self, instance: object, place: Place) -> None:
        """Take in one instance: an ARN, or a mapping of an instance's keys.

        Raises:
            StopReading: it is so wrong that nothing more should be read.
        """
        self.instances += 1
        if isinstance(instance, MappingNode):
            self._add_mapping(instance, place)
        elif isinstance(instance, str):
            self._add_arn(instance, place)
        else:
            message = f"an instance is {described(instance)}, but must be an ARN or a mapping"
            self._complaints.error(place, "wrong-value", message, subject="instances")

    def accounts(self) -> set[str]:
        """Return the accounts that instances were found of."""
        return {key.account_id for key in self._places}

    def warn_of_regions(self) -> None:
        """Point at each Region that is not known to have the service, once."""
        known = regions_with_service()
        counts = Counter(key.region for key in self._places)
        strange = counts.keys() - known if known else set()
        for key, place in self._places.items() if strange else ():
            if key.region in strange:
                strange.remove(key.region)
                message, hint = _strange_region(key.region, counts, known)
                self._complaints.warning(
                    place, "region-without-service", message, hint, subject=key.region
                )

    def _add_arn(self, arn: str, place: Place) -> None:
        key = parse_instance(arn)
        if key is None:
            message = f"{quoted(arn)} is not the ARN of an instance, {_ARN_FORM}"
            self._complaints.error(place, "wrong-arn", message)
        else:
            self._add_target(key, self._base.of(key.account_id), place)

    def _add_mapping(self, node: MappingNode, place: Place) -> None:
        checked = check(Instance, node, self._complaints)
        check_agreement(checked, self._complaints, allow_profiles=self._allow_profiles)
        identified = identify(checked, self._base, self._complaints)
        if identified is not None:
            self._add_target(*identified, place)

    def _add_target(self, key: TargetKey, layers: Layers, place: Place) -> None:
        self._check_key(key, place)
        identity = self._identities.of(layers, key)
        encryption = self._encryptions.of(layers, key)
        if "encryption" not in layers.holder and "encryption" not in layers.doubtful:
            self._complaints.error(place, "no-encryption", _NO_ENCRYPTION, _ADD_ENCRYPTION)
        if identity is not None and encryption is not None:
            self.targets.append(self._target(key, layers, identity, encryption))

    def _check_key(self, key: TargetKey, place: Place) -> None:
        """Complain of an id that would be a path, and of an instance that was listed before."""
        if key.instance_id in _PATH_SEGMENTS:
            message = f"{quoted(key.instance_id)} is no instance's id, but a path"
            self._complaints.error(place, "path-as-id", message)
        first = self._places.setdefault(key, place)
        if first is not place:
            message = (
                f"the same instance as in {first.seen_from(place)} ({key}): an instance is one "
                "target, whatever its api"
            )
            self._complaints.error(place, "duplicate-target", message, "keep one of them")

    def _target(
        self, key: TargetKey, layers: Layers, identity: Identity, encryption: Encryption
    ) -> Target:
        holder = layers.holder
        api = holder["api"].settings.api if "api" in holder else None
        wave = holder["wave"].settings.wave if "wave" in holder else None
        drift = holder["accept_drift"].settings.accept_drift if "accept_drift" in holder else None
        return Target(
            key=key,
            api=_APIS[api or "v1"],
            identity=identity,
            encryption=encryption,
            labels=self._labels.setdefault(layers.labels, layers.labels),
            wave=wave or 1,
            accept_drift=drift,
        )


def _strange_region(region: str, counts: Counter[str], known: frozenset[str]) -> tuple[str, str]:
    """Return what is strange about a Region, and what may have been meant."""
    instances = "1 instance" if counts[region] == 1 else f"{counts[region]:,} instances"
    near = difflib.get_close_matches(region, sorted(known), n=1)
    return (
        f"outbound campaigns are not known to exist in {region} ({instances})",
        f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}",
    )
