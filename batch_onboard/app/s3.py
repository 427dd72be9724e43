"""The way to S3, for all that is kept there: ledgers and manifests."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from batch_onboard.ledger.errors import PassingError
from batch_onboard.service.settings import ServiceSettings
from batch_onboard.versions import tool_version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from batch_onboard.core.redaction import Secrets
    from batch_onboard.service.objects import Objects

CALL_TIMEOUT = 20.0
_AT_ONCE = 32


def reached(
    secrets: Secrets, purpose: str, call_timeout: float = CALL_TIMEOUT
) -> AbstractContextManager[Objects]:
    """Open the way to S3, with the caller's own credentials.

    Args:
        secrets: is told of them.
        purpose: what for; CloudTrail shows it in the user agent.
        call_timeout: seconds for one call.
    """
    from batch_onboard.service.objects import open_objects  # noqa: PLC0415 - aioboto3 is slow

    return open_objects(
        ServiceSettings(
            user_agent_extra=f"batch-onboard/{tool_version()} {purpose}",
            session_name=f"bo-{purpose}",
            call_timeout=call_timeout,
            connections=_AT_ONCE,
            secrets=secrets,
        )
    )


@contextmanager
def told_as_os_error() -> Iterator[None]:
    """Turn what S3 says into what is expected of any store: `PassingError`, or `OSError`."""
    from batch_onboard.service.objects import ObjectsError  # noqa: PLC0415 - as above

    try:
        yield
    except ObjectsError as error:
        raise (PassingError if error.passing else OSError)(str(error)) from error
