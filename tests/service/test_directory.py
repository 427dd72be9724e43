"""What exists, as the adapter understands it: against the simulator, whole, spoilt and refusing."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from batch_onboard.core.calls import Answer, Meaning
from batch_onboard.core.catalogue import Account, FoundInstance, Page, Unit
from batch_onboard.core.policies import organization_policy, read_policy
from batch_onboard.core.targets import Domain, Identity
from batch_onboard.service.credentials import Caller
from batch_onboard.service.directory import _instance, _page, open_directory
from batch_onboard.service.settings import ServiceConfigurationError, StaticCredentials
from batch_onboard.simulator.scenario import (
    CALLER_ACCESS_KEY_ID,
    CALLER_ACCOUNT_ID,
    CALLER_SECRET_ACCESS_KEY,
    Scenario,
)
from batch_onboard.simulator.server import serve
from tests.service.stub import SETTINGS, role

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from batch_onboard.service.directory import AwsDirectory

THEIRS = "111122223333"
PAIR = Domain(THEIRS, "eu-west-2")
DESK = {"account_id": THEIRS, "region": "eu-west-2", "id": "desk", "alias": "d"}
KEYS = StaticCredentials(CALLER_ACCESS_KEY_ID, CALLER_SECRET_ACCESS_KEY)


@asynccontextmanager
async def opened(**scenario: Any) -> AsyncIterator[AwsDirectory]:
    """A directory over a simulator."""
    played = Scenario.model_validate({"organization": {}, "connect": [DESK], **scenario})
    async with serve(played) as simulator:
        settings = replace(
            SETTINGS, endpoint_url=simulator.url, static_credentials=KEYS, call_timeout=5.0
        )
        async with open_directory(settings) as directory:
            yield directory


async def look(directory: AwsDirectory) -> Page[FoundInstance] | Answer:
    """List the instances of the pair."""
    return await directory.instances(role(THEIRS), PAIR, None)


@pytest.mark.asyncio
async def test_instances_and_the_tree_are_read_as_values() -> None:
    """Everything that discover needs, in the tool's own words."""
    unit = {"id": "ou-sim0-retail00", "name": "Retail"}
    theirs = {"id": THEIRS, "name": "Theirs", "ou": unit["id"], "tags": {"a": "b"}}
    async with opened(organization={"units": [unit], "accounts": [theirs]}) as directory:
        assert await look(directory) == Page((FoundInstance("desk", "d", "ACTIVE", True),))
        assert await directory.roots(None) == Page((Unit("r-sim0", "Root"),))
        assert await directory.units("r-sim0", None) == Page((Unit(unit["id"], "Retail"),))
        assert await directory.unit(unit["id"]) == Unit(unit["id"], "Retail")
        assert await directory.accounts(unit["id"], "0") == Page((Account(THEIRS, "Theirs"),))
        assert await directory.tags(THEIRS, None) == Page((("a", "b"),))
        caller = await directory.caller()
    assert isinstance(caller, Caller)
    assert caller.account_id == CALLER_ACCOUNT_ID


@pytest.mark.asyncio
async def test_the_policies_allow_what_is_called_and_no_more() -> None:
    """What `policy` prints to discover with is every operation that it takes, and no other one."""
    unit = {"id": "ou-sim0-retail00", "name": "Retail"}
    theirs = {"id": THEIRS, "name": "Theirs", "ou": unit["id"]}
    played = {"organization": {"units": [unit], "accounts": [theirs]}, "connect": [DESK]}
    async with serve(Scenario.model_validate(played)) as simulator:
        settings = replace(SETTINGS, endpoint_url=simulator.url, static_credentials=KEYS)
        async with open_directory(settings) as directory:
            await look(directory)
            await directory.roots(None)
            await directory.units("r-sim0", None)
            await directory.unit(unit["id"])
            await directory.accounts(unit["id"], None)
            await directory.tags(THEIRS, None)
    called = simulator.world.seen.requests.keys() - {"AssumeRole", "GetCallerIdentity"}
    (organization,) = organization_policy([])["Statement"]
    (discovery,) = (each for each in read_policy([])["Statement"] if each["Sid"] == "Discovery")
    allowed = {action.partition(":")[2] for action in organization["Action"] + discovery["Action"]}
    assert called == allowed - {"DescribeDirectories"}  # that one Connect makes itself


