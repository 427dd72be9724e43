"""The search: every Region of every account is read once, as fast as quotas and outages allow.

Within an account one Region goes ahead until one has let the role in; then all others go at once.
So an account whose role can't be assumed costs one call, and one whose role may not list instances
two: a refusal in a second Region confirms the first. What is known to be about a Region alone, such
as a service control policy or a Region that is not enabled, closes that Region alone.

A Region that is out of order holds nobody up: its accounts are put off, and read when a trial has
been answered. Only what is under way is held in memory, besides what was found.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from batch_onboard.core.breaker import Breaker
from batch_onboard.core.calls import TRANSIENT, Answer, Meaning
from batch_onboard.core.permission import REFUSALS
from batch_onboard.core.targets import Domain
from batch_onboard.discovery.paced import STOPPED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from batch_onboard.core.catalogue import Directory, FoundInstance, Page
    from batch_onboard.core.limiter import Limiter
    from batch_onboard.core.targets import Identity
    from batch_onboard.discovery.paced import Paced

_TRIPS, _ACCOUNTS = 10, 3
"""Failures in a row that put a Region off, and how many accounts they have to be of."""
_CONFIRMED = 2
"""Refusals of one identity, in as many Regions, after which no further Region is asked."""
_WORKERS_A_SLOT = 2
"""Accounts under way for each call in flight: some of them wait, for a limiter or a retry."""


@dataclass(frozen=True, slots=True)
class Errand:
    """An account to be read.

    Attributes:
        account_id: whose instances are wanted.
        identity: whose credentials are used.
        regions: where.
    """

    account_id: str
    identity: Identity
    regions: tuple[str, ...]


class Search:
    """Reads accounts.

    Attributes:
        refused: the pairs that could not be read, and why.
    """

    def __init__(
        self,
        directory: Directory,
        paced: Paced,
        make_limiter: Callable[[], Limiter],
        keep: Callable[[Domain, list[FoundInstance]], None],
        *,
        chance: Callable[[], float],
        concurrency: int,
    ) -> None:
        """Begin.

        Args:
            directory: who is asked.
            paced: makes the calls.
            make_limiter: makes the limiter of ListInstances in one account and Region.
            keep: is told what was found, at once.
            chance: draws a number from 0 up to, not including, 1.
            concurrency: calls in flight.
        """
        self.refused: dict[Domain, Answer] = {}
        self._directory = directory
        self._paced = paced
        self._make_limiter = make_limiter
        self._keep = keep
        self._chance = chance
        self._workers = concurrency * _WORKERS_A_SLOT
        self._breakers: defaultdict[str, Breaker] = defaultdict(
            lambda: Breaker(_TRIPS, sources=_ACCOUNTS)
        )
        self._put_off: dict[str, Errand] = {}

    async def run(self, errands: Iterable[Errand]) -> None:
        """Read accounts, until all were read or it is stopped."""
        waiting = iter(errands)
        while True:
            await self._pass(waiting)
            if not self._put_off or self._paced.stopping:
                return
            waiting = iter(self._put_off.values())
            self._put_off = {}
            open_until = [each.ready_at for each in self._breakers.values() if each.is_open]
            await self._paced.wait(max(0.0, min(open_until, default=0.0) - anyio.current_time()))

    async def _pass(self, waiting: Iterator[Errand]) -> None:
        async def work() -> None:
            for errand in waiting:
                if self._paced.stopping:
                    return
                await self._account(errand)

        async with anyio.create_task_group() as group:
            for _ in range(self._workers):
                group.start_soon(work)

    async def _account(self, errand: Errand) -> None:
        unready = await self._paced.call(
            None, lambda: self._enter(errand.identity, errand.account_id)
        )
        if isinstance(unready, Answer):
            self._refuse(errand, errand.regions, unready)
            return
        regions = deque(errand.regions)
        refusals = 0
        while regions and refusals < _CONFIRMED:
            answer = await self._region(errand, regions.popleft())
            if answer is None:
                break
            refusals += _is_of_identity(answer)
        else:
            self._refuse(errand, regions, self._last_refusal(errand))
            return
        async with anyio.create_task_group() as group:
            for region in regions:
                group.start_soon(self._region, errand, region)

    async def _enter(self, identity: Identity, account_id: str) -> bool | Answer:
        return await self._directory.enter(identity, account_id) or True

    async def _region(self, errand: Errand, region: str) -> Answer | None:
        """Read one Region; return why that was not possible, if it was not."""
        domain = Domain(errand.account_id, region)
        breaker = self._breakers[region]
        if breaker.given_up is not None:
            self.refused[domain] = breaker.given_up
            return breaker.given_up
        if _keeps_out(breaker):
            self._put_it_off(errand, region)
            return STOPPED
        found = await self._paced.pages(
            self._make_limiter(),
            lambda token: self._instances(errand.identity, domain, token),
            lambda: not breaker.is_open,
        )
        if not isinstance(found, Answer):
            self._keep(domain, found)
            return None
        if breaker.is_open and found.meaning in TRANSIENT:
            self._put_it_off(errand, region)
        elif found is not STOPPED:
            self.refused[domain] = found
        return found

    async def _instances(
        self, identity: Identity, domain: Domain, token: str | None
    ) -> Page[FoundInstance] | Answer:
        breaker = self._breakers[domain.region]
        breaker.sent(domain)
        page = await self._directory.instances(identity, domain, token)
        if isinstance(page, Answer) and page.meaning in TRANSIENT:
            now = anyio.current_time()
            breaker.failed(domain, domain.account_id, page, now, self._chance())
        else:
            breaker.worked()
        return page

    def _put_it_off(self, errand: Errand, region: str) -> None:
        account_id = errand.account_id
        known = self._put_off.get(account_id)
        regions = (region,) if known is None else (*known.regions, region)
        self._put_off[account_id] = Errand(account_id, errand.identity, regions)

    def _refuse(self, errand: Errand, regions: Iterable[str], answer: Answer) -> None:
        if answer is STOPPED:
            return
        for region in regions:
            self.refused[Domain(errand.account_id, region)] = answer

    def _last_refusal(self, errand: Errand) -> Answer:
        refused = (
            self.refused.get(Domain(errand.account_id, region), STOPPED)
            for region in errand.regions
        )
        return next((answer for answer in refused if _is_of_identity(answer)), STOPPED)


def _keeps_out(breaker: Breaker) -> bool:
    return breaker.is_open and (breaker.on_trial or anyio.current_time() < breaker.ready_at)


def _is_of_identity(answer: Answer) -> bool:
    """Say whether a refusal is likely to be met in every Region.

    AWS's messages name a policy of the organization that has denied a call (IAM user guide,
    "Access denied error messages"); those are mostly about Regions.
    """
    if answer.meaning is Meaning.CREDENTIALS:  # a Region that is not enabled
        return False
    return answer.meaning in REFUSALS and "service control policy" not in (answer.message or "")
