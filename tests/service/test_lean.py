"""What is left out of botocore's work at each call changes nothing that is sent, but for one header."""

from __future__ import annotations

import pytest
from botocore.auth import _host_from_url  # type: ignore[attr-defined]  # the stubs leave it out
from botocore.session import get_session
from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.core.calls import Operation
from batch_onboard.service.lean import _name_host
from tests.service.stub import open_stubbed, reply, target

CAMPAIGNS = [f"{operation}" for operation in Operation]
CALLED = {
    "connect": ["ListInstances"],
    "connectcampaigns": CAMPAIGNS,
    "connectcampaignsv2": CAMPAIGNS,
    "kms": ["DescribeKey"],
    "organizations": [
        "DescribeOrganizationalUnit",
        "ListAccountsForParent",
        "ListOrganizationalUnitsForParent",
        "ListRoots",
        "ListTagsForResource",
    ],
    "sts": ["AssumeRole", "GetCallerIdentity"],
}
HOSTS = st.sampled_from(["sts.eu-west-2.amazonaws.com", "STS.Example", "127.0.0.1", "[::1]"])
PORTS = st.sampled_from(["", ":80", ":443", ":4566"])


@given(st.sampled_from(["http", "https"]), HOSTS, PORTS, st.sampled_from(["/", "/a/b?c=d:80"]))
def test_the_host_that_is_signed_is_the_one_that_botocore_would_sign(
    scheme: str, host: str, port: str, path: str
) -> None:
    """In lower case, and with its port unless that is the scheme's own."""
    url = f"{scheme}://{host}{port}{path}"
    headers: dict[str, str] = {}
    params = {"url": url, "headers": headers}
    _name_host(params)
    assert headers == {"Host": _host_from_url(url)}


@pytest.mark.parametrize("service", CALLED)
def test_no_operation_that_is_called_needs_what_is_left_out(service: str) -> None:
    """None has an idempotency token, or finds its endpoint by asking for it."""
    model = get_session().get_service_model(service)
    for name in CALLED[service]:
        operation = model.operation_model(name)
        assert not operation.idempotent_members
        assert not operation.is_endpoint_discovery_operation


@pytest.mark.asyncio
async def test_no_header_tells_which_try_it_is_and_the_host_is_named_once() -> None:
    """On the wire a signed request names its host as any client would, and only one try is made."""
    async with open_stubbed() as (stub, service):
        stub.campaigns.append(reply(500))
        await service.send(Operation.STATUS, target())
    (asked,) = stub.campaign_calls
    assert asked.headers["Host"] == stub.url.removeprefix("http://")
    assert not {name for name in asked.headers if name.lower().startswith("amz-sdk-")}
