"""Keys from where botocore finds them: environment, config file, SSO, a program, metadata.

Everything that can go wrong there becomes a sentence that says what to do. No text from a
credential provider is passed on: what a program writes to its stderr may be a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import anyio
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from batch_onboard.core.calls import Answer, Meaning
from batch_onboard.service.failures import words
from batch_onboard.service.providers import MfaNeededError, Programs, tame
from batch_onboard.service.session import open_chain_session
from batch_onboard.service.settings import StaticCredentials
from batch_onboard.service.transport import NotSentError

if TYPE_CHECKING:
    from aiobotocore.credentials import AioCredentials, AioRefreshableCredentials

_MARGIN = 300
"""Seconds before their end at which credentials are renewed."""
_PAUSE = 30.0
"""Seconds between two renewals: a program may keep handing out credentials near their end."""


class KeySource(Protocol):
    """Where the keys of an identity that is no role come from."""

    async def keys(self, region: str) -> StaticCredentials | Answer:
        """Return keys that are not about to expire, or the answer that says why there are none."""
        ...

    def ages(self) -> bool:
        """Say whether the keys last returned should be replaced."""
        ...

    def restart(self) -> None:
        """Forget everything: the service has refused the keys as expired."""
        ...


class StaticKeys:
    """Keys that are given, and stay."""

    def __init__(self, keys: StaticCredentials) -> None:
        self._keys = keys

    async def keys(self, region: str) -> StaticCredentials:  # noqa: ARG002  # the protocol's
        """Return them."""
        return self._keys

    def ages(self) -> bool:
        """They do not."""
        return False

    def restart(self) -> None:
        """There is nothing to forget."""


class ChainKeys:
    """Keys as botocore's chain finds and refreshes them.

    Args:
        profile: of the AWS config; None for what the environment says.
        timeout: seconds that the chain may take, programs and metadata services included.
    """

    def __init__(self, profile: str | None, timeout: float) -> None:
        self._profile = profile
        self._timeout = timeout
        self._label = profile or "default"
        self._found: AioCredentials | AioRefreshableCredentials | None = None
        self._rest_until = 0.0
        self._programs = Programs()

    async def keys(self, region: str) -> StaticCredentials | Answer:
        """Return keys that are not about to expire, or the answer that says why there are none."""
        try:
            with anyio.fail_after(self._timeout):
                return await self._load(region)
        except Exception as error:  # noqa: BLE001  # a provider runs programs and parses files:
            self.restart()  # what it raises has no bounds, and all of it means 'no keys'
            code, message = _explain(error, self._label)
            return Answer(Meaning.NO_IDENTITY, error_code=code, message=message)
        finally:
            await self._programs.end()

    async def _load(self, region: str) -> StaticCredentials | Answer:
        if self._found is None:
            session = open_chain_session(self._profile, region)
            self._label = session.profile or self._label
            tame(session, self._programs)
            self._found = await session.get_credentials()
        frozen = await self._found.get_frozen_credentials() if self._found else None
        if frozen is None or not frozen.access_key or not frozen.secret_key:
            return Answer(Meaning.NO_IDENTITY, error_code="no_credentials", message=_NOTHING_FOUND)
        self._rest_until = anyio.current_time() + _PAUSE
        return StaticCredentials(frozen.access_key, frozen.secret_key, frozen.token)

    def ages(self) -> bool:
        """Say whether the keys last returned should be replaced."""
        if self._found is None:
            return True
        return (
            isinstance(self._found, RefreshableCredentials)
            and self._found.refresh_needed(_MARGIN)
            and anyio.current_time() >= self._rest_until
        )

    def restart(self) -> None:
        """Forget everything: the next keys come from a new pass through the chain."""
        self._found = None


_NOTHING_FOUND = (
    "no AWS credentials were found: set AWS_PROFILE or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, or run `aws configure`"
)


def _explain(error: Exception, profile: str) -> tuple[str, str]:
    code = "credentials_unreadable"
    match error:
        case ProfileNotFound():
            code = "profile_not_found"
            message = (
                f"{error}: `aws configure list-profiles` shows those that exist; "
                "AWS_CONFIG_FILE says where they are looked for"
            )
        case SSOError() | TokenRetrievalError():
            code = "sso_expired"
            message = (
                f"the SSO session of profile {profile} has expired or was never opened: "
                f"run `aws sso login --profile {profile}`"
            )
        case MfaNeededError():
            code = "mfa_needed"
            message = (
                f"profile {error} asks for an MFA code (mfa_serial), and a run asks nobody: use a "
                "profile of SSO, or one with temporary credentials that were had with the code"
            )
        case CredentialRetrievalError():
            code = "credential_provider"
            message = (
                f"the credential provider {error.kwargs['provider']!r} of profile {profile} "
                "failed: run it by hand to see why"
            )
        case ClientError():
            code = str(error.response.get("Error", {}).get("Code"))
            message = f"AWS refused to give credentials to profile {profile}: {words(error)}"
        case TimeoutError():
            code = "timeout"
            message = f"the credentials of profile {profile} did not come in time"
        case BotoCoreError() | NotSentError():
            message = f"no credentials for profile {profile}: {words(error)}"
        case _:
            message = (
                f"the credentials of profile {profile} cannot be read "
                f"({type(error).__name__}): look at its entry in the AWS config"
            )
    return code, message
