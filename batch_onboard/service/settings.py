"""How the service is reached: what the application decides, and no more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from batch_onboard.core.ports import UnusableServiceError
from batch_onboard.core.redaction import Secrets

if TYPE_CHECKING:
    from collections.abc import Callable


class ServiceConfigurationError(UnusableServiceError):
    """The settings in force cannot be used for any call. The text says which, and what to do."""


@dataclass(frozen=True, slots=True, repr=False)
class StaticCredentials:
    """An access key as it is at one moment; nothing here refreshes itself.

    It has no readable `repr`, so that no log and no traceback shows it.

    Attributes:
        access_key_id: what a request names.
        secret_access_key: what it is signed with.
        session_token: of temporary credentials; None for long-lived ones.
    """

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """How the service is reached.

    Attributes:
        user_agent_extra: says who calls, for CloudTrail: `batch-onboard/<version> run/<run id>`.
        session_name: of assumed roles, 2 to 64 characters (STS API reference): `bo-<run id>`.
        call_timeout: seconds that one call may take, all in.
        connections: open at a time, for all clients together; at least as many as calls in
            flight, since waiting for one counts into the call timeout.
        allow_profiles: whether a target may name a profile, which can run programs.
        endpoint_url: of a simulator, in place of every other; plain http on loopback only.
        static_credentials: of a simulator, in place of the environment's. With them, the AWS
            config is not read.
        secrets: is told of all credentials before they sign a call.
        notify: is told, in a sentence, of what was done otherwise than asked for.
        may_change: says, right before a request leaves that changes something, whether it may.
    """

    user_agent_extra: str
    session_name: str
    call_timeout: float = 20.0
    connections: int = 128
    allow_profiles: bool = False
    endpoint_url: str | None = None
    static_credentials: StaticCredentials | None = None
    secrets: Secrets = field(default_factory=Secrets, repr=False)
    notify: Callable[[str], None] = field(default=lambda _: None, repr=False)
    may_change: Callable[[], bool] = field(default=lambda: True, repr=False)
