"""A contender: aioboto3 with one client for each service, and credentials looked up per call."""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import ContextVar
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioCredentials
from aiobotocore.session import AioSession
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError

from benchmarks.accounts.work import CONCURRENCY, REGION, Work, account_id, instance_id, role_arn

_keys: ContextVar[ReadOnlyCredentials] = ContextVar("keys")


class _Credentials(AioCredentials):
    def __init__(self) -> None:
        super().__init__("", "", method="per-call")

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:  # type: ignore[override]  # a coroutine in aiobotocore, too
        return _keys.get()


class _Provider:
    async def load_credentials(self) -> AioCredentials:
        return _Credentials()


async def _main(work: Work) -> None:
    inner = AioSession()
    inner.register_component("credential_provider", _Provider())
    session = aioboto3.Session(botocore_session=inner)
    config = AioConfig(retries={"total_max_attempts": 1}, max_pool_connections=CONCURRENCY)
    waiting = deque(account_id(number) for number in range(work.accounts))
    sts_client = aioboto3.Session().client("sts", region_name=REGION, config=config)
    client = session.client("connectcampaigns", region_name=REGION, config=config)
    async with sts_client as sts, client as campaigns, asyncio.TaskGroup() as workers:
        for _ in range(CONCURRENCY):
            workers.create_task(_work_off(sts, campaigns, waiting, work.reads))


async def _work_off(sts: Any, campaigns: Any, waiting: deque[str], reads: tuple[str, ...]) -> None:
    while waiting:
        account = waiting.popleft()
        assumed = await sts.assume_role(RoleArn=role_arn(account), RoleSessionName="bare")
        given = assumed["Credentials"]
        keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        _keys.set(ReadOnlyCredentials(*keys))
        name = instance_id(account)
        for read in reads:
            try:
                await getattr(campaigns, read)(connectInstanceId=name)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
        await campaigns.start_instance_onboarding_job(
            connectInstanceId=name, encryptionConfig={"enabled": False}
        )


if __name__ == "__main__":
    asyncio.run(_main(Work.from_arguments()))
