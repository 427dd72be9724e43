"""What exists, over aioboto3: Organizations as the caller, Connect as each account's role."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from batch_onboard.core.calls import Answer, Meaning
from batch_onboard.core.catalogue import ACTIVE, Account, FoundInstance, Page, Unit
from batch_onboard.core.targets import Identity
from batch_onboard.service.answers import without_secrets
from batch_onboard.service.failures import timed_out, words
from batch_onboard.service.gateway import open_gateway
from batch_onboard.service.wire import call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from random import Random

    from batch_onboard.core.targets import Domain
    from batch_onboard.service.credentials import Caller, Credentials
    from batch_onboard.service.gateway import Gateway
    from batch_onboard.service.session import ServiceName
    from batch_onboard.service.settings import ServiceSettings

_ItemT = TypeVar("_ItemT")

_INSTANCES_A_PAGE = 10
_ACCOUNTS_A_PAGE = 20
"""The most that the service models allow."""
_INSTANCE_ID = re.compile(r"[a-zA-Z0-9_.-]{1,256}")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")


class AwsDirectory:
    """Conforms to `core.catalogue.Directory`; `open_directory` makes one."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._clients = gateway.clients
        self._identities = gateway.identities
        self._call_timeout = gateway.settings.call_timeout
        self._secrets = gateway.settings.secrets

    async def caller(self) -> Caller | Answer:
        """Say whose the caller's own credentials are, or why that is not known.

        Raises:
            ServiceConfigurationError: no call can be made with the settings in force.
        """
        return await self._gateway.caller()

    async def enter(self, identity: Identity, account_id: str) -> Answer | None:
        """Have an identity's credentials ready, or say why they are not those of the account.

        Raises:
            ServiceConfigurationError: as `caller` does, and so do all others.
        """
        credentials = await self._identities.of(identity, self._clients.home_region())
        if isinstance(credentials, Answer):
            return without_secrets(credentials, self._secrets)
        owner = credentials.caller.account_id
        if owner == account_id:
            return None
        message = f"{identity} is of account {owner}, not {account_id}: nothing was sent"
        return Answer(Meaning.WRONG_ACCOUNT, error_code="wrong_account", message=message)

    async def instances(
        self, identity: Identity, domain: Domain, token: str | None
    ) -> Page[FoundInstance] | Answer:
        """Return a page of the Connect instances of an account in a Region."""
        result = await self._ask(
            "connect",
            "ListInstances",
            identity,
            domain.region,
            account_id=domain.account_id,
            MaxResults=_INSTANCES_A_PAGE,
            **_continued(token),
        )
        return _page(result, "InstanceSummaryList", lambda found: _instance(found, domain))

    async def roots(self, token: str | None) -> Page[Unit] | Answer:
        """Return a page of the roots of the caller's organization."""
        result = await self._ask_organization("ListRoots", **_continued(token))
        return _page(result, "Roots", _unit)

    async def unit(self, unit_id: str) -> Unit | Answer:
        """Return one organizational unit."""
        result = await self._ask_organization(
            "DescribeOrganizationalUnit", OrganizationalUnitId=unit_id
        )
        if isinstance(result, Answer):
            return result
        return _unit(result.get("OrganizationalUnit", {})) or _UNREADABLE

    async def units(self, parent_id: str, token: str | None) -> Page[Unit] | Answer:
        """Return a page of the organizational units right under a unit or root."""
        result = await self._ask_organization(
            "ListOrganizationalUnitsForParent",
            ParentId=parent_id,
            MaxResults=_ACCOUNTS_A_PAGE,
            **_continued(token),
        )
        return _page(result, "OrganizationalUnits", _unit)

    async def accounts(self, parent_id: str, token: str | None) -> Page[Account] | Answer:
        """Return a page of the accounts right under a unit or root."""
        result = await self._ask_organization(
            "ListAccountsForParent",
            ParentId=parent_id,
            MaxResults=_ACCOUNTS_A_PAGE,
            **_continued(token),
        )
        return _page(result, "Accounts", _account)

    async def tags(self, account_id: str, token: str | None) -> Page[tuple[str, str]] | Answer:
        """Return a page of an account's tags."""
        result = await self._ask_organization(
            "ListTagsForResource", ResourceId=account_id, **_continued(token)
        )
        return _page(result, "Tags", _tag)

    async def _ask_organization(self, operation: str, **parameters: Any) -> Any:
        # Organizations is global: whatever the Region, botocore knows its one endpoint.
        region = self._clients.home_region()
        return await self._ask("organizations", operation, Identity(), region, **parameters)

    async def _ask(
        self,
        service: ServiceName,
        operation: str,
        identity: Identity,
        region: str,
        *,
        account_id: str | None = None,
        **parameters: Any,
    ) -> Any:
        result: Any = timed_out(self._call_timeout)
        with anyio.move_on_after(self._call_timeout):
            credentials = await self._identities.of(identity, region)
            if isinstance(credentials, Answer):
                return without_secrets(credentials, self._secrets)
            client = await self._clients.get(service, region)
            hand_out = _hand_out(credentials, account_id)
            result = await call(client, operation, hand_out, **parameters)
            if isinstance(result, Answer) and result.meaning is Meaning.EXPIRED:
                self._identities.expired(identity, credentials)
        return without_secrets(result, self._secrets) if isinstance(result, Answer) else result


