"""Organizations and Connect as the simulator plays them, asked by real clients and by hand."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from pydantic import ValidationError

from batch_onboard.simulator.frontdoor import WireAnswer, answer
from batch_onboard.simulator.server import serve
from tests.simulator.helpers import REGION, scenario, world
from tests.simulator.wire import client, signed

if TYPE_CHECKING:
    from batch_onboard.simulator.signatures import SignedRequest

OWNER = "000000000000"
TARGET = "AWSOrganizationsV20161128."
UNIT = "ou-sim0-retail00"
LANDSCAPE: dict[str, Any] = {
    "organization": {
        "units": [{"id": UNIT, "name": "Retail"}],
        "accounts": [
            {"id": f"{number:012}", "ou": UNIT, "tags": {"number": str(number)}}
            for number in range(45)
        ],
        "throttle": {"rate": None},
    },
    "connect": [
        {"account_id": OWNER, "region": REGION, "id": f"i-{number:02}", "alias": "desk"}
        for number in range(25)
    ],
}


def organizations(operation: str, body: bytes = b"{}", prefix: str = TARGET) -> SignedRequest:
    """A request to Organizations."""
    headers = {"X-Amz-Target": prefix + operation}
    return signed("POST", "/", body, service="organizations", headers=headers)


def ask(request: SignedRequest, **keys: Any) -> tuple[WireAnswer, Any]:
    """The answer of a fresh world, and its body."""
    made = answer(world(**{**LANDSCAPE, **keys}), request, now=0.0, wall=time.time())
    return made, json.loads(made.body)


@pytest.mark.asyncio
async def test_real_clients_page_through_instances_accounts_units_and_tags() -> None:
    """The paginators of botocore read all of it, once."""
    async with serve(scenario(**LANDSCAPE)) as simulator:
        async with client("connect", simulator.url) as connect:
            pages = [page async for page in connect.get_paginator("list_instances").paginate()]
            one = await connect.describe_instance(InstanceId="i-07")
        async with client("organizations", simulator.url) as asked:
            everybody = [
                each["Id"]
                async for page in asked.get_paginator("list_accounts").paginate()
                for each in page["Accounts"]
            ]
            below = [
                each["Id"]
                async for page in asked.get_paginator("list_accounts_for_parent").paginate(
                    ParentId=UNIT
                )
                for each in page["Accounts"]
            ]
            (root,) = (await asked.list_roots())["Roots"]
            units = await asked.list_organizational_units_for_parent(ParentId=root["Id"])
            unit = await asked.describe_organizational_unit(OrganizationalUnitId=UNIT)
            tags = await asked.list_tags_for_resource(ResourceId="000000000007")
    assert [len(page["InstanceSummaryList"]) for page in pages] == [10, 10, 5]
    assert one["Instance"]["Arn"].endswith(":instance/i-07")
    assert everybody == below == [f"{number:012}" for number in range(45)]
    assert units["OrganizationalUnits"] == [unit["OrganizationalUnit"]]
    assert tags["Tags"] == [{"Key": "number", "Value": "7"}]


@pytest.mark.asyncio
async def test_a_caller_without_an_organization_is_told_so() -> None:
    """As the service does, in its own code."""
    async with serve(scenario()) as simulator, client("organizations", simulator.url) as asked:
        with pytest.raises(ClientError, match="AWSOrganizationsNotInUseException"):
            await asked.list_roots()


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("ListAccounts", b'{"MaxResults": 21}', "InvalidInputException"),
        ("ListAccounts", b'{"NextToken": "x"}', "InvalidInputException"),
        ("ListAccounts", b"[", "SerializationException"),
        ("ListAccounts", b"[]", "SerializationException"),
        ("ListAccountsForParent", b"{}", "InvalidInputException"),
        ("ListAccountsForParent", b'{"ParentId": "r-none"}', "ParentNotFoundException"),
        ("CloseAccount", b"{}", "UnknownOperationException"),
        (
            "DescribeOrganizationalUnit",
            b'{"OrganizationalUnitId": "ou-none-12345678"}',
            "OrganizationalUnitNotFoundException",
        ),
        ("ListTagsForResource", b'{"ResourceId": "999999999999"}', "TargetNotFoundException"),
    ],
)
def test_what_organizations_refuses_has_the_code_of_the_service(
    operation: str, body: bytes, code: str
) -> None:
    """JSON 1.1 names it in the body."""
    made, told = ask(organizations(operation, body))
    assert (400 <= made.status < 500, told["__type"]) == (True, code)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/instance?maxResults=11", "InvalidRequestException"),
        ("GET", "/instance?maxResults=x", "InvalidRequestException"),
        ("GET", "/instance?nextToken=x", "InvalidRequestException"),
        ("GET", "/instance/none", "ResourceNotFoundException"),
        ("PUT", "/instance", "UnknownOperationException"),
    ],
)
def test_what_connect_refuses_has_the_code_of_the_service(
    method: str, path: str, code: str
) -> None:
    """REST JSON names it in a header."""
    made, _ = ask(signed(method, path, service="connect"))
    assert (400 <= made.status < 500, made.headers["x-amzn-ErrorType"]) == (True, code)


def test_each_service_has_the_throttle_that_is_its_own() -> None:
    """Two a second with a burst of five for ListInstances, eight and twelve for Organizations."""
    settings = {**LANDSCAPE, "throttle": {}}
    settings["organization"] = {**LANDSCAPE["organization"], "throttle": {"rate": 8, "burst": 12}}
    made = world(**settings)
    for request, burst in (
        (signed("GET", "/instance", service="connect"), 5),
        (organizations("ListRoots"), 12),
    ):
        answers = [answer(made, request, now=1.0, wall=time.time()) for _ in range(20)]
        assert [each.status for each in answers] == [200] * burst + [429] * (20 - burst)
    assert made.seen.throttles.total() == 15
    assert made.seen.requests == {"ListInstances": 20, "ListRoots": 20}


def test_an_unsigned_looking_request_is_refused_by_each_service() -> None:
    """Whose credentials are unknown gets nothing, in the service's own form."""
    made = world(**LANDSCAPE)
    for request in (signed("GET", "/instance", service="connect"), organizations("ListRoots")):
        late = answer(made, request, now=0.0, wall=time.time() + 3600)
        assert late.status == 403
        assert b"RequestTimeTooSkewed" in late.body + str(late.headers).encode()


def test_a_unit_without_its_parent_is_refused() -> None:
    """A tree has to hang together."""
    with pytest.raises(ValidationError, match="no unit has the id ou-sim0-nowhere0"):
        scenario(organization={"accounts": [{"id": OWNER, "ou": "ou-sim0-nowhere0"}]})
