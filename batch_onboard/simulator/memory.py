"""The simulated world spoken to in memory: the service that the engine's tests run against.

It answers as the adapter for AWS does when it meets the same world over HTTP, but on the running
loop's time, so that a loop that jumps through virtual time plays hours in milliseconds. Credentials
are not modelled: an identity's account is asked for once, by one for all who wait, and expires only
by a scenario's fault.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from batch_onboard.core.calls import TRANSIENT, Answer, Meaning, Operation
from batch_onboard.simulator.once import Once
from batch_onboard.simulator.principals import Principal
from batch_onboard.simulator.protocol import (
    ASSUME_ROLE,
    CALLER_IDENTITY,
    Delivery,
    KmsCall,
    Reply,
    StsCall,
    WorldCall,
)
from batch_onboard.simulator.scenario import CALLER_ACCOUNT_ID
from batch_onboard.simulator.sts import account_of
from batch_onboard.simulator.understanding import (
    UNREADABLE,
    answer_of,
    failure_of,
    members_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.core.targets import Encryption, Identity, Target
    from batch_onboard.simulator.world import World

_IDENTITY_HOLDS = {Meaning.NO_IDENTITY: 60.0, Meaning.UNSENT: 0.5}
_KEY_HOLDS = {Meaning.NO_KEY: 60.0}
"""Seconds in which nobody asks again after a refusal: the same as in the adapter for AWS."""


class MemoryService:
    """Conforms to `core.ports.Service`.

    Args:
        world: the world that is called.
        latency: seconds that a call takes to and fro, or a function that says it for each call.
        call_timeout: seconds after which a call without an answer is given up.
        caller_account: the account of the caller's own credentials.
    """

    def __init__(
        self,
        world: World,
        *,
        latency: float | Callable[[], float] = 0.05,
        call_timeout: float = 20.0,
        caller_account: str = CALLER_ACCOUNT_ID,
    ) -> None:
        self._world = world
        self._latency = latency
        self._call_timeout = call_timeout
        self._caller = _own_credentials(caller_account)
        self._accounts: Once[Identity, str] = Once(_IDENTITY_HOLDS)
        self._keys: Once[tuple[Identity, str], str] = Once(_KEY_HOLDS)

    async def prepare(self, target: Target) -> Answer | None:
        """Learn the account of a target's identity, once, and compare it with the target's."""
        identity = target.identity
        if identity.profile is not None:
            return Answer(
                Meaning.NO_IDENTITY,
                error_code="no_profile",
                message=f"{identity}: the simulated service knows roles, but no profiles",
            )
        region = target.key.region
        account_id = await self._accounts.get(
            identity, region, lambda: self._learn(identity, region)
        )
        if isinstance(account_id, Answer):
            return account_id
        return None if account_id == target.key.account_id else _wrong_account(target, account_id)

    async def resolve(self, target: Target) -> Encryption | Answer:
        """Learn the key behind the alias that a target's encryption names, once."""
        alias = target.encryption.key_arn
        if not target.encryption.by_alias or alias is None:
            return target.encryption
        region = alias.split(":")[3]
        found = await self._keys.get(
            (target.identity, alias), region, lambda: self._ask_for_key(alias, region)
        )
        return found if isinstance(found, Answer) else target.encryption.resolved(found)

    async def send(self, operation: Operation, target: Target) -> Answer:
        """Make one call."""
        unready = await self.prepare(target)
        if unready is not None:
            return unready
        call = WorldCall(operation, target.key, target.api, target.encryption)
        reply = await self._exchange(lambda now: self._world.handle(call, now))
        return answer_of(operation, target.key.instance_id, reply)

    async def _learn(self, identity: Identity, region: str) -> str | Answer:
        """Ask STS for the account of an identity."""
        call = self._identity_call(identity, region)
        reply = await self._exchange(lambda now: self._world.handle_sts(call, now))
        failure = failure_of(reply) or (None if members_of(reply) else UNREADABLE)
        if failure is not None:
            passing = failure.meaning in TRANSIENT or failure.meaning is Meaning.THROTTLED
            meaning = Meaning.UNSENT if passing else Meaning.NO_IDENTITY
            return replace(failure, meaning=meaning, message=f"{identity}: {failure.message}")
        return _account_in(reply)

    async def _ask_for_key(self, alias: str, region: str) -> str | Answer:
        """Ask KMS for the key behind an alias."""
        call = KmsCall(self._caller, region, alias)
        reply = await self._exchange(lambda now: self._world.handle_kms(call, now))
        failure = failure_of(reply) or (None if members_of(reply) else UNREADABLE)
        if failure is not None:
            return _unresolved(failure)
        return str(reply.body["KeyMetadata"]["Arn"])

    def _identity_call(self, identity: Identity, region: str) -> StsCall:
        call = StsCall(CALLER_IDENTITY, self._caller, region)
        if identity.role_arn is None:
            return call
        return replace(
            call,
            operation=ASSUME_ROLE,
            role_arn=identity.role_arn,
            session_name="in-memory",
            external_id=identity.external_id,
        )

    async def _exchange(self, ask: Callable[[float], Reply]) -> Reply:
        """Return what comes back within the timeout."""
        latency = self._latency() if callable(self._latency) else self._latency
        with anyio.move_on_after(self._call_timeout):
            await anyio.sleep(latency / 2)
            reply = ask(anyio.current_time())
            if reply.delivery is Delivery.NEVER:
                await anyio.sleep_forever()
            await anyio.sleep(latency / 2 + reply.delay)
            return reply
        return Reply(delivery=Delivery.NEVER)


def _unresolved(failure: Answer) -> Answer:
    if failure.meaning in {Meaning.EXPIRED, Meaning.CREDENTIALS}:
        return failure
    if failure.meaning in TRANSIENT or failure.meaning is Meaning.THROTTLED:
        return replace(failure, meaning=Meaning.UNSENT)
    codes = {"AccessDeniedException": "key_denied", "NotFoundException": "key_not_found"}
    code = codes.get(failure.error_code or "", "key_not_told")
    return replace(failure, meaning=Meaning.NO_KEY, error_code=code)


def _own_credentials(account_id: str) -> Principal:
    return Principal(
        access_key_id="",
        secret_access_key="",
        account_id=account_id,
        arn=f"arn:aws:iam::{account_id}:user/simulated-caller",
        user_id="AIDASIMULATED",
    )


def _account_in(reply: Reply) -> str:
    """Return the account that an answer of STS proves: that of the ARN in it."""
    return account_of(reply.body.get("AssumedRoleUser", reply.body)["Arn"])


def _wrong_account(target: Target, account_id: str) -> Answer:
    return Answer(
        Meaning.WRONG_ACCOUNT,
        error_code="wrong_account",
        message=f"{target.identity} is of account {account_id}, not {target.key.account_id}",
    )
