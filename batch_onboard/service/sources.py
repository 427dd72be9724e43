"""How the credentials of an identity are had: a role is assumed, all others are found.

Either way STS has said whose they are before anybody gets them. What fails becomes a `Refusal`:
an answer, and how long it holds before it is worth asking again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import anyio

from batch_onboard.core.calls import DENIED_BY_SCP, Answer, Meaning
from batch_onboard.service.credentials import Caller, Credentials
from batch_onboard.service.sts import PASSING, is_denied_by_scp

if TYPE_CHECKING:
    from batch_onboard.core.targets import Identity
    from batch_onboard.service.chain import KeySource
    from batch_onboard.service.settings import StaticCredentials
    from batch_onboard.service.sts import Sts

_HOLD = 60.0
"""Seconds: thousands of targets share a role, and a person needs longer to mend it."""
_HOLD_PASSING = 0.5
"""Seconds: for those who waited for the same try; whoever comes later asks again."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """No credentials for now.

    Attributes:
        answer: `NO_IDENTITY`, or `UNSENT` where STS could not be reached.
        hold: seconds in which nobody need ask again.
    """

    answer: Answer
    hold: float = _HOLD


class Source(Protocol):
    """Where the credentials of one identity come from."""

    async def obtain(self, region: str) -> Credentials | Refusal:
        """Obtain credentials, by calls to the STS of a Region."""
        ...

    def ages(self, credentials: Credentials) -> bool:
        """Say whether credentials that were obtained should be replaced."""
        ...

    def restart(self) -> None:
        """Take it that the service has refused the latest credentials as expired."""
        ...


class Lender(Protocol):
    """Whoever has the credentials with which a role is assumed."""

    async def get(self, region: str) -> Credentials | Answer:
        """Return credentials, or the answer that says why there are none."""
        ...

    def expired(self, credentials: Credentials) -> None:
        """Take it that a service has refused these credentials as expired."""
        ...


class FoundSource:
    """The caller's own credentials, or a profile's.

    Args:
        identity: for messages.
        keys: where they are found.
        sts: says whose they are, once, and again when they have changed.
    """

    def __init__(self, identity: Identity, keys: KeySource, sts: Sts) -> None:
        self._identity = identity
        self._keys = keys
        self._sts = sts
        self._latest: Credentials | None = None

    async def obtain(self, region: str) -> Credentials | Refusal:
        """Find keys and, if they are new, ask whose they are."""
        keys = await self._keys.keys(region)
        if isinstance(keys, Answer):
            return Refusal(keys)
        latest = self._latest
        if latest is not None and latest.keys.access_key_id == keys.access_key_id:
            self._latest = replace(latest, keys=keys)
            return self._latest
        return await self._identify(keys, region)

    async def _identify(self, keys: StaticCredentials, region: str) -> Credentials | Refusal:
        caller = await self._sts.caller(keys, region)
        if isinstance(caller, Caller):
            self._latest = Credentials(keys, caller)
            return self._latest
        self._keys.restart()
        return _refusal(caller, f"the account of {self._identity} is not known")

    def ages(self, credentials: Credentials) -> bool:  # noqa: ARG002  # the keys know it alone
        """Say whether the keys are near their end."""
        return self._keys.ages()

    def restart(self) -> None:
        """Look for keys again, and ask again whose they are, even if they look the same."""
        self._latest = None
        self._keys.restart()


class RoleSource:
    """A role, assumed with somebody's credentials.

    Args:
        identity: with a `role_arn`.
        lender: whose credentials assume it.
        sts: where.
    """

    def __init__(self, identity: Identity, lender: Lender, sts: Sts) -> None:
        self._identity = identity
        self._lender = lender
        self._sts = sts

    async def obtain(self, region: str) -> Credentials | Refusal:
        """Assume the role; a second time if the lender's credentials turn out to be expired."""
        return await self._assume(region, once_more=True)

    async def _assume(self, region: str, *, once_more: bool) -> Credentials | Refusal:
        lent = await self._lender.get(region)
        if isinstance(lent, Answer):
            return Refusal(lent, _HOLD_PASSING)
        outcome = await self._sts.assume(self._identity, lent, region)
        if isinstance(outcome, Credentials):
            return outcome
        if outcome.meaning is Meaning.EXPIRED:
            self._lender.expired(lent)
            if once_more:
                return await self._assume(region, once_more=False)
        if outcome.error_code == "AccessDenied":
            return self._denied(outcome, lent.caller)
        return _refusal(outcome, f"{self._identity} cannot be assumed")

    def _denied(self, answer: Answer, caller: Caller) -> Refusal:
        external_id = "" if self._identity.external_id is None else " with this external id"
        message = (
            f"{caller.arn} may not assume {self._identity}: it needs {_actions(self._identity)} on "
            f"that role, and the role's trust policy has to let it in{external_id}"
        )
        code = answer.error_code
        if is_denied_by_scp(answer):
            code, message = DENIED_BY_SCP, f"a service control policy denies: {answer.message}"
        refused = replace(answer, meaning=Meaning.NO_IDENTITY, error_code=code, message=message)
        return Refusal(refused)

    def ages(self, credentials: Credentials) -> bool:
        """Say whether the session of the role is near its end."""
        return credentials.renew_at is not None and anyio.current_time() >= credentials.renew_at

    def restart(self) -> None:
        """Every session is a new one anyway."""


def _actions(identity: Identity) -> str:
    actions = ["sts:AssumeRole"]
    if identity.session.tags:
        actions.append("sts:TagSession")
    if identity.session.source_identity is not None:
        actions.append("sts:SetSourceIdentity")
    return " and ".join(actions)


def _refusal(answer: Answer, what: str) -> Refusal:
    # What may pass is tried again like any call that could not be made.
    meaning = Meaning.UNSENT if answer.meaning in PASSING else Meaning.NO_IDENTITY
    message = f"{what}: {answer.error_code}: {answer.message}"
    hold = _HOLD_PASSING if answer.meaning in PASSING else _HOLD
    return Refusal(replace(answer, meaning=meaning, message=message), hold)
