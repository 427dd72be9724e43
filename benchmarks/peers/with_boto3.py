"""A peer: boto3 in 16 threads, with one of botocore's own retry modes and its default attempts."""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]  # it has no types
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_THREADS = 16


def main() -> None:
    """Start each instance of a file once, and leave to botocore what is done about refusals."""
    parser = argparse.ArgumentParser()
    parser.add_argument("instances", type=Path)
    parser.add_argument("mode", choices=["standard", "adaptive"])
    asked = parser.parse_args()
    config = Config(retries={"mode": asked.mode}, max_pool_connections=_THREADS)
    client: Any = boto3.client("connectcampaigns", config=config)
    with ThreadPoolExecutor(_THREADS) as threads:
        for instance_id in asked.instances.read_text().split():
            threads.submit(_start, client, instance_id)


def _start(client: Any, instance_id: str) -> None:
    try:
        client.start_instance_onboarding_job(
            connectInstanceId=instance_id, encryptionConfig={"enabled": False}
        )
    except (BotoCoreError, ClientError) as error:
        print(f"{instance_id} is lost: {error}")


if __name__ == "__main__":
    main()