@pytest.mark.asyncio
async def test_nothing_is_sent_with_credentials_of_another_account() -> None:
    """The guard stands before discovery too, at the door and where calls are signed."""
    async with opened() as directory:
        assert await directory.enter(Identity(), CALLER_ACCOUNT_ID) is None
        assert await directory.enter(role(THEIRS), THEIRS) is None
        wrong = await directory.enter(Identity(), THEIRS)
        unsent = await directory.instances(Identity(), PAIR, None)
    for answer in (wrong, unsent):
        assert isinstance(answer, Answer)
        assert answer.meaning is Meaning.WRONG_ACCOUNT
        assert "nothing was sent" in str(answer.message)


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["cut_body", "empty_body", "html_body"])
async def test_a_body_that_can_not_be_read_is_no_empty_list(kind: str) -> None:
    """An account whose answer was cut has not lost its instances."""
    spoilt = {"match": {"operation": "*List*"}, "kind": kind}
    async with opened(faults=[spoilt]) as directory:
        answers: list[Any] = [await look(directory), await directory.roots(None)]
    assert {answer.meaning for answer in answers} == {Meaning.UNCLEAR}


@pytest.mark.asyncio
async def test_refusals_are_told_with_the_services_code() -> None:
    """Of STS, of Connect and of Organizations."""
    denied = {"match": {"operation": "ListInstances"}, "kind": "error", "status": 403}
    async with opened(
        faults=[{**denied, "code": "AccessDeniedException"}],
        sts={"roles": [{"role_arn": "*:role/Nobody", "allow": False}]},
        organization=None,
    ) as directory:
        answers: list[Any] = [
            await look(directory),
            await directory.roots(None),
            await directory.unit("ou-sim0-retail00"),
            await directory.enter(role(THEIRS, "Nobody"), THEIRS),
            await directory.instances(role(THEIRS, "Nobody"), PAIR, None),
        ]
    assert [(answer.meaning, answer.error_code) for answer in answers] == [
        (Meaning.DENIED, "AccessDeniedException"),
        (Meaning.REJECTED, "AWSOrganizationsNotInUseException"),
        (Meaning.REJECTED, "AWSOrganizationsNotInUseException"),
        (Meaning.NO_IDENTITY, "AccessDenied"),
        (Meaning.NO_IDENTITY, "AccessDenied"),
    ]


@pytest.mark.asyncio
async def test_credentials_that_have_expired_are_renewed_for_the_next_call() -> None:
    """The call itself says so, and is made again by who paces it."""
    expired = {"match": {"operation": "ListInstances"}, "kind": "expired_token", "times": 1}
    async with opened(faults=[expired]) as directory:
        first = await look(directory)
        second = await look(directory)
    assert isinstance(first, Answer)
    assert first.meaning is Meaning.EXPIRED
    assert isinstance(second, Page)


@pytest.mark.asyncio
async def test_who_asks_must_be_known() -> None:
    """Without credentials that count there is nobody to ask as."""
    unknown = {"match": {"operation": "GetCallerIdentity"}, "kind": "error", "status": 403}
    async with opened(faults=[{**unknown, "code": "InvalidClientTokenId"}]) as directory:
        answer = await directory.caller()
    assert isinstance(answer, Answer)
    assert answer.meaning is Meaning.NO_IDENTITY


@pytest.mark.asyncio
async def test_an_endpoint_without_tls_is_loopback_or_not_used() -> None:
    """As for every other call."""
    settings = replace(SETTINGS, endpoint_url="http://192.0.2.1")
    with pytest.raises(ServiceConfigurationError, match="plain http"):
        async with open_directory(settings):
            pytest.fail("it was opened")


@pytest.mark.parametrize(
    "wrong",
    [
        {"Id": ".."},
        {"Id": "a/b"},
        {"Id": None},
        {"Arn": None},
        {"Arn": f"arn:aws:connect:eu-west-2:{THEIRS}:instance/other"},
        {"Arn": "arn:aws:connect:eu-west-2:999999999999:instance/desk"},
        {"Arn": f"arn:aws:connect:us-east-1:{THEIRS}:instance/desk"},
    ],
)
def test_an_instance_that_is_not_the_accounts_own_is_not_believed(wrong: dict[str, Any]) -> None:
    """One such makes the whole page unreadable: nothing of it can be trusted."""
    fine = {"Id": "desk", "Arn": f"arn:aws:connect:eu-west-2:{THEIRS}:instance/desk"}
    result = {"InstanceSummaryList": [fine, {**fine, **wrong}]}
    page = _page(result, "InstanceSummaryList", lambda found: _instance(found, PAIR))
    assert isinstance(page, Answer)
    assert page.error_code == "unreadable"
