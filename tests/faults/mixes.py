"""Credentials mixed up at random: roles that give another account's, renewals that change hands."""

from __future__ import annotations

import random

import anyio

from batch_onboard.core.calls import Answer, Meaning
from batch_onboard.core.targets import Api, Encryption, Identity, Target, TargetKey
from batch_onboard.service.credentials import Caller, Credentials
from batch_onboard.service.identities import Identities
from batch_onboard.service.settings import ServiceSettings, StaticCredentials
from tests.virtual import run_virtual

REGIONS = ("eu-west-2", "us-east-1")
LOOKUPS = 50
_REFUSALS = (
    Answer(Meaning.THROTTLED, error_code="Throttling"),
    Answer(Meaning.DENIED, error_code="AccessDenied"),
    Answer(Meaning.EXPIRED, error_code="ExpiredToken"),
    Answer(Meaning.UNCLEAR, error_code="timeout"),
)


class Muddle:
    """An STS that gives the credentials of whatever account it likes, and says whose they are.

    Each access key id begins with the account that it is really of.
    """

    def __init__(self, chance: random.Random, accounts: list[str]) -> None:
        self._chance = chance
        self._accounts = accounts

    async def caller(self, keys: StaticCredentials, region: str) -> Caller | Answer:  # noqa: ARG002 - the shape of Sts
        """Say whose keys these are, most of the time."""
        await anyio.sleep(self._chance.random())
        if self._chance.random() < 0.2:
            return self._chance.choice(_REFUSALS)
        account = keys.access_key_id[:12]
        return Caller(f"arn:aws:iam::{account}:user/caller", account)

    async def assume(
        self,
        identity: Identity,
        keys: StaticCredentials,  # noqa: ARG002 - the shape of Sts
        region: str,  # noqa: ARG002 - the shape of Sts
    ) -> Credentials | Answer:
        """Give credentials of the role's account, or of any."""
        await anyio.sleep(self._chance.random())
        if self._chance.random() < 0.2:
            return self._chance.choice(_REFUSALS)
        assert identity.role_arn is not None
        account = identity.role_arn.split(":")[4]
        if self._chance.random() < 0.4:
            account = self._chance.choice(self._accounts)
        caller = Caller(f"arn:aws:sts::{account}:assumed-role/Onboarder/s", account)
        own = StaticCredentials(f"{account}-{self._chance.getrandbits(32):x}", "made-up", "token")
        return Credentials(own, caller, anyio.current_time() + self._chance.random() * 60)


def mix(seed: int) -> tuple[int, int]:
    """Look credentials up for targets at random, side by side, while time passes.

    Returns:
        How often, and how often credentials were handed out.

    Raises:
        AssertionError: they were another account's.
    """
    return run_virtual(lambda: _mix(random.Random(seed)))


async def _mix(chance: random.Random) -> tuple[int, int]:
    accounts = [f"{number:012}" for number in range(1, chance.randint(3, 6))]
    own = StaticCredentials(f"{chance.choice(accounts)}-own", "made-up")
    settings = ServiceSettings(
        user_agent_extra="mixes", session_name="bo-mixes", static_credentials=own
    )
    muddle = Muddle(chance, accounts)
    identities = Identities(settings, muddle)  # type: ignore[arg-type]  # Sts by its shape
    handed_out: list[str] = []

    async def look_up() -> None:
        target = _target(chance, accounts)
        await anyio.sleep(chance.random() * 200)
        found = await identities.for_target(target)
        if isinstance(found, Answer):
            return
        keys = found.keys_for(target.key.account_id)
        assert keys.access_key_id.startswith(target.key.account_id)
        handed_out.append(keys.access_key_id)
        if chance.random() < 0.2:
            identities.expired(target.identity, found)

    async with anyio.create_task_group() as group:
        for _ in range(LOOKUPS):
            group.start_soon(look_up)
    return LOOKUPS, len(handed_out)


def _target(chance: random.Random, accounts: list[str]) -> Target:
    account = chance.choice(accounts)
    of_role = account if chance.random() < 0.7 else chance.choice(accounts)
    role = None if chance.random() < 0.2 else f"arn:aws:iam::{of_role}:role/Onboarder"
    key = TargetKey(account, chance.choice(REGIONS), f"i-{chance.randint(1, 9)}")
    return Target(key, Api.V1, Identity(role_arn=role), Encryption(enabled=False))
