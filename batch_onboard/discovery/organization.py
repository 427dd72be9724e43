"""The accounts of an organization: its tree walked from the roots, or from some units, down."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import anyio

from batch_onboard.core.calls import Answer
from batch_onboard.core.catalogue import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from batch_onboard.core.catalogue import Account, Directory, Page, Unit
    from batch_onboard.core.limiter import Limiter
    from batch_onboard.discovery.paced import Paced

_ItemT = TypeVar("_ItemT")
_READERS = 8
"""Tags are read for this many accounts at once: the quota of the operation is met by far less."""


class ListingError(Exception):
    """The accounts can't be listed. `answer` says why.

    Attributes:
        operation: which call has failed.
        answer: its last answer.
    """

    def __init__(self, operation: str, answer: Answer) -> None:
        super().__init__(f"organizations:{operation}: {answer.error_code}: {answer.message}")
        self.operation = operation
        self.answer = answer


class Organization:
    """Reads the tree of an organization.

    Args:
        directory: who is asked.
        paced: makes the calls.
        make_limiter: makes the limiter of an operation.
    """

    def __init__(
        self, directory: Directory, paced: Paced, make_limiter: Callable[[str], Limiter]
    ) -> None:
        self._directory = directory
        self._paced = paced
        self._make_limiter = make_limiter
        self._limiters: dict[str, Limiter] = {}

    async def accounts(
        self, units: Sequence[str], tags: Iterable[tuple[str, str]]
    ) -> list[Account]:
        """Return the accounts, each once, in the order of their ids.

        Args:
            units: ids of the units under which to look, at any depth; none: everywhere.
            tags: keys and values that an active account has to have, all of them.

        Raises:
            ListingError: a call was refused, or failed too often.
        """
        found: dict[str, Account] = {}
        pending: deque[tuple[str, str]] = deque(await self._starts(units))
        while pending:
            parent_id, path = pending.popleft()
            for account in await self._accounts(parent_id):
                known = found.get(account.account_id)
                if known is None or len(path) > len(known.ou):
                    found[account.account_id] = replace(account, ou=path)
            pending += [
                (unit.unit_id, f"{path}/{unit.name}" if path else unit.name)
                for unit in await self._units(parent_id)
            ]
        accounts = [found[account_id] for account_id in sorted(found)]
        wanted = frozenset(tags)
        return await self._tagged(accounts, wanted) if wanted else accounts

    async def _starts(self, units: Sequence[str]) -> list[tuple[str, str]]:
        if not units:
            roots = await self._pages("ListRoots", self._directory.roots)
            return [(root.unit_id, "") for root in roots]
        starts = []
        for unit_id in dict.fromkeys(units):
            name = "" if unit_id.startswith("r-") else (await self._unit(unit_id)).name
            starts.append((unit_id, name))
        return starts

    async def _unit(self, unit_id: str) -> Unit:
        operation = "DescribeOrganizationalUnit"
        limiter = self._limiter(operation)
        unit = await self._paced.call(limiter, lambda: self._directory.unit(unit_id))
        if isinstance(unit, Answer):
            raise ListingError(operation, unit)
        return unit

    async def _accounts(self, parent_id: str) -> list[Account]:
        return await self._pages(
            "ListAccountsForParent", lambda token: self._directory.accounts(parent_id, token)
        )

    async def _units(self, parent_id: str) -> list[Unit]:
        return await self._pages(
            "ListOrganizationalUnitsForParent",
            lambda token: self._directory.units(parent_id, token),
        )

    async def _tagged(
        self, accounts: list[Account], wanted: frozenset[tuple[str, str]]
    ) -> list[Account]:
        """Return the accounts that have all tags; those that aren't active aren't asked for any."""
        has: dict[str, bool] = {}
        refusals: list[ListingError] = []
        waiting = iter([each for each in accounts if each.state == ACTIVE])

        async def read() -> None:
            for account in waiting:
                try:
                    has[account.account_id] = wanted <= await self._tags(account.account_id)
                except ListingError as error:  # past the group, which would wrap it
                    refusals.append(error)
                if refusals:
                    return

        async with anyio.create_task_group() as group:
            for _ in range(_READERS):
                group.start_soon(read)
        if refusals:
            raise refusals[0]
        return [each for each in accounts if has.get(each.account_id, each.state != ACTIVE)]

    async def _tags(self, account_id: str) -> set[tuple[str, str]]:
        operation = "ListTagsForResource"
        return set(
            await self._pages(operation, lambda token: self._directory.tags(account_id, token))
        )

    async def _pages(
        self, operation: str, ask: Callable[[str | None], Awaitable[Page[_ItemT] | Answer]]
    ) -> list[_ItemT]:
        items = await self._paced.pages(self._limiter(operation), ask)
        if isinstance(items, Answer):
            raise ListingError(operation, items)
        return items

    def _limiter(self, operation: str) -> Limiter:
        if (limiter := self._limiters.get(operation)) is None:
            limiter = self._limiters[operation] = self._make_limiter(operation)
        return limiter
