"""What a batch over many accounts keeps of their credentials, on virtual time."""

from __future__ import annotations

from collections import Counter

import anyio

from batch_onboard.core.calls import Answer
from batch_onboard.core.targets import Api, Encryption, Identity, Target, TargetKey
from batch_onboard.service.credentials import Caller, Credentials
from batch_onboard.service.identities import Identities
from batch_onboard.service.settings import ServiceSettings, StaticCredentials
from tests.virtual import run_virtual

OWN = StaticCredentials("own-key", "made-up")


class Giving:
    """An STS that gives whatever is asked for, and counts."""

    def __init__(self) -> None:
        self.asked: Counter[str | None] = Counter()

    async def caller(self, keys: StaticCredentials, region: str) -> Caller:
        """Say whose the caller's keys are."""
        del keys, region
        self.asked[None] += 1
        return Caller("arn:aws:iam::999999999999:user/caller", "9" * 12)

    async def assume(self, identity: Identity, lent: Credentials, region: str) -> Credentials:
        """Give credentials for a day."""
        del lent, region
        self.asked[identity.role_arn] += 1
        account = str(identity.role_arn).split(":")[4]
        keys = StaticCredentials(f"key-of-{account}", "made-up", "token")
        return Credentials(keys, Caller("arn", account), anyio.current_time() + 86_400)


def of(account: int) -> Target:
    """Make a target with a role of its account's."""
    role = Identity(role_arn=f"arn:aws:iam::{account:012}:role/Onboarder")
    key = TargetKey(f"{account:012}", "eu-west-2", "i")
    return Target(key, Api.V1, role, Encryption(enabled=False))


def test_credentials_that_nobody_needs_any_more_are_let_go() -> None:
    """Of a day over 900 accounts those of half an hour are kept, and of one that is in use all day."""
    sts = Giving()

    async def day() -> int:
        settings = ServiceSettings(
            user_agent_extra="idle", session_name="bo-idle", static_credentials=OWN
        )
        identities = Identities(settings, sts)  # type: ignore[arg-type]  # Sts by its shape
        for account in range(1, 901):
            for each in (of(account), of(1)):
                assert not isinstance(await identities.for_target(each), Answer)
            await anyio.sleep(96)
        return len(identities._holders)

    assert run_virtual(day) < 40
    assert max(sts.asked.values()) == 1
