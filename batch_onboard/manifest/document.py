"""The manifest's own keys: everything but the instances."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from batch_onboard.manifest.agreement import check_agreement
from batch_onboard.manifest.checking import check
from batch_onboard.manifest.explain import account_id_is_number
from batch_onboard.manifest.layers import Base, Layers
from batch_onboard.manifest.models import ACCOUNT_ID, Defaults, Head, Settings
from batch_onboard.manifest.nodes import MappingNode
from batch_onboard.manifest.problems import Place
from batch_onboard.manifest.runs import Runs, compose_manifest
from batch_onboard.manifest.wording import described, quoted

if TYPE_CHECKING:
    from batch_onboard.manifest.checking import Checked
    from batch_onboard.manifest.problems import Complaints


def read_head(text: str, file: str, complaints: Complaints) -> tuple[Checked[Head], Runs]:
    """Return a manifest's own keys, having complained of wrong ones, and what its instances lack.

    Raises:
        StopReading: the text is no YAML mapping.
    """
    root, runs = compose_manifest(text, file, complaints)
    if not isinstance(root, MappingNode):
        message = (
            f"a manifest is a mapping with version: 1 and instances; this is {described(root)}"
        )
        complaints.stop(Place(file, 1, 1), "wrong-value", message)
    head = check(Head, root, complaints)
    if "version" not in root:
        message = "version is missing"
        complaints.error(root.place, "missing-key", message, "add version: 1", subject="version")
    return head, runs


def read_base(root: MappingNode, complaints: Complaints, *, allow_profiles: bool) -> Base:
    """Return what holds for instances that say nothing themselves."""
    layers, account_id = Layers(), None
    node = root.get("defaults")
    if isinstance(node, MappingNode):
        defaults = check(Defaults, node, complaints)
        check_agreement(defaults, complaints, allow_profiles=allow_profiles)
        layers, account_id = layers.under(defaults), defaults.settings.account_id
    accounts = {}
    node = root.get("accounts")
    for key in node if isinstance(node, MappingNode) else ():
        settings = _read_account(key, root["accounts"], complaints)
        if settings is not None:
            check_agreement(settings, complaints, allow_profiles=allow_profiles)
            accounts[key] = layers.under(settings)
    return Base(layers, accounts, account_id)


def _read_account(
    key: str, accounts: MappingNode, complaints: Complaints
) -> Checked[Settings] | None:
    place = accounts.key_place(key)
    if key in accounts.untexted:
        message, hint = account_id_is_number(key)
        complaints.error(place, "number-as-account-id", message, hint)
    elif re.fullmatch(ACCOUNT_ID, key) is None:
        message, hint = f"{quoted(key)} is not an account id", "write 12 digits in quotes"
        complaints.error(place, "wrong-value", message, hint, subject="accounts")
    node = accounts[key]
    if isinstance(node, MappingNode):
        return check(Settings, node, complaints)
    message = f"the settings of an account are {described(node)}, but must be a mapping"
    complaints.error(accounts.value_place(key), "wrong-value", message, subject="accounts")
    return None
