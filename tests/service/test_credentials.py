"""The rule that a call is signed with its own credentials, or not at all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from batch_onboard.core.calls import Answer, Meaning
from batch_onboard.core.redaction import Secrets
from batch_onboard.service.credentials import (
    Caller,
    Credentials,
    PerCallProvider,
    WrongAccountError,
    signing_with,
)
from batch_onboard.service.session import open_clients
from batch_onboard.service.settings import StaticCredentials
from batch_onboard.service.wire import call
from tests.service.stub import (
    KEYS,
    OTHER_ACCOUNT,
    OWN_ACCOUNT,
    REGION,
    SETTINGS,
    open_stubbed,
    serve_stub,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

CREDENTIALS = Credentials(KEYS, Caller(f"arn:aws:iam::{OWN_ACCOUNT}:user/me", OWN_ACCOUNT))


async def sign() -> str:
    """Sign as a client would, and return the access key id that signed."""
    placeholder = await PerCallProvider(Secrets()).load_credentials()
    return str((await placeholder.get_frozen_credentials()).access_key)


@pytest.mark.asyncio
async def test_outside_a_call_nothing_is_signed() -> None:
    """Before, between and after calls there are no credentials at all."""
    with pytest.raises(LookupError):
        await sign()
    with signing_with(lambda: KEYS):
        assert await sign() == "AKIDOWN"
    with pytest.raises(LookupError):
        await sign()


@pytest.mark.asyncio
async def test_a_failed_call_leaves_nothing_behind() -> None:
    """An error within a call takes its credentials away, too."""
    with pytest.raises(RuntimeError), signing_with(lambda: KEYS):
        raise RuntimeError
    with pytest.raises(LookupError):
        await sign()


@pytest.mark.asyncio
async def test_calls_side_by_side_do_not_mix() -> None:
    """Concurrent calls each sign with their own credentials."""

    async def one(number: int) -> None:
        keys = StaticCredentials(f"AKID{number}", "secret")
        with signing_with(lambda: keys):
            for _ in range(5):
                await asyncio.sleep(0)
                assert await sign() == f"AKID{number}"

    await asyncio.gather(*(one(number) for number in range(50)))


def test_keys_are_handed_out_for_their_own_account_only() -> None:
    """The last guard names both accounts and gives nothing away."""
    assert CREDENTIALS.keys_for(OWN_ACCOUNT) is KEYS
    with pytest.raises(WrongAccountError, match=f"{OWN_ACCOUNT}.*{OTHER_ACCOUNT}"):
        CREDENTIALS.keys_for(OTHER_ACCOUNT)


@pytest.mark.asyncio
async def test_the_last_guard_stops_a_call_before_the_wire() -> None:
    """Should the keys of another account ever reach the signer, nothing is sent."""
    result: Mapping[str, Any] | Answer
    async with open_stubbed() as (stub, service):
        client = await service._clients.get("connectcampaigns", REGION)
        result = await call(
            client,
            "GetInstanceOnboardingJobStatus",
            lambda: CREDENTIALS.keys_for(OTHER_ACCOUNT),
            connectInstanceId="i",
        )
        assert stub.seen == []
    assert isinstance(result, Answer)
    assert result.meaning is Meaning.WRONG_ACCOUNT


def test_no_secret_is_readable() -> None:
    """What a log or a traceback would show holds no part of the keys."""
    for shown in (repr(KEYS), repr(CREDENTIALS), repr(SETTINGS)):
        assert "own-secret" not in shown
        assert "AKIDOWN" not in shown


@pytest.mark.asyncio
async def test_a_client_is_made_once() -> None:
    """However many ask for a client at once, one is made."""
    async with serve_stub(), open_clients(SETTINGS) as clients:
        made = await asyncio.gather(*(clients.get("sts", REGION) for _ in range(5)))
        assert len({id(client) for client in made}) == 1
