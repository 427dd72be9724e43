"""Which instance a mapping of keys names: by its ARN, or by account, Region and id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.core.targets import TargetKey
from batch_onboard.manifest.arns import parse_instance
from batch_onboard.manifest.wording import quoted

if TYPE_CHECKING:
    from batch_onboard.manifest.checking import Checked
    from batch_onboard.manifest.layers import Base, Layers
    from batch_onboard.manifest.models import Instance
    from batch_onboard.manifest.problems import Complaints


def identify(
    checked: Checked[Instance], base: Base, complaints: Complaints
) -> tuple[TargetKey, Layers] | None:
    """Return which target a mapping names and what holds for it; None, if it doesn't say.

    Complains of keys that contradict the ARN, and of those that are missing, unless something that
    is wrong in the mapping, the account's settings or the defaults may have been meant for them.
    """
    settings = checked.settings
    if settings.arn is not None and (key := parse_instance(settings.arn)) is not None:
        _check_contradictions(checked, key, complaints)
        return key, base.under(checked, key.account_id)
    account_id = settings.account_id or base.account_id
    layers = base.under(checked, account_id)
    region = settings.region
    if region is None and (holder := layers.holder.get("region")) is not None:
        region = holder.settings.region
    if account_id is not None and region is not None and settings.id is not None:
        return TargetKey(account_id, region, settings.id), layers
    known = {"account_id": account_id, "region": region, "id": settings.id}
    missing = [name for name, value in known.items() if value is None]
    if layers.doubtful.isdisjoint(missing):
        message = f"this instance has no {' and no '.join(missing)}"
        hint = "an instance needs account_id, region and id, or its arn"
        complaints.error(checked.node.place, "unidentified", message, hint)
    return None


def _check_contradictions(
    checked: Checked[Instance], key: TargetKey, complaints: Complaints
) -> None:
    settings, node = checked.settings, checked.node
    said = {"account_id": settings.account_id, "region": settings.region, "id": settings.id}
    for (name, value), in_arn in zip(said.items(), key, strict=True):
        if value is not None and value != in_arn:
            place = node.value_place(name)
            line = node.value_place("arn").seen_from(place)
            message = f"{name} is {quoted(value)}, but the arn ({line}) says {quoted(in_arn)}"
            hint = f"mend one of them, or remove {name}"
            complaints.error(place, "contradiction", message, hint, subject=name)