def _hand_out(credentials: Credentials, account_id: str | None) -> Callable[[], Any]:
    return lambda: credentials.keys_for(account_id or credentials.caller.account_id)


def _continued(token: str | None) -> dict[str, str]:
    return {} if token is None else {"NextToken": token}


_UNREADABLE = Answer(
    Meaning.UNCLEAR, error_code="unreadable", message="the answer lacks what was asked for"
)


def _page(
    result: Any, member: str, read: Callable[[Mapping[str, Any]], _ItemT | None]
) -> Page[_ItemT] | Answer:
    """Return what a result lists; unreadable as a whole if any of it is.

    A cut or empty body is parsed to an empty dict, which must not be taken for an empty list.
    """
    if isinstance(result, Answer):
        return result
    listed, token = result.get(member), result.get("NextToken")
    if not isinstance(listed, list) or not isinstance(token, str | None):
        return _UNREADABLE
    items = [read(each) for each in listed]
    known = tuple(item for item in items if item is not None)
    return Page(known, token or None) if len(known) == len(items) else _UNREADABLE


def _instance(found: Mapping[str, Any], domain: Domain) -> FoundInstance | None:
    """Return an instance, if it is one of that account and Region."""
    instance_id, arn = str(found.get("Id")), str(found.get("Arn"))
    owned = f":connect:{domain.region}:{domain.account_id}:instance/{instance_id}"
    if _INSTANCE_ID.fullmatch(instance_id) is None or instance_id in {".", ".."}:
        return None
    if not arn.endswith(owned):
        return None
    alias, status = found.get("InstanceAlias"), found.get("InstanceStatus")
    outbound = found.get("OutboundCallsEnabled") is True
    return FoundInstance(instance_id, words(alias), words(status), outbound)


def _unit(found: Mapping[str, Any]) -> Unit | None:
    unit_id, name = found.get("Id"), found.get("Name")
    return Unit(unit_id, words(name)) if isinstance(unit_id, str) else None


def _account(found: Mapping[str, Any]) -> Account | None:
    account_id = str(found.get("Id"))
    if _ACCOUNT_ID.fullmatch(account_id) is None:
        return None
    # `Status` is to be replaced by `State` (Organizations API reference); either may lack.
    state = found.get("State") or found.get("Status") or ACTIVE
    return Account(account_id, words(found.get("Name")), state=words(state))


def _tag(found: Mapping[str, Any]) -> tuple[str, str] | None:
    key, value = found.get("Key"), found.get("Value")
    return (key, value) if isinstance(key, str) and isinstance(value, str) else None


@asynccontextmanager
async def open_directory(
    settings: ServiceSettings, *, random: Random | None = None
) -> AsyncIterator[AwsDirectory]:
    """Open the directory, and close its connections at the end.

    Args:
        settings: how it is reached.
        random: draws the pauses between tries to get credentials.

    Raises:
        ServiceConfigurationError: the settings' endpoint may not be used.
    """
    async with open_gateway(settings, random) as gateway:
        yield AwsDirectory(gateway)
