"""Against moto: somebody else's idea of STS and of the service."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from moto.server import ThreadedMotoServer

from batch_onboard.core.calls import JobStatus, Meaning, Operation
from batch_onboard.service.aws import open_service
from batch_onboard.service.credentials import Caller
from tests.service.stub import SETTINGS, role, target

if TYPE_CHECKING:
    from collections.abc import Iterator

MOTO_ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    """A moto server on a free port."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.mark.asyncio
async def test_roles_of_several_accounts_start_their_own_instances(moto_url: str) -> None:
    """Each account's role is assumed, and each Start is answered."""
    accounts = [f"{number:012}" for number in range(1, 6)]
    async with open_service(replace(SETTINGS, endpoint_url=moto_url, call_timeout=60.0)) as service:
        targets = [target(account, identity=role(account)) for account in accounts]
        await asyncio.gather(*(service.prepare(each) for each in targets))
        # One after the other: moto's server makes its parts when first called, and not twice at once.
        answers = [await service.send(Operation.START, each) for each in targets]
    assert [answer.job for answer in answers] == [JobStatus.SUCCEEDED] * len(accounts)


@pytest.mark.asyncio
async def test_own_credentials_are_checked_before_anything_is_sent(moto_url: str) -> None:
    """Moto's caller is of one account: it may start there, and nowhere else."""
    async with open_service(replace(SETTINGS, endpoint_url=moto_url, call_timeout=60.0)) as service:
        caller = await service.caller()
        accepted = await service.send(Operation.START, target(MOTO_ACCOUNT))
        refused = await service.send(Operation.START, target("999999999999"))
    assert isinstance(caller, Caller)
    assert caller.account_id == MOTO_ACCOUNT
    assert accepted.meaning is Meaning.OK
    assert refused.meaning is Meaning.WRONG_ACCOUNT


@pytest.mark.asyncio
async def test_a_config_that_is_read_names_its_instance(moto_url: str) -> None:
    """Moto makes a config up for any id, in the shape of the service model."""
    async with open_service(replace(SETTINGS, endpoint_url=moto_url, call_timeout=60.0)) as service:
        answer = await service.send(Operation.CONFIG, target(MOTO_ACCOUNT))
    assert answer.encryption is not None
