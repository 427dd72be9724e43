"""What the simulator's tests share: short ways to make worlds and calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batch_onboard.core.targets import Api, Encryption, Identity, Target, TargetKey
from batch_onboard.simulator.protocol import WorldCall
from batch_onboard.simulator.scenario import Scenario
from batch_onboard.simulator.world import World

if TYPE_CHECKING:
    from batch_onboard.core.calls import Operation
    from batch_onboard.simulator.protocol import Reply

ACCOUNT = "111122223333"
REGION = "eu-west-2"
INSTANCE = "instance-1"
KEY = TargetKey(ACCOUNT, REGION, INSTANCE)
PLAIN = Encryption(enabled=False)
KMS = Encryption(enabled=True, key_arn="arn:aws:kms:eu-west-2:1:key/k", encryption_type="KMS")
DAY = 86_400.0
ROLE = f"arn:aws:iam::{ACCOUNT}:role/ConnectOnboarder"


def scenario(**keys: Any) -> Scenario:
    """Make a scenario as a file would, with an unlimited throttle and jobs of 10 seconds."""
    defaults = {"job_duration": {"min": 10, "max": 10}, **keys.pop("defaults", {})}
    return Scenario.model_validate({"throttle": {"rate": None}, "defaults": defaults, **keys})


def world(**keys: Any) -> World:
    """Make a world that began at 0."""
    return World(scenario(**keys))


def call(
    operation: Operation | str,
    key: TargetKey = KEY,
    encryption: Encryption = PLAIN,
    api: Api = Api.V1,
) -> WorldCall:
    """Make a call."""
    return WorldCall(str(operation), key, api, encryption)


def outcome(reply: Reply) -> tuple[int, str | None]:
    """Return a reply's HTTP status and what it says: an error's code or a job's status."""
    job = reply.body.get("connectInstanceOnboardingJobStatus", {})
    return reply.status, reply.code or job.get("status")


def target(
    key: TargetKey = KEY, api: Api = Api.V1, encryption: Encryption = KMS, **identity: Any
) -> Target:
    """Make a target, with the usual role unless an identity is given."""
    return Target(key, api, Identity(**(identity or {"role_arn": ROLE})), encryption)


def instance(instance_id: str, account_id: str = ACCOUNT, region: str = REGION) -> TargetKey:
    """Name an instance."""
    return TargetKey(account_id, region, instance_id)
