"""The two calls to STS: AssumeRole, and GetCallerIdentity, which says whose credentials are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio

from batch_onboard.core.calls import Answer, Meaning
from batch_onboard.service.credentials import Caller, Credentials
from batch_onboard.service.failures import timed_out
from batch_onboard.service.settings import StaticCredentials
from batch_onboard.service.wire import call

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from batch_onboard.core.targets import Identity
    from batch_onboard.service.session import Clients
    from batch_onboard.service.settings import ServiceSettings

PASSING = frozenset({Meaning.THROTTLED, Meaning.UNCLEAR, Meaning.UNSENT})
"""What another try may mend. Neither call changes anything, so each may be repeated."""

_PAUSES = (0.5, 1.0, 2.0)
"""Seconds: the longest pause after each try but the last; drawn from nought to that."""
_LIFE = 3600
"""Seconds for which roles are assumed: what every role allows, also in a chain (IAM user guide)."""
_MARGIN, _MARGIN_SHARE = 300, 0.2
"""Credentials are renewed this many seconds before their end, or this share of a short life."""


class Sts:
    """STS, asked in the Region of whoever needs it.

    Args:
        clients: where its clients come from.
        settings: the call timeout and the session name are used.
        random: draws the pauses between tries.
    """

    def __init__(self, clients: Clients, settings: ServiceSettings, random: Random) -> None:
        self._clients = clients
        self._timeout = settings.call_timeout
        self._session_name = settings.session_name
        self._random = random

    async def caller(self, keys: StaticCredentials, region: str) -> Caller | Answer:
        """Ask whose keys these are, or return the answer that says why that is not known."""
        result = await self._ask("GetCallerIdentity", keys, region)
        if isinstance(result, Answer):
            return result
        return _caller(result) or _UNREADABLE

    async def assume(
        self, identity: Identity, keys: StaticCredentials, region: str
    ) -> Credentials | Answer:
        """Assume a role, or return the answer that says why that failed.

        Args:
            identity: with a `role_arn`.
            keys: that sign the call.
            region: whose STS is asked.
        """
        parameters: dict[str, Any] = {
            "RoleArn": identity.role_arn,
            "RoleSessionName": self._session_name,
            "DurationSeconds": _LIFE,
        }
        if identity.external_id is not None:
            parameters["ExternalId"] = identity.external_id
        asked_at = anyio.current_time()
        result = await self._ask("AssumeRole", keys, region, **parameters)
        if isinstance(result, Answer):
            return result
        return _credentials(result, asked_at) or _UNREADABLE

    async def _ask(
        self, operation: str, keys: StaticCredentials, region: str, **parameters: Any
    ) -> Mapping[str, Any] | Answer:
        for longest_pause in _PAUSES:
            result = await self._try(operation, keys, region, **parameters)
            if not isinstance(result, Answer) or result.meaning not in PASSING:
                return result
            await anyio.sleep(self._random.uniform(0, longest_pause))
        return await self._try(operation, keys, region, **parameters)

    async def _try(
        self, operation: str, keys: StaticCredentials, region: str, **parameters: Any
    ) -> Mapping[str, Any] | Answer:
        client = await self._clients.get("sts", region)
        with anyio.move_on_after(self._timeout):
            return await call(client, operation, lambda: keys, **parameters)
        return timed_out(self._timeout)


_UNREADABLE = Answer(
    Meaning.UNCLEAR, error_code="unreadable", message="the answer of STS lacks what was asked for"
)


def _caller(result: Mapping[str, Any]) -> Caller | None:
    arn, account_id = result.get("Arn"), result.get("Account")
    return Caller(arn, account_id) if arn and account_id else None


def _credentials(result: Mapping[str, Any], asked_at: float) -> Credentials | None:
    given, user = result.get("Credentials", {}), result.get("AssumedRoleUser", {})
    try:
        keys = StaticCredentials(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
        )
        arn = user["Arn"]
        # arn:aws:sts::111122223333:assumed-role/Name/session
        caller = Caller(arn, arn.split(":")[4])
        # The shorter of what was asked for and what was given: the clock here may be late.
        life = min(_LIFE, (given["Expiration"] - datetime.now(UTC)).total_seconds())
    except (KeyError, IndexError):
        return None
    return Credentials(keys, caller, asked_at + life - min(_MARGIN, _MARGIN_SHARE * life))
