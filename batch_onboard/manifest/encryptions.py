"""How a target's campaign data is to be encrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.core.targets import Encryption
from batch_onboard.manifest.arns import key_region
from batch_onboard.manifest.templates import fill, unknown_words
from batch_onboard.manifest.wording import quoted

if TYPE_CHECKING:
    from batch_onboard.core.targets import TargetKey
    from batch_onboard.manifest.checking import Checked
    from batch_onboard.manifest.layers import Layers
    from batch_onboard.manifest.models import Settings
    from batch_onboard.manifest.nodes import MappingNode
    from batch_onboard.manifest.problems import Complaints, Place

_DISABLED = Encryption(enabled=False)


class Encryptions:
    """Makes encryptions, one object for all targets that want the same."""

    def __init__(self) -> None:
        self._known: dict[str, Encryption] = {}

    def of(self, layers: Layers, key: TargetKey, complaints: Complaints) -> Encryption | None:
        """Return a target's encryption, or None if it is wrong or set nowhere.

        What is wrong is complained of; that it is missing is left to the caller.
        """
        holder = layers.holder.get("encryption")
        if holder is None or holder.settings.encryption is None:
            return None
        if not holder.settings.encryption.enabled:
            return _DISABLED
        template = holder.settings.encryption.key_arn
        if template is None:
            return None  # refused where it stands
        key_arn = fill(template, key)
        encryption = self._known.get(key_arn)
        if encryption is None:
            if key_region(key_arn) is None or len(key_arn) > 500:  # EncryptionKey, service model
                _refuse(holder, key_arn, complaints)
                return None
            encryption = self._known[key_arn] = Encryption(True, key_arn, "KMS")
        region = key_arn.split(":", 4)[3]
        if region != key.region:
            complaints.warning(_place(holder), "foreign-key", *_foreign_key(region, key))
        return encryption


def _refuse(holder: Checked[Settings], key_arn: str, complaints: Complaints) -> None:
    if not unknown_words(holder.node["encryption"]["key_arn"]):  # else refused where it stands
        complaints.error(_place(holder), "wrong-value", _wrong_key(key_arn), subject="key_arn")


def _place(holder: Checked[Settings]) -> Place:
    node: MappingNode = holder.node["encryption"]
    return node.value_place("key_arn")


def _wrong_key(key_arn: str) -> str:
    return (
        f"key_arn is {quoted(key_arn)}, but must be the ARN of a KMS key or alias of at most 500 "
        "characters, such as arn:aws:kms:{region}:{account_id}:key/ID"
    )


def _foreign_key(region: str, key: TargetKey) -> tuple[str, str]:
    return (
        f"the key is in {region}, but is used for a target in {key.region} ({key.instance_id})",
        "KMS keys are used in their own Region: write {region} in the ARN",
    )
