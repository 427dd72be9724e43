"""Connect's instances and Organizations' tree: what each operation that reads them answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batch_onboard.simulator.landscape import ROOT_ID
from batch_onboard.simulator.protocol import RefusalError, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from batch_onboard.simulator.landscape import (
        AccountEntry,
        ConnectInstance,
        OrganizationSettings,
        UnitEntry,
    )
    from batch_onboard.simulator.protocol import DirectoryCall

_CREATED = 1_700_000_000  # seconds since 1970: when all that is simulated was made
_OWNER, _ORGANIZATION = "000000000000", "o-simulated0"


class Directory:
    """What exists, as a scenario has it."""

    def __init__(
        self, organization: OrganizationSettings | None, instances: Iterable[ConnectInstance]
    ) -> None:
        self._organization = organization
        self._instances: dict[tuple[str, str], list[ConnectInstance]] = {}
        for instance in instances:
            place = (instance.account_id, instance.region)
            self._instances.setdefault(place, []).append(instance)
        self._connect: dict[str, Callable[[DirectoryCall], dict[str, Any]]] = {
            "ListInstances": self._list_instances,
            "DescribeInstance": self._describe_instance,
        }
        self._organizations: dict[
            str, Callable[[OrganizationSettings, Mapping[str, Any]], dict[str, Any]]
        ] = {
            "DescribeOrganizationalUnit": _describe_unit,
            "ListAccounts": _list_accounts,
            "ListAccountsForParent": _list_accounts_for_parent,
            "ListOrganizationalUnitsForParent": _list_units,
            "ListRoots": _list_roots,
            "ListTagsForResource": _list_tags,
        }

    def carry_out(self, call: DirectoryCall) -> Reply:
        """Do what is asked.

        Raises:
            RefusalError: the service refuses.
        """
        if call.operation in self._connect:
            return Reply(body=self._connect[call.operation](call))
        if self._organization is None:
            raise RefusalError(
                "AWSOrganizationsNotInUseException", "Your account is not of an organization."
            )
        answer = self._organizations[call.operation]
        return Reply(body=answer(self._organization, call.members))

    def _list_instances(self, call: DirectoryCall) -> dict[str, Any]:
        there = self._instances.get((call.account_id, call.region), [])
        page, token = _page(there, call.members, 10, "InvalidRequestException")
        return {"InstanceSummaryList": [_instance(each) for each in page], **token}

    def _describe_instance(self, call: DirectoryCall) -> dict[str, Any]:
        wanted = call.members["InstanceId"]
        for each in self._instances.get((call.account_id, call.region), []):
            if each.id == wanted:
                return {"Instance": _instance(each)}
        raise RefusalError("ResourceNotFoundException", "There is no such instance.")


def _page(
    there: list[Any], members: Mapping[str, Any], most: int, code: str
) -> tuple[list[Any], dict[str, str]]:
    """Return a page, and the token of the next one, which is the place where it begins."""
    token = members.get("NextToken") or "0"
    if not (token.isascii() and token.isdecimal()):
        raise RefusalError(code, "The token is invalid.")
    begin = int(token)
    end = begin + members.get("MaxResults", most)
    return there[begin:end], {"NextToken": str(end)} if end < len(there) else {}


def _org_page(name: str, there: list[dict[str, Any]], members: Mapping[str, Any]) -> dict[str, Any]:
    page, token = _page(there, members, 20, "InvalidInputException")
    return {name: page, **token}


def _list_accounts(known: OrganizationSettings, members: Mapping[str, Any]) -> dict[str, Any]:
    return _org_page("Accounts", [_account(each) for each in known.accounts], members)


def _list_accounts_for_parent(
    known: OrganizationSettings, members: Mapping[str, Any]
) -> dict[str, Any]:
    parent = _parent(known, members)
    below = [_account(each) for each in known.accounts if each.ou == parent]
    return _org_page("Accounts", below, members)


def _list_units(known: OrganizationSettings, members: Mapping[str, Any]) -> dict[str, Any]:
    parent = _parent(known, members)
    below = [_unit(each) for each in known.units if each.parent == parent]
    return _org_page("OrganizationalUnits", below, members)


def _describe_unit(known: OrganizationSettings, members: Mapping[str, Any]) -> dict[str, Any]:
    for unit in known.units:
        if unit.id == members["OrganizationalUnitId"]:
            return {"OrganizationalUnit": _unit(unit)}
    raise RefusalError("OrganizationalUnitNotFoundException", "There is no such unit.")


def _list_roots(_known: OrganizationSettings, members: Mapping[str, Any]) -> dict[str, Any]:
    arn = f"arn:aws:organizations::{_OWNER}:root/{_ORGANIZATION}/{ROOT_ID}"
    return _org_page("Roots", [{"Id": ROOT_ID, "Arn": arn, "Name": "Root"}], members)


def _list_tags(known: OrganizationSettings, members: Mapping[str, Any]) -> dict[str, Any]:
    for account in known.accounts:
        if account.id == members["ResourceId"]:
            return {"Tags": [{"Key": key, "Value": tag} for key, tag in account.tags.items()]}
    raise RefusalError("TargetNotFoundException", "There is no such resource.")


def _parent(known: OrganizationSettings, members: Mapping[str, Any]) -> str:
    parent: str = members["ParentId"]
    if parent != ROOT_ID and all(unit.id != parent for unit in known.units):
        raise RefusalError("ParentNotFoundException", "There is no such parent.")
    return parent


def _account(account: AccountEntry) -> dict[str, Any]:
    return {
        "Id": account.id,
        "Arn": f"arn:aws:organizations::{_OWNER}:account/{_ORGANIZATION}/{account.id}",
        "Email": f"{account.id}@example.com",
        "Name": account.name,
        "Status": account.state,
        "State": account.state,
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": _CREATED,
    }


def _unit(unit: UnitEntry) -> dict[str, Any]:
    arn = f"arn:aws:organizations::{_OWNER}:ou/{_ORGANIZATION}/{unit.id}"
    return {"Id": unit.id, "Arn": arn, "Name": unit.name}


def _instance(instance: ConnectInstance) -> dict[str, Any]:
    arn = f"arn:aws:connect:{instance.region}:{instance.account_id}:instance/{instance.id}"
    return {
        "Id": instance.id,
        "Arn": arn,
        "IdentityManagementType": "CONNECT_MANAGED",
        "InstanceAlias": instance.alias,
        "CreatedTime": _CREATED,
        "InstanceStatus": instance.status.value,
        "InboundCallsEnabled": True,
        "OutboundCallsEnabled": instance.outbound_calls,
    }
