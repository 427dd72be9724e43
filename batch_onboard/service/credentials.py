"""Whose credentials sign a call: given with each call, never kept by a client.

One client serves every account of its Region. What botocore takes for its credentials is a
placeholder that asks a context variable at the moment of signing. The variable has no default: a
call outside `signing_with` is an error, not a call with the credentials of the account before.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiobotocore.credentials import AioCredentials
from botocore.credentials import ReadOnlyCredentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from batch_onboard.core.redaction import Secrets
    from batch_onboard.service.settings import StaticCredentials


class WrongAccountError(Exception):
    """Credentials of one account were about to sign a call to another's. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as GetCallerIdentity says.

    Attributes:
        arn: of the user or the assumed role.
        account_id: the account it belongs to.
    """

    arn: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials of which STS has said whose they are.

    Attributes:
        keys: what signs.
        caller: whose they are.
        renew_at: the loop's time, in seconds, from which newer ones are wanted; None if only
            their source can tell.
    """

    keys: StaticCredentials
    caller: Caller
    renew_at: float | None = None

    def keys_for(self, account_id: str) -> StaticCredentials:
        """Hand the keys out for a call to an account.

        Raises:
            WrongAccountError: they are another account's.
        """
        if self.caller.account_id != account_id:
            raise WrongAccountError(
                f"credentials of account {self.caller.account_id} were about to sign a call to "
                f"account {account_id}: nothing was sent"
            )
        return self.keys


_hand_out: ContextVar[Callable[[], StaticCredentials]] = ContextVar("batch_onboard.hand_out")


@contextmanager
def signing_with(hand_out: Callable[[], StaticCredentials]) -> Iterator[None]:
    """Sign the calls made within this block with the keys that `hand_out` returns."""
    token = _hand_out.set(hand_out)
    try:
        yield
    finally:
        _hand_out.reset(token)


class _PerCallCredentials(AioCredentials):
    """What botocore holds in place of credentials."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__("", "", method="per-call")
        self._secrets = secrets

    async def get_frozen_credentials(  # type: ignore[override]  # a coroutine in aiobotocore, too
        self,
    ) -> ReadOnlyCredentials:
        keys = _hand_out.get()()
        self._secrets.learn(keys.access_key_id, keys.secret_access_key, keys.session_token)
        return ReadOnlyCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token)


class PerCallProvider:
    """The `credential_provider` component of the session that makes the clients.

    Args:
        secrets: is told of all credentials before they sign a call.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    async def load_credentials(self) -> AioCredentials:
        """Return the placeholder."""
        return _PerCallCredentials(self._secrets)
