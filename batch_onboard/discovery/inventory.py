"""What a discovery has found, in one frozen value, and what it is compared with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batch_onboard.core.catalogue import ACTIVE
from batch_onboard.core.targets import Domain, TargetKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from batch_onboard.core.calls import Answer
    from batch_onboard.core.catalogue import Account, FoundInstance


@dataclass(frozen=True, slots=True)
class Inventory:
    """What was found, and what was not.

    Attributes:
        accounts: all that were listed, in the order of their ids, suspended ones too.
        regions: where was looked, sorted.
        covered: the instances of each account and Region that was read.
        refused: the pairs that could not be read, and why.
        known: the targets of the manifest that this is compared with; None: with none.
        own_account: the caller's, which is read without a role; None if that is not known.
    """

    accounts: tuple[Account, ...]
    regions: tuple[str, ...]
    covered: Mapping[Domain, tuple[FoundInstance, ...]]
    refused: Mapping[Domain, Answer] = field(default_factory=dict)
    known: frozenset[TargetKey] | None = None
    own_account: str | None = None

    def new(self) -> Iterator[tuple[Account, TargetKey, FoundInstance]]:
        """Yield what belongs into the manifest, in a stable order: by account, Region and id."""
        for account in self.accounts:
            for region in self.regions:
                domain = Domain(account.account_id, region)
                for found in sorted(self.covered.get(domain, ())):
                    key = TargetKey(*domain, found.instance_id)
                    if found.status == ACTIVE and key not in (self.known or ()):
                        yield account, key, found

    def gone(self) -> list[TargetKey]:
        """Return the known targets that are not there any more, as far as that was looked at."""
        there = {
            TargetKey(*domain, found.instance_id)
            for domain, instances in self.covered.items()
            for found in instances
        }
        return sorted(
            key for key in self.known or () if key.domain in self.covered and key not in there
        )

    def closed_accounts(self) -> Counter[str]:
        """Count the accounts that were left out, by their state."""
        return Counter(each.state for each in self.accounts if each.state != ACTIVE)

    def idle_instances(self) -> Counter[str]:
        """Count the instances that were left out, by their status."""
        return Counter(
            found.status
            for instances in self.covered.values()
            for found in instances
            if found.status != ACTIVE
        )
