"""Credentials for every target: had once for each identity, checked for each account.

Those of a role that is not needed any more are let go, since a large batch has many accounts.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice
from typing import TYPE_CHECKING

import anyio

from batch_onboard.core.calls import Answer, Meaning
from batch_onboard.core.targets import Identity
from batch_onboard.service.chain import ChainKeys, StaticKeys
from batch_onboard.service.sources import FoundSource, Refusal, RoleSource

if TYPE_CHECKING:
    from batch_onboard.core.targets import Target
    from batch_onboard.service.chain import KeySource
    from batch_onboard.service.credentials import Credentials
    from batch_onboard.service.settings import ServiceSettings
    from batch_onboard.service.sources import Source
    from batch_onboard.service.sts import Sts


_IDLE = 1200.0
"""Seconds after which a role's credentials are let go that nobody has asked for: several times as
long as the pause between two questions about one job."""


class Holder:
    """One identity's credentials: obtained by one, for all who ask, and again as they age.

    While one renews them the others go on with those at hand; if that fails they are kept, and
    the service has the last word on whether they still do.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = anyio.Lock()
        self._current: Credentials | None = None
        self._refusals: dict[str, tuple[float, Answer]] = {}
        self._used_at = anyio.current_time()

    @property
    def idle(self) -> bool:
        """Nobody has asked for them for long."""
        return anyio.current_time() - self._used_at > _IDLE

    async def get(self, region: str) -> Credentials | Answer:
        """Return credentials, or the answer that says why there are none.

        Args:
            region: whose STS is asked if need be. A refusal counts for this Region only.
        """
        self._used_at = anyio.current_time()
        if self._current is not None and self._lock.locked():
            return self._current
        if (held := self._held(region)) is not None:
            return held
        async with self._lock:
            if (held := self._held(region)) is not None:
                return held
            return self._keep(await self._source.obtain(region), region)

    def expired(self, credentials: Credentials) -> None:
        """Drop credentials that a service has refused as expired; once, however many report it."""
        if self._current is credentials:
            self._current = None
            self._source.restart()

    def _held(self, region: str) -> Credentials | Answer | None:
        if self._current is not None and not self._source.ages(self._current):
            return self._current
        until, answer = self._refusals.get(region, (0.0, None))
        if anyio.current_time() < until:
            return self._current or answer
        return None

    def _keep(self, outcome: Credentials | Refusal, region: str) -> Credentials | Answer:
        if isinstance(outcome, Refusal):
            self._refusals[region] = (anyio.current_time() + outcome.hold, outcome.answer)
            return self._current or outcome.answer
        self._current = outcome
        self._refusals.pop(region, None)
        return outcome


class Identities:
    """The credentials of all identities of a run.

    Args:
        settings: the call timeout, static credentials and leave to use profiles are used.
        sts: assumes roles, and says whose credentials are.
    """

    def __init__(self, settings: ServiceSettings, sts: Sts) -> None:
        self._settings = settings
        self._sts = sts
        self._holders: OrderedDict[Identity, Holder] = OrderedDict()

    async def for_target(self, target: Target) -> Credentials | Answer:
        """Return credentials of the target's account, or the answer that says why there are none.

        The answer is `NO_IDENTITY`, `WRONG_ACCOUNT` or, where STS cannot be reached, `UNSENT`.
        """
        credentials = await self.of(target.identity, target.key.region)
        if isinstance(credentials, Answer):
            return credentials
        if credentials.caller.account_id != target.key.account_id:
            return Answer(
                Meaning.WRONG_ACCOUNT,
                error_code="wrong_account",
                message=f"the target is of account {target.key.account_id}, {target.identity} of "
                f"account {credentials.caller.account_id}: nothing was sent",
            )
        return credentials

    async def of(self, identity: Identity, region: str) -> Credentials | Answer:
        """Return an identity's credentials, of whatever account, or why there are none."""
        if identity.profile is not None and not self._settings.allow_profiles:
            return Answer(
                Meaning.NO_IDENTITY,
                error_code="profiles_not_allowed",
                message=f"profile {identity.profile} is not used: a profile can run programs, "
                "so profiles in a manifest need --allow-profiles",
            )
        return await self._holder(identity).get(region)

    def expired(self, identity: Identity, credentials: Credentials) -> None:
        """Drop credentials that a service has refused as expired."""
        self._holder(identity).expired(credentials)

    def _holder(self, identity: Identity) -> Holder:
        if (holder := self._holders.get(identity)) is None:
            self._let_go()
            holder = self._holders[identity] = Holder(self._source(identity))
        return holder

    def _let_go(self) -> None:
        """Look at the two that were not looked at for longest, and let go what is idle."""
        for identity in list(islice(self._holders, 2)):
            if identity.role_arn is not None and self._holders[identity].idle:
                del self._holders[identity]
            else:
                self._holders.move_to_end(identity)

    def _source(self, identity: Identity) -> Source:
        if identity.role_arn is not None:
            lender = self._holder(Identity(profile=identity.profile))
            return RoleSource(identity, lender, self._sts)
        return FoundSource(identity, self._keys(identity.profile), self._sts)

    def _keys(self, profile: str | None) -> KeySource:
        if self._settings.static_credentials is not None:
            return StaticKeys(self._settings.static_credentials)
        return ChainKeys(profile, self._settings.call_timeout)
