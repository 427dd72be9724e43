"""A contender: a boto3 session and client for each account, in a pool of threads, all kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3  # type: ignore[import-untyped]  # it has no types
from botocore.exceptions import ClientError

from benchmarks.accounts.work import REGION, Work, account_id, instance_id, role_arn

_THREADS = 20  # botocove's default


def _onboard(sts: Any, account: str, reads: tuple[str, ...]) -> Any:
    assumed = sts.assume_role(RoleArn=role_arn(account), RoleSessionName="sessions")["Credentials"]
    session = boto3.Session(
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
        region_name=REGION,
    )
    campaigns: Any = session.client("connectcampaigns")
    name = instance_id(account)
    for read in reads:
        try:
            getattr(campaigns, read)(connectInstanceId=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
    campaigns.start_instance_onboarding_job(
        connectInstanceId=name, encryptionConfig={"enabled": False}
    )
    return session, campaigns


def _main(work: Work) -> None:
    sts = boto3.Session().client("sts", region_name=REGION)
    accounts = [account_id(number) for number in range(work.accounts)]
    with ThreadPoolExecutor(_THREADS) as pool:
        kept = list(pool.map(lambda account: _onboard(sts, account, work.reads), accounts))
    assert len(kept) == work.accounts  # noqa: S101 - and so they are kept until here


if __name__ == "__main__":
    _main(Work.from_arguments())
