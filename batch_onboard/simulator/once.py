"""What is asked for once, however many want to know: as the adapter for AWS asks STS and KMS."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

from batch_onboard.core.calls import Answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Mapping

    from batch_onboard.core.calls import Meaning

KeyT = TypeVar("KeyT", bound="Hashable")
ValueT = TypeVar("ValueT")


class Once(Generic[KeyT, ValueT]):
    """Keeps what was told, and for a while also why it was not.

    Args:
        holds: for how many seconds a refusal of a meaning holds; those of others don't.
    """

    def __init__(self, holds: Mapping[Meaning, float]) -> None:
        self._holds = holds
        self._known: dict[KeyT, ValueT] = {}
        self._refusals: dict[tuple[KeyT, str], tuple[float, Answer]] = {}
        self._locks: defaultdict[KeyT, anyio.Lock] = defaultdict(anyio.Lock)

    async def get(
        self, key: KeyT, place: str, ask: Callable[[], Awaitable[ValueT | Answer]]
    ) -> ValueT | Answer:
        """Return what is known of a key, else ask, while all others who want it wait.

        Args:
            key: what is wanted.
            place: where it is asked for. A refusal counts there only.
            ask: makes the call.
        """
        if key in self._known:
            return self._known[key]
        async with self._locks[key]:
            if key in self._known:
                return self._known[key]
            until, refusal = self._refusals.get((key, place), (0.0, None))
            if refusal is not None and anyio.current_time() < until:
                return refusal
            return self._keep(key, place, await ask())

    def _keep(self, key: KeyT, place: str, told: ValueT | Answer) -> ValueT | Answer:
        if isinstance(told, Answer):
            until = anyio.current_time() + self._holds.get(told.meaning, 0.0)
            self._refusals[key, place] = until, told
        else:
            self._known[key] = told
        return told
