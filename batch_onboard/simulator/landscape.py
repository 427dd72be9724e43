"""What a scenario may say of an organization's accounts, and of the Connect instances there are."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from batch_onboard.simulator.matching import Section
from batch_onboard.simulator.settings import ThrottleSettings

ROOT_ID = "r-sim0"
"""The id of the simulated organization's root."""

AccountId = Annotated[str, Field(pattern=r"^\d{12}$")]
UnitId = Annotated[str, Field(pattern=r"^ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}$")]


class InstanceStatus(StrEnum):
    """`InstanceStatus` of Connect's service model."""

    ACTIVE = "ACTIVE"
    CREATION_IN_PROGRESS = "CREATION_IN_PROGRESS"
    CREATION_FAILED = "CREATION_FAILED"


class ConnectInstance(Section):
    """An instance that ListInstances and DescribeInstance know.

    Attributes:
        account_id: whose it is.
        region: where.
        id: its id.
        alias: what its URL begins with.
        status: whether it can be worked with.
        outbound_calls: whether it may call.
    """

    account_id: AccountId
    region: str
    id: str
    alias: str = ""
    status: InstanceStatus = InstanceStatus.ACTIVE
    outbound_calls: bool = True


class UnitEntry(Section):
    """An organizational unit.

    Attributes:
        id: its id.
        name: its name.
        parent: the unit or root right above it.
    """

    id: UnitId
    name: str
    parent: str = ROOT_ID


class AccountEntry(Section):
    """An account of the organization.

    Attributes:
        id: its 12 digits.
        name: its name.
        state: `ACTIVE`, or what else Organizations knows, such as `SUSPENDED`.
        ou: the unit or root right above it.
        tags: what it is tagged with.
    """

    id: AccountId
    name: str = ""
    state: str = "ACTIVE"
    ou: str = ROOT_ID
    tags: dict[str, str] = Field(default_factory=dict)


class OrganizationSettings(Section):
    """The organization of all callers.

    Attributes:
        accounts: its accounts.
        units: its units.
        throttle: a bucket for each of its operations (AWS: ListAccounts 8 a second, burst 12).
    """

    accounts: tuple[AccountEntry, ...] = ()
    units: tuple[UnitEntry, ...] = ()
    throttle: ThrottleSettings = ThrottleSettings(rate=8.0, burst=12.0)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        known = {ROOT_ID, *(unit.id for unit in self.units)}
        above = {*(unit.parent for unit in self.units), *(each.ou for each in self.accounts)}
        if unknown := sorted(above - known):
            raise ValueError(f"no unit has the id {unknown[0]}; the root's is {ROOT_ID}")
        return self
