"""The accounts, their roles and instances, alike for all contenders."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

REGION = "eu-west-2"
CONCURRENCY = 128
SCENARIO = "throttle: {rate: null}\n"
READS = ("get_instance_onboarding_job_status", "get_connect_instance_config")
"""What is asked before a Start, unless `--only-start` says otherwise."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a contender is to do.

    Attributes:
        accounts: in how many accounts; each has one instance.
        only_start: whether nothing is read before a Start.
    """

    accounts: int
    only_start: bool

    @classmethod
    def from_arguments(cls) -> Work:
        """Read what `arguments` has written."""
        parser = argparse.ArgumentParser()
        parser.add_argument("accounts", type=int)
        parser.add_argument("--only-start", action="store_true")
        return cls(**vars(parser.parse_args()))

    @property
    def arguments(self) -> list[str]:
        """The command line that tells a contender's process."""
        return [str(self.accounts), *(["--only-start"] if self.only_start else [])]

    @property
    def reads(self) -> tuple[str, ...]:
        """The client methods to call before a Start."""
        return () if self.only_start else READS


def account_id(number: int) -> str:
    """Return the id of an account; none is the simulated caller's."""
    return f"{number + 1:012}"


def role_arn(account: str) -> str:
    """Return the role to assume in an account."""
    return f"arn:aws:iam::{account}:role/Onboarder"


def instance_id(account: str) -> str:
    """Return the one instance of an account."""
    return f"instance-{account}"


def write_manifest(accounts: int, folder: Path) -> Path:
    """Write the manifest of so many accounts, one instance each."""
    path = folder / "accounts.yaml"
    instances = [
        f"arn:aws:connect:{REGION}:{account}:instance/{instance_id(account)}"
        for account in map(account_id, range(accounts))
    ]
    manifest = {
        "version": 1,
        "defaults": {"role_arn": role_arn("{account_id}"), "encryption": {"enabled": False}},
        "instances": instances,
    }
    path.write_text(json.dumps(manifest, indent=0))
    return path
