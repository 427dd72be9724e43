"""The accounts, their roles and instances, alike for all contenders."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

REGION = "eu-west-2"
CONCURRENCY = 128
SCENARIO = "throttle: {rate: null}\n"


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
