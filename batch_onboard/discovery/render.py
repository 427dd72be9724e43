"""The manifest that a discovery writes: a line for each instance, the same for the same findings.

Names and aliases come from other people: each is a quoted text, and none can become anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from batch_onboard.discovery.yamltext import flow, mapping, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from batch_onboard.core.catalogue import Account, FoundInstance
    from batch_onboard.core.targets import TargetKey
    from batch_onboard.discovery.inventory import Inventory


@dataclass(frozen=True, slots=True)
class Title:
    """What a manifest says of itself.

    Attributes:
        name: the batch's.
        tool: the tool and its version.
        at: when the discovery ended, in UTC.
        by: the ARN of who asked.
        against: the manifest that it adds to; None if to none.
    """

    name: str
    tool: str
    at: datetime
    by: str
    against: str | None = None


def manifest_lines(
    title: Title,
    defaults: Mapping[str, Any],
    accounts: Mapping[str, Mapping[str, Any]],
    inventory: Inventory,
    clean: Callable[[str], str],
) -> Iterator[str]:
    """Yield a manifest's lines, without their ends.

    Args:
        title: what it says of itself.
        defaults: what holds for all instances.
        accounts: what holds for those of one account, over the defaults.
        inventory: what was found.
        clean: is given each text of other people, and returns what may stand in a manifest.
    """
    for line in (*_told(title, clean), *_left_out(inventory, clean)):
        yield f"# {line}"
    yield "version: 1"
    yield f"name: {quoted(clean(title.name))}"
    if defaults:
        yield "defaults:"
    for setting, value in defaults.items():
        yield f"  {setting}: {flow(value)}"
    if accounts:
        yield "accounts:"
    for account_id, settings in accounts.items():
        yield f"  {quoted(account_id)}: {flow(settings)}"
    yield "instances:"
    for account, key, found in inventory.new():
        yield f"  - {_instance(account, key, found, clean)}"


def _instance(
    account: Account, key: TargetKey, found: FoundInstance, clean: Callable[[str], str]
) -> str:
    labels = {"account_name": account.name, "alias": found.alias, "ou": account.ou}
    if not found.outbound_calls:
        labels["outbound_calls"] = "no"
    told = {
        "account_id": quoted(key.account_id),
        "region": key.region,
        # In quotes: an id may look like a number.
        "id": quoted(key.instance_id),
    }
    shown = {name: quoted(clean(text)) for name, text in labels.items() if text}
    if shown:
        told["labels"] = mapping(shown)
    return mapping(told)


def _told(title: Title, clean: Callable[[str], str]) -> Iterator[str]:
    yield f"Written by {title.tool}, discover, at {title.at:%Y-%m-%dT%H:%M:%SZ}"
    yield f"by {quoted(clean(title.by))}"
    if title.against is not None:
        yield f"Only what is not in {quoted(clean(title.against))}"


def _left_out(inventory: Inventory, clean: Callable[[str], str]) -> Iterator[str]:
    accounts = len({domain.account_id for domain in inventory.covered})
    yield (
        f"Covered: {len(inventory.covered)} pairs of account and Region, {accounts} accounts; "
        f"Regions: {', '.join(inventory.regions)}"
    )
    for what, counts in (
        ("accounts", inventory.closed_accounts()),
        ("instances", inventory.idle_instances()),
    ):
        if counts:
            told = ", ".join(
                f"{number} {quoted(clean(state))}" for state, number in sorted(counts.items())
            )
            yield f"Left out {what}, not ACTIVE: {told}"
    for domain, answer in sorted(inventory.refused.items()):
        yield f"Not covered: {domain}: {quoted(clean(answer.error_code or answer.meaning.value))}"
    for key in inventory.gone():
        yield f"Gone: {key}"
