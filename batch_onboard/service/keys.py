"""The keys behind aliases: each is asked for once for each identity, with kms:DescribeKey.

An alias may be pointed at another key at any time, so what the service is told, what the ledger
records and what a live config is compared with is the key's own ARN. A key that cannot be found out
is never taken for another one: its targets wait for a person.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from batch_onboard.core.calls import Answer, Meaning
from batch_onboard.service.failures import timed_out
from batch_onboard.service.sts import PASSING
from batch_onboard.service.wire import call

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.core.targets import Identity
    from batch_onboard.service.session import Clients
    from batch_onboard.service.settings import StaticCredentials

_HOLD = 60.0
"""Seconds: a person needs longer to grant a permission, and thousands may share the alias."""
_ASIDE = frozenset({Meaning.EXPIRED, Meaning.CREDENTIALS})
"""Meanings that are about credentials, whatever was asked with them."""


class Keys:
    """The keys that aliases name, as far as they were asked for in this run.

    Args:
        clients: where those of KMS come from.
        timeout: seconds that one call may take.
    """

    def __init__(self, clients: Clients, timeout: float) -> None:
        self._clients = clients
        self._timeout = timeout
        self._locks: defaultdict[tuple[Identity, str], anyio.Lock] = defaultdict(anyio.Lock)
        self._known: dict[tuple[Identity, str], str] = {}
        self._refused: dict[tuple[Identity, str], tuple[float, Answer]] = {}

    async def behind(
        self, alias: str, identity: Identity, hand_out: Callable[[], StaticCredentials]
    ) -> str | Answer:
        """Return the ARN of the key that an alias names, or the answer that says why it is unknown.

        Args:
            alias: its ARN.
            identity: who asks; what it is not allowed to see, another may.
            hand_out: returns its keys at the moment of signing.
        """
        asked = identity, alias
        async with self._locks[asked]:
            if (key_arn := self._known.get(asked)) is not None:
                return key_arn
            until, refusal = self._refused.get(asked, (0.0, None))
            if refusal is not None and anyio.current_time() < until:
                return refusal
            found = await self._ask(alias, hand_out)
            if not isinstance(found, Answer):
                self._known[asked] = found
                return found
            answer = _explained(found, identity, alias)
            if answer.meaning is Meaning.NO_KEY:
                self._refused[asked] = anyio.current_time() + _HOLD, answer
            return answer

    async def _ask(self, alias: str, hand_out: Callable[[], StaticCredentials]) -> str | Answer:
        client = await self._clients.get("kms", alias.split(":")[3])
        with anyio.move_on_after(self._timeout):
            result = await call(client, "DescribeKey", hand_out, KeyId=alias)
            if isinstance(result, Answer):
                return result
            key_arn = str(result.get("KeyMetadata", {}).get("Arn"))
            # An alias and its key are of one account and Region (KMS developer guide).
            if key_arn.startswith(alias.partition(":alias/")[0] + ":key/"):
                return key_arn
            return Answer(Meaning.UNCLEAR, error_code="unreadable", message="KMS names no key")
        return timed_out(self._timeout)


def _explained(answer: Answer, identity: Identity, alias: str) -> Answer:
    if answer.meaning in _ASIDE:
        return answer
    said = f"{answer.error_code}: {answer.message}"
    if answer.meaning in PASSING:
        message = f"the key behind {alias} is not known for now: {said}"
        return replace(answer, meaning=Meaning.UNSENT, message=message)
    if answer.meaning is Meaning.DENIED:
        code, message = (
            "key_denied",
            (
                f"{identity} needs kms:DescribeKey on the key behind {alias}, and the key's policy "
                f"has to let it: {said}"
            ),
        )
    elif answer.error_code == "NotFoundException":
        code, message = "key_not_found", f"there is no {alias}, or it names no key: {said}"
    else:
        code, message = "key_not_told", f"KMS does not tell the key behind {alias}: {said}"
    return replace(answer, meaning=Meaning.NO_KEY, error_code=code, message=message)
