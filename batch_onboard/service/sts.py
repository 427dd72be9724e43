"""The two calls to STS: AssumeRole, and GetCallerIdentity, which says whose credentials are."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio

from batch_onboard.core.calls import REGIONAL_CODES, Answer, Meaning
from batch_onboard.core.patience import MAX_THROTTLES
from batch_onboard.service.credentials import Caller, Credentials
from batch_onboard.service.failures import timed_out
from batch_onboard.service.pacing import Pace
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

_LIFE = 3600
"""Seconds that every role allows, also in a chain (IAM user guide)."""
_MARGIN, _MARGIN_SHARE = 300, 0.2
"""Credentials are renewed this many seconds before their end, or this share of a short life."""


class Sts:
    """STS, asked in the Region of whoever needs it, or at home where it is not to be had there.

    A call is made once; only a throttle is waited out here. All else is tried again by whoever
    has the call that needs it: two layers of retries would multiply.

    Args:
        clients: where its clients come from.
        settings: the call timeout, the session name and who is notified are used.
        random: draws the jitter of the pace.
    """

    def __init__(self, clients: Clients, settings: ServiceSettings, random: Random) -> None:
        self._clients = clients
        self._timeout = settings.call_timeout
        self._session_name = settings.session_name
        self._notify = settings.notify
        self._paces: defaultdict[tuple[str, str], Pace] = defaultdict(lambda: Pace(random.random))
        self._closed: set[tuple[str, str]] = set()
        self._short: set[Identity] = set()

    async def caller(self, keys: StaticCredentials, region: str) -> Caller | Answer:
        """Ask whose keys these are, or return the answer that says why that is not known."""
        result = await self._ask("GetCallerIdentity", keys, keys.access_key_id, region)
        if isinstance(result, Answer):
            return result
        return _caller(result) or _UNREADABLE

    async def assume(
        self, identity: Identity, lent: Credentials, region: str
    ) -> Credentials | Answer:
        """Assume a role, or return the answer that says why that failed.

        A session that is longer than the role allows is asked for again, for an hour.

        Args:
            identity: with a `role_arn`.
            lent: sign the call.
            region: whose STS is asked.
        """
        duration = _LIFE if identity in self._short else identity.session.duration
        outcome = await self._assume(identity, duration, lent, region)
        if duration <= _LIFE or not _is_too_long(outcome):
            return outcome
        self._short.add(identity)
        self._notify(
            f"{identity} allows no session of {duration:,} s: it is assumed for {_LIFE:,} s at a "
            "time; lower session_duration, or raise the role's MaxSessionDuration"
        )
        return await self._assume(identity, _LIFE, lent, region)

    async def _assume(
        self, identity: Identity, duration: int, lent: Credentials, region: str
    ) -> Credentials | Answer:
        asked_at = anyio.current_time()
        result = await self._ask(
            "AssumeRole",
            lent.keys,
            lent.caller.account_id,
            region,
            RoleSessionName=self._session_name,
            **_wanted(identity, duration),
        )
        if isinstance(result, Answer):
            return result
        return _credentials(result, asked_at, duration) or _UNREADABLE

    async def _ask(
        self, operation: str, keys: StaticCredentials, who: str, region: str, **parameters: Any
    ) -> Mapping[str, Any] | Answer:
        """Ask in a Region; if that Region is closed to the caller, at home instead."""
        home = self._clients.home_region()
        if (who, region) not in self._closed:
            result = await self._pass(operation, keys, who, region, **parameters)
            if region == home or not is_regional(result):
                return result
        result = await self._pass(operation, keys, who, home, **parameters)
        if not isinstance(result, Answer):
            self._closed.add((who, region))
        return result

    async def _pass(
        self, operation: str, keys: StaticCredentials, who: str, region: str, **parameters: Any
    ) -> Mapping[str, Any] | Answer:
        """Ask at the pace that the STS of a Region bears from one account."""
        pace = self._paces[who, region]
        tries = 0
        while True:
            ticket = await pace.turn()
            result = await self._try(operation, keys, region, **parameters)
            pace.answered(ticket, result)
            tries += 1
            throttled = isinstance(result, Answer) and result.meaning is Meaning.THROTTLED
            if not throttled or tries == MAX_THROTTLES:
                return result

    async def _try(
        self, operation: str, keys: StaticCredentials, region: str, **parameters: Any
    ) -> Mapping[str, Any] | Answer:
        client = await self._clients.get("sts", region)
        with anyio.move_on_after(self._timeout):
            return await call(client, operation, lambda: keys, **parameters)
        return timed_out(self._timeout)


def is_regional(result: object) -> bool:
    """Say whether an answer may be about one Region only."""
    return isinstance(result, Answer) and (
        result.error_code in REGIONAL_CODES or is_denied_by_scp(result)
    )


def is_denied_by_scp(answer: Answer) -> bool:
    """Say whether a refusal is the work of a service control policy, which IAM tells in words."""
    denied = answer.meaning is Meaning.DENIED
    return denied and "service control policy" in (answer.message or "")


def _is_too_long(outcome: Credentials | Answer) -> bool:
    # "The requested DurationSeconds exceeds the MaxSessionDuration set for this role", or "...
    # exceeds the 1 hour session limit for roles assumed by role chaining" (IAM user guide).
    return (
        isinstance(outcome, Answer)
        and outcome.error_code == "ValidationError"
        and "DurationSeconds exceeds" in (outcome.message or "")
    )


def _wanted(identity: Identity, duration: int) -> dict[str, Any]:
    session = identity.session
    wanted: dict[str, Any] = {"RoleArn": identity.role_arn, "DurationSeconds": duration}
    if identity.external_id is not None:
        wanted["ExternalId"] = identity.external_id
    if session.tags:
        wanted["Tags"] = [{"Key": name, "Value": value} for name, value in session.tags]
    if session.source_identity is not None:
        wanted["SourceIdentity"] = session.source_identity
    return wanted


_UNREADABLE = Answer(
    Meaning.UNCLEAR, error_code="unreadable", message="the answer of STS lacks what was asked for"
)


def _caller(result: Mapping[str, Any]) -> Caller | None:
    arn, account_id = result.get("Arn"), result.get("Account")
    return Caller(arn, account_id) if arn and account_id else None


def _credentials(result: Mapping[str, Any], asked_at: float, duration: int) -> Credentials | None:
    given, user = result.get("Credentials", {}), result.get("AssumedRoleUser", {})
    try:
        keys = StaticCredentials(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
        )
        arn = user["Arn"]
        # arn:aws:sts::111122223333:assumed-role/Name/session
        caller = Caller(arn, arn.split(":")[4])
        # The shorter of what was asked for and what was given: the clock here may be late.
        life = min(duration, (given["Expiration"] - datetime.now(UTC)).total_seconds())
    except (KeyError, IndexError):
        return None
    return Credentials(keys, caller, asked_at + life - min(_MARGIN, _MARGIN_SHARE * life))
