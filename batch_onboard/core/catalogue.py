"""What exists: accounts of an organization, Connect instances, and who can be asked for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from batch_onboard.core.calls import Answer
    from batch_onboard.core.targets import Domain, Identity

ACTIVE = "ACTIVE"
"""What an account or an instance is that can be worked with (both service models)."""


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account.

    Attributes:
        account_id: its 12 digits.
        name: as its owner named it; empty if that is not known.
        ou: the names of the organizational units above it, joined by `/`; empty at the root.
        state: as Organizations says (`SUSPENDED`, `PENDING_CLOSURE`, ...).
    """

    account_id: str
    name: str = ""
    ou: str = ""
    state: str = ACTIVE


class Unit(NamedTuple):
    """An organizational unit, or a root of the organization."""

    unit_id: str
    name: str


class FoundInstance(NamedTuple):
    """A Connect instance (`InstanceSummary` of the service model).

    Attributes:
        instance_id: its id.
        alias: what its access URL begins with; empty if it has none.
        status: `ACTIVE`, `CREATION_IN_PROGRESS` or `CREATION_FAILED`.
        outbound_calls: whether it may call at all.
    """

    instance_id: str
    alias: str
    status: str
    outbound_calls: bool


ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class Page(Generic[ItemT]):
    """A part of a list.

    Attributes:
        items: what stands in it.
        token: what the next part is asked for with; None after the last.
    """

    items: tuple[ItemT, ...]
    token: str | None = None


class Directory(Protocol):
    """Who knows what exists. Each method makes one call; whatever goes wrong is an `Answer`."""

    async def enter(self, identity: Identity, account_id: str) -> Answer | None:
        """Have an identity's credentials ready, or say why they are not those of the account."""
        ...

    async def instances(
        self, identity: Identity, domain: Domain, token: str | None
    ) -> Page[FoundInstance] | Answer:
        """Return a page of the Connect instances of an account in a Region."""
        ...

    async def roots(self, token: str | None) -> Page[Unit] | Answer:
        """Return a page of the roots of the caller's organization."""
        ...

    async def unit(self, unit_id: str) -> Unit | Answer:
        """Return one organizational unit."""
        ...

    async def units(self, parent_id: str, token: str | None) -> Page[Unit] | Answer:
        """Return a page of the organizational units right under a unit or root."""
        ...

    async def accounts(self, parent_id: str, token: str | None) -> Page[Account] | Answer:
        """Return a page of the accounts right under a unit or root, their `ou` left empty."""
        ...

    async def tags(self, account_id: str, token: str | None) -> Page[tuple[str, str]] | Answer:
        """Return a page of an account's tags, as keys and values."""
        ...
