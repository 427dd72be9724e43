"""The manifest of an inventory, as text that `validate` accepts, but for what must be filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batch_onboard.app.clock import now_utc
from batch_onboard.core.redaction import REDACTED
from batch_onboard.discovery.render import Title, manifest_lines
from batch_onboard.discovery.yamltext import quoted
from batch_onboard.manifest.layers import NO_ROLE
from batch_onboard.manifest.leaks import find_secrets
from batch_onboard.manifest.placeholder import PLACEHOLDER
from batch_onboard.versions import tool_version

if TYPE_CHECKING:
    from batch_onboard.app.discovery import DiscoverySettings
    from batch_onboard.discovery.inventory import Inventory


def manifest_defaults(settings: DiscoverySettings, given: dict[str, Any]) -> dict[str, Any]:
    """Return what holds for all instances of the manifest.

    Args:
        settings: whose role is used where `given` names no credentials.
        given: what the operator wants; it goes first.

    Returns:
        It, with the placeholder for an encryption that nobody has named.
    """
    defaults: dict[str, Any] = {}
    if settings.role_arn is not None and given.keys().isdisjoint({"role_arn", "profile"}):
        defaults["role_arn"] = settings.role_arn
        if settings.external_id is not None:
            defaults["external_id"] = settings.external_id
    defaults |= given
    if defaults.keys().isdisjoint({"encryption", "encryptionConfig"}):
        defaults["encryption"] = PLACEHOLDER
    return defaults


def manifest_text(
    inventory: Inventory,
    defaults: dict[str, Any],
    *,
    name: str,
    by: str,
    against: str | None,
) -> str:
    """Return a manifest.

    Args:
        inventory: what was found.
        defaults: what holds for all instances.
        name: the batch's.
        by: the ARN of who asked.
        against: the manifest that it adds to, where there is one.
    """
    title = Title(name, f"batch-onboard {tool_version()}", now_utc(), by, against)
    lines = manifest_lines(title, defaults, _accounts(inventory, defaults), inventory, _harmless)
    return "".join(f"{line}\n" for line in lines)


def _accounts(inventory: Inventory, defaults: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what the defaults can't say: the caller's own account was read without their role."""
    own = inventory.own_account
    if own is None or "role_arn" not in defaults:
        return {}
    listed = any(key.account_id == own for _, key, _ in inventory.new())
    return {own: {"role_arn": NO_ROLE}} if listed else {}


def _harmless(text: str) -> str:
    """Return a text, or what stands for one that a manifest would be refused for as a secret.

    It is judged as it will stand there: in quotes, with something behind it.
    """
    return REDACTED if any(find_secrets(f"{quoted(text)},")) else text
