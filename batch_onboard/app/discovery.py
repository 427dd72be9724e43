"""One discovery: accounts times Regions times ListInstances, to an inventory."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from batch_onboard.app.access import open_world
from batch_onboard.core.adaptive import AdaptiveLimiter
from batch_onboard.core.allowance import ACCOUNTS, ROLES, Allowance
from batch_onboard.core.calls import Answer, Meaning
from batch_onboard.core.catalogue import ACTIVE, Account
from batch_onboard.core.estimate import Learned
from batch_onboard.core.targets import Domain, Identity, TargetKey
from batch_onboard.discovery.inventory import Inventory
from batch_onboard.discovery.organization import ListingError, Organization
from batch_onboard.discovery.paced import STOPPED, Paced
from batch_onboard.discovery.search import Errand, Search

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from batch_onboard.core.limiter import Limiter
    from batch_onboard.core.redaction import Secrets
    from batch_onboard.discovery.state import State
    from batch_onboard.service.credentials import Caller
    from batch_onboard.service.directory import AwsDirectory
    from batch_onboard.simulator.scenario import Scenario

_ORGANIZATIONS = Learned(rate=8.0, burst=12.0, confidence=0.5)
"""ListAccounts: 8 a second, burst 12 (AWS documentation, quotas of Organizations); the others of
its operations are taken to be alike until they refuse."""
_BARRED = {ACCOUNTS: "account_not_allowed", ROLES: "role_not_allowed"}
"""The tool's own codes for what the operator's lists leave out."""


class DiscoveryError(Exception):
    """Nothing can be found out. `str()` says why, and what to do."""


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    """What the operator asked for.

    Attributes:
        regions: where to look.
        secrets: is told of what must not be shown.
        organization: the accounts are those of the caller's organization.
        units: of these, those under some organizational units.
        tags: of these, those with all of some tags.
        listed: the accounts, where a file names them.
        role_arn: a template with `{account_id}`; None: the caller's own credentials.
        external_id: for AssumeRole.
        known: the targets of the manifest to compare with; None: with none.
        concurrency: calls in flight.
        call_timeout: seconds that one call may take.
        allowance: which accounts and roles the operator allows; all others are not covered.
        scenario: look at a simulator of its own that plays it; None: at AWS.
    """

    regions: tuple[str, ...]
    secrets: Secrets
    organization: bool = False
    units: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    listed: tuple[Account, ...] | None = None
    role_arn: str | None = None
    external_id: str | None = None
    known: frozenset[TargetKey] | None = None
    concurrency: int = 128
    call_timeout: float = 20.0
    allowance: Allowance = field(default_factory=Allowance)
    scenario: Scenario | None = None


class Discovery:
    """Finds out what exists.

    Attributes:
        total: pairs of account and Region, once that is known.
        caller: who asks, once that is known.
    """

    def __init__(self, settings: DiscoverySettings, state: State, run_id: str) -> None:
        self.total = 0
        self.caller: Caller | None = None
        self._settings = settings
        self._state = state
        self._run_id = run_id
        self._paced = Paced(settings.concurrency, random.random)
        self._search: Search | None = None
        self._scope: anyio.CancelScope | None = None
        settings.secrets.learn(settings.external_id)

    @property
    def read(self) -> int:
        """How many pairs are known, from earlier runs too."""
        return len(self._state.covered)

    @property
    def calls(self) -> int:
        """How many calls were made."""
        return self._paced.calls

    @property
    def throttled(self) -> int:
        """How many of them were throttled."""
        return self._paced.throttled

    @property
    def refused(self) -> int:
        """How many pairs could not be read so far."""
        return len(self._search.refused) if self._search else 0

    def interrupt(self) -> None:
        """Begin no further call; the second time, don't wait for those under way either.

        Before the first pair is asked for there is nothing to be saved, and so to wait for.
        """
        if self._scope is not None and (self._paced.stopping or self._search is None):
            self._scope.cancel()
        self._paced.stop()

    async def run(self) -> Inventory | None:
        """Find out what exists; None if it was interrupted.

        Raises:
            DiscoveryError: nothing can be found out.
            StateError: what was found can't be kept.
            ServiceConfigurationError: the settings in force cannot be used for any call.
            SimulatorError: the simulator can't be served.
        """
        settings = self._settings
        found: Inventory | None = None
        with anyio.CancelScope() as self._scope:
            async with open_world(
                settings.scenario,
                self._run_id,
                call_timeout=settings.call_timeout,
                concurrency=settings.concurrency,
                secrets=settings.secrets,
            ) as directory:
                found = await self._look(directory)
        return None if self._paced.stopping else found

    async def _look(self, directory: AwsDirectory) -> Inventory | None:
        caller = await directory.caller()
        if isinstance(caller, Answer):
            raise DiscoveryError(f"nobody can be asked: {caller.message}")
        self.caller = caller
        try:
            accounts = await self._accounts(directory, caller)
        except ListingError as error:
            if error.answer is STOPPED:
                return None
            raise DiscoveryError(_unlisted(error, caller)) from error
        return await self._read(directory, caller, accounts)

    async def _accounts(self, directory: AwsDirectory, caller: Caller) -> tuple[Account, ...]:
        settings = self._settings
        if settings.listed is not None:
            return settings.listed
        if not settings.organization:
            return (Account(caller.account_id),)
        organization = Organization(directory, self._paced, lambda _: _limiter(_ORGANIZATIONS))
        accounts = await organization.accounts(settings.units, settings.tags)
        if not any(account.state == ACTIVE for account in accounts):
            raise DiscoveryError(
                "no active account of the organization is chosen: check --ou and --tag"
            )
        return tuple(accounts)

    async def _read(
        self, directory: AwsDirectory, caller: Caller, accounts: tuple[Account, ...]
    ) -> Inventory:
        search = self._search = Search(
            directory,
            self._paced,
            _limiter,
            self._state.keep,
            chance=random.random,
            concurrency=self._settings.concurrency,
        )
        active = [account.account_id for account in accounts if account.state == ACTIVE]
        barred = {each: why for each in active if (why := self._barred(each, caller)) is not None}
        search.refused.update((pair, barred[pair.account_id]) for pair in self._pairs(barred))
        allowed = [account_id for account_id in active if account_id not in barred]
        wanted = self._pairs(allowed)
        self.total = len(wanted) + len(search.refused)
        await search.run(self._errands(allowed, caller))
        covered = {pair: found for pair, found in self._state.covered.items() if pair in wanted}
        return Inventory(
            accounts,
            self._settings.regions,
            covered,
            search.refused,
            self._settings.known,
            caller.account_id,
        )

    def _pairs(self, account_ids: Iterable[str]) -> set[Domain]:
        return {Domain(each, region) for each in account_ids for region in self._settings.regions}

    def _barred(self, account_id: str, caller: Caller) -> Answer | None:
        """Say why the operator does not allow an account to be read, or None."""
        identity = self._identity(account_id, caller)
        setting = self._settings.allowance.bars(identity, account_id)
        if setting is None:
            return None
        what = "the account" if setting == ACCOUNTS else str(identity)
        message = f"{setting} does not allow {what}: nothing was sent"
        return Answer(Meaning.NO_IDENTITY, error_code=_BARRED[setting], message=message)

    def _errands(self, account_ids: Iterable[str], caller: Caller) -> Iterator[Errand]:
        """Yield what is still to be read."""
        for account_id in account_ids:
            regions = tuple(
                region
                for region in self._settings.regions
                if Domain(account_id, region) not in self._state.covered
            )
            if regions:
                yield Errand(account_id, self._identity(account_id, caller), regions)

    def _identity(self, account_id: str, caller: Caller) -> Identity:
        settings = self._settings
        if settings.role_arn is None or account_id == caller.account_id:
            return Identity()
        role_arn = settings.role_arn.replace("{account_id}", account_id)
        external_id = settings.external_id
        if external_id is not None:
            external_id = external_id.replace("{account_id}", account_id)
            settings.secrets.learn(external_id)
        return Identity(role_arn=role_arn, external_id=external_id)


def _limiter(prior: Learned | None = None) -> Limiter:
    return AdaptiveLimiter(random.random, prior)


def _unlisted(error: ListingError, caller: Caller) -> str:
    return (
        f"the accounts can't be listed: {error}. {caller.arn} needs organizations:{error.operation}"
        ", in the management account or one that is a delegated administrator; or name the "
        "accounts in a file, with --accounts"
    )
