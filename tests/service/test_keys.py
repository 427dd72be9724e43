"""Keys behind aliases: asked for once, explained, and never another account's."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from batch_onboard.core.calls import Answer, Meaning
from batch_onboard.core.targets import Encryption, Identity
from tests.service.stub import (
    KEY_ARN,
    OTHER_ACCOUNT,
    OWN_ACCOUNT,
    REGION,
    open_stubbed,
    reply,
    sts_error,
    target,
)

if TYPE_CHECKING:
    from tests.service.stub import Reply

ALIAS = f"arn:aws:kms:{REGION}:{OWN_ACCOUNT}:alias/campaigns"
WANTED = target(encryption=Encryption(True, ALIAS, "KMS"))


def tells(key_arn: str) -> Reply:
    """KMS names a key."""
    return reply(200, {"KeyMetadata": {"KeyId": "1", "Arn": key_arn}})


def refuses(code: str) -> Reply:
    """KMS refuses."""
    return reply(400, {"__type": code, "message": "no"})


@pytest.mark.asyncio
async def test_a_denied_key_is_asked_for_once_and_names_the_permission() -> None:
    """Thousands of targets with one alias cost one refused call, and learn what to grant."""
    async with open_stubbed() as (stub, service):
        await service.prepare(WANTED)
        stub.sts.append(refuses("AccessDeniedException"))
        answers = await asyncio.gather(*(service.resolve(WANTED) for _ in range(20)))
        assert len(stub.seen) == 2
    for answer in answers:
        assert isinstance(answer, Answer)
        assert (answer.meaning, answer.error_code) == (Meaning.NO_KEY, "key_denied")
        assert f"needs kms:DescribeKey on the key behind {ALIAS}" in str(answer.message)


@pytest.mark.asyncio
async def test_the_request_is_signed_for_kms_in_the_alias_region() -> None:
    """The alias is asked for where it is, with the target's identity."""
    async with open_stubbed() as (stub, service):
        await service.prepare(WANTED)
        stub.sts.append(tells(KEY_ARN))
        assert await service.resolve(WANTED) == Encryption(True, KEY_ARN, "KMS", alias=ALIAS)
        asked = stub.seen[-1]
    assert asked.headers["X-Amz-Target"] == "TrentService.DescribeKey"
    assert json.loads(asked.body) == {"KeyId": ALIAS}
    assert f"/{REGION}/kms/" in asked.headers["Authorization"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "key_arn", [KEY_ARN.replace(OWN_ACCOUNT, OTHER_ACCOUNT), ALIAS, KEY_ARN.replace(REGION, "x")]
)
async def test_a_key_of_elsewhere_is_not_believed(key_arn: str) -> None:
    """An alias names a key of its own account and Region; any other answer teaches nothing."""
    async with open_stubbed() as (stub, service):
        await service.prepare(WANTED)
        stub.sts.append(tells(key_arn))
        answer = await service.resolve(WANTED)
    assert isinstance(answer, Answer)
    assert (answer.meaning, answer.error_code) == (Meaning.UNSENT, "unreadable")


@pytest.mark.asyncio
async def test_no_key_is_asked_for_with_wrong_or_expired_credentials() -> None:
    """Credentials of another account ask nothing, and expired ones are dropped, as for calls."""
    async with open_stubbed() as (stub, service):
        foreign = target(OTHER_ACCOUNT, encryption=WANTED.encryption, identity=Identity())
        wrong = await service.resolve(foreign)
        stub.sts.append(refuses("ExpiredTokenException"))
        old = await service.resolve(WANTED)
        stub.sts.append(sts_error(403, "ExpiredToken"))
        again = await service.resolve(WANTED)
    assert isinstance(wrong, Answer)
    assert isinstance(old, Answer)
    assert isinstance(again, Answer)
    meanings = [wrong.meaning, old.meaning, again.meaning]
    assert meanings == [Meaning.WRONG_ACCOUNT, Meaning.EXPIRED, Meaning.NO_IDENTITY]
