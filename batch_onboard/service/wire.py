"""One call of one client, signed with given keys: a parsed result, or the answer to its failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from botocore import xform_name

from batch_onboard.service.credentials import signing_with
from batch_onboard.service.failures import answer_to_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiobotocore.client import AioBaseClient

    from batch_onboard.core.calls import Answer
    from batch_onboard.service.settings import StaticCredentials


async def call(
    client: AioBaseClient,
    operation: str,
    hand_out: Callable[[], StaticCredentials],
    **parameters: Any,
) -> Mapping[str, Any] | Answer:
    """Make one call, and let nothing but cancellation out.

    Args:
        client: of the service and the Region.
        operation: its name in the service model.
        hand_out: returns the keys at the moment of signing.
        parameters: of the operation, named as in the service model.
    """
    method = getattr(client, xform_name(operation))
    with signing_with(hand_out):
        try:
            return cast("Mapping[str, Any]", await method(**parameters))
        except Exception as error:  # noqa: BLE001  # translated, not hidden; botocore's parsers
            return answer_to_error(error)  # raise without bounds on a body outside the model
