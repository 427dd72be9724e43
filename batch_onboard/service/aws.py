"""The service as the engine sees it, over aioboto3."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio

from batch_onboard.core.calls import Answer, Meaning, Operation
from batch_onboard.service.answers import answer_to_result, without_secrets
from batch_onboard.service.failures import timed_out
from batch_onboard.service.gateway import open_gateway
from batch_onboard.service.keys import Keys
from batch_onboard.service.session import CAMPAIGNS
from batch_onboard.service.wire import call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from random import Random

    from aiobotocore.client import AioBaseClient

    from batch_onboard.core.targets import Encryption, Target
    from batch_onboard.service.credentials import Caller, Credentials
    from batch_onboard.service.gateway import Gateway
    from batch_onboard.service.settings import ServiceSettings


class AwsService:
    """The onboarding operations on AWS, or on what stands at its endpoints.

    `open_service` makes one.
    """

    def __init__(self, gateway: Gateway, keys: Keys) -> None:
        self._gateway = gateway
        self._clients = gateway.clients
        self._identities = gateway.identities
        self._keys = keys
        self._call_timeout = gateway.settings.call_timeout
        self._secrets = gateway.settings.secrets

    async def prepare(self, target: Target) -> Answer | None:
        """Have credentials and a client ready for a target, so that `send` need not wait.

        Returns:
            None if they are ready, else `NO_IDENTITY`, `WRONG_ACCOUNT` or, where STS cannot be
            reached, `UNSENT`. Nothing was sent to the target's account.

        Raises:
            ServiceConfigurationError: no call of the run can be made with the settings in force.
        """
        credentials = await self._identities.for_target(target)
        if isinstance(credentials, Answer):
            return without_secrets(credentials, self._secrets)
        await self._clients.get(CAMPAIGNS[target.api], target.key.region)
        return None

    async def resolve(self, target: Target) -> Encryption | Answer:
        """Find the key behind the alias that a target's encryption names; once for all.

        Returns:
            The encryption with the key's own ARN, or the answer that says why that is not known.

        Raises:
            ServiceConfigurationError: as `prepare` does.
        """
        alias = target.encryption.key_arn
        if not target.encryption.by_alias or alias is None:
            return target.encryption
        credentials = await self._identities.for_target(target)
        if isinstance(credentials, Answer):
            return without_secrets(credentials, self._secrets)
        found = await self._keys.behind(
            alias, target.identity, lambda: credentials.keys_for(target.key.account_id)
        )
        if not isinstance(found, Answer):
            return target.encryption.resolved(found)
        if found.meaning is Meaning.EXPIRED:
            self._identities.expired(target.identity, credentials)
        return without_secrets(found, self._secrets)

    async def send(self, operation: Operation, target: Target) -> Answer:
        """Make one call, once; whatever becomes of it is an answer.

        Raises:
            ServiceConfigurationError: as `prepare` does, if that was not asked before.
        """
        return without_secrets(await self._send(operation, target), self._secrets)

    async def _send(self, operation: Operation, target: Target) -> Answer:
        ready = False
        with anyio.move_on_after(self._call_timeout):
            credentials = await self._identities.for_target(target)
            if isinstance(credentials, Answer):
                return credentials
            client = await self._clients.get(CAMPAIGNS[target.api], target.key.region)
            ready = True
            return await self._call(client, operation, target, credentials)
        if ready:
            return timed_out(self._call_timeout)
        return replace(timed_out(self._call_timeout), meaning=Meaning.UNSENT, message=_NOT_READY)

    async def _call(
        self,
        client: AioBaseClient,
        operation: Operation,
        target: Target,
        credentials: Credentials,
    ) -> Answer:
        account_id, _, instance_id = target.key
        result = await call(
            client,
            operation,
            lambda: credentials.keys_for(account_id),
            connectInstanceId=instance_id,
            **(_wanted(target.encryption) if operation is Operation.START else {}),
        )
        if not isinstance(result, Answer):
            return answer_to_result(operation, instance_id, result)
        if result.meaning is Meaning.EXPIRED:
            self._identities.expired(target.identity, credentials)
        return result

    async def caller(self) -> Caller | Answer:
        """Say whose the caller's own credentials are, or why that is not known.

        Raises:
            ServiceConfigurationError: as `prepare` does.
        """
        return await self._gateway.caller()


_NOT_READY = "the credentials could not be renewed in time: nothing was sent"


def _wanted(encryption: Encryption) -> dict[str, Any]:
    if not encryption.enabled:
        return {"encryptionConfig": {"enabled": False}}
    config: dict[str, Any] = {
        "enabled": True,
        # The only type that the service model has.
        "encryptionType": encryption.encryption_type or "KMS",
    }
    if encryption.key_arn is not None:
        config["keyArn"] = encryption.key_arn
    return {"encryptionConfig": config}


@asynccontextmanager
async def open_service(
    settings: ServiceSettings, *, random: Random | None = None
) -> AsyncIterator[AwsService]:
    """Open the service for a run, and close its connections at the end.

    Args:
        settings: how it is reached.
        random: draws the pauses between tries to get credentials.

    Raises:
        ServiceConfigurationError: the settings' endpoint may not be used.
    """
    async with open_gateway(settings, random) as gateway:
        yield AwsService(gateway, Keys(gateway.clients, settings.call_timeout))
