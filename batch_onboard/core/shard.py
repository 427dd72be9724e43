"""The part of a batch that one of several processes does: whole domains, found by a hash.

A domain (account and Region) is never split, so its quota has one limiter, in one process, and
shards need not speak to each other. Which shard a domain is of depends on its name and on the
number of shards alone: not on the manifest's order, nor on what else stands in it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from batch_onboard.core.targets import Domain, Target


@dataclass(frozen=True, slots=True)
class Shard:
    """One of the parts of a batch.

    Attributes:
        index: which one, from 0, as Kubernetes and AWS Batch number the tasks of an array job.
        count: of how many.
    """

    index: int
    count: int

    @property
    def name(self) -> str:
        """What stands in the name of its ledger: `shard-2-of-8`."""
        return f"shard-{self.index}-of-{self.count}"

    def has(self, domain: Domain) -> bool:
        """Say whether a domain is done by this shard."""
        return shard_of(domain, self.count) == self.index

    def own(self, targets: Iterable[Target]) -> list[Target]:
        """Return those of a manifest's targets that this shard does."""
        return [target for target in targets if self.has(target.key.domain)]

    def __str__(self) -> str:
        return f"shard {self.index} of {self.count}"


def shard_of(domain: Domain, count: int) -> int:
    """Return which of `count` shards does a domain, from 0.

    It is the remainder of the first 8 bytes, read as a number, of the SHA-256 of `account/region`.
    """
    digest = hashlib.sha256(str(domain).encode()).digest()
    return int.from_bytes(digest[:8], "big") % count
