"""A peer: an aioboto3 loop of 10 workers that backs off by itself, with or without aiolimiter.

The backoff is the one that botocore's standard mode has (1 s, doubled, 20 s at most, full jitter),
but a target is never given up. aiolimiter is told the quota: what nobody knows in real life.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import random
from collections import deque
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig
from botocore.exceptions import ClientError

_WORKERS = 10
_LONGEST = 20.0
_REFUSED = 429


def main() -> None:
    """Start each instance of a file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("instances", type=Path)
    parser.add_argument("rate", type=float)
    parser.add_argument("burst", type=float)
    parser.add_argument("--told-the-quota", action="store_true")
    asked = parser.parse_args()
    pace: AbstractAsyncContextManager[Any] = nullcontext()
    if asked.told_the_quota:
        limiter = importlib.import_module("aiolimiter").AsyncLimiter
        pace = limiter(asked.burst, asked.burst / asked.rate)
    asyncio.run(_start_all(deque(asked.instances.read_text().split()), pace))


async def _start_all(waiting: deque[str], pace: AbstractAsyncContextManager[Any]) -> None:
    config = AioConfig(retries={"total_max_attempts": 1}, max_pool_connections=_WORKERS)
    connecting = aioboto3.Session().client("connectcampaigns", config=config)
    async with connecting as client, asyncio.TaskGroup() as workers:
        for _ in range(_WORKERS):
            workers.create_task(_work(client, waiting, pace))


async def _work(client: Any, waiting: deque[str], pace: AbstractAsyncContextManager[Any]) -> None:
    while waiting:
        instance_id = waiting.popleft()
        attempts = 0
        while not await _start(client, instance_id, pace):
            await asyncio.sleep(random.random() * min(2.0**attempts, _LONGEST))
            attempts += 1


async def _start(client: Any, instance_id: str, pace: AbstractAsyncContextManager[Any]) -> bool:
    async with pace:
        pass
    try:
        await client.start_instance_onboarding_job(
            connectInstanceId=instance_id, encryptionConfig={"enabled": False}
        )
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != _REFUSED:
            raise
        return False
    return True


if __name__ == "__main__":
    main()
