"""Errors and silence to answers: the one place that knows botocore's and aiohttp's exceptions.

What matters most is whether the request may have arrived. Whatever does not prove the contrary
counts as `UNCLEAR`. Two of botocore's exceptions mislead there: `EndpointConnectionError` also
stands for a connection that broke after sending, and an `HTTPClientError` for anything at all; in
both, the error beneath decides.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)

from batch_onboard.core.calls import Answer, Meaning, meaning_of
from batch_onboard.service.credentials import WrongAccountError
from batch_onboard.service.transport import NotSentError, RedirectRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_WAIT = 300.0
"""Seconds: a service that asks for more is not taken at its word."""
_LONGEST_MESSAGE = 500
"""Characters of a service's words that are kept; an error page can be long."""


def answer_to_error(error: Exception) -> Answer:
    """Say what an exception of a call means.

    Args:
        error: whatever a method of a client raised.
    """
    match error:
        case ClientError():
            return _refusal(error)
        case WrongAccountError():
            return Answer(Meaning.WRONG_ACCOUNT, error_code="wrong_account", message=str(error))
        case ParamValidationError():
            return Answer(Meaning.REJECTED, error_code="invalid_parameters", message=words(error))
        case BotoCoreError():
            return _broken_call(error, error.kwargs.get("error"))
        case NotSentError():
            return Answer(Meaning.UNSENT, error_code=error.code, message=str(error))
        case _:  # botocore's parsers raise all sorts of things on a body outside the model
            return _unclear("unreadable", f"the answer cannot be read ({type(error).__name__})")


def timed_out(seconds: float) -> Answer:
    """Return the answer to a call that had none in time."""
    return _unclear("timeout", f"no answer within {seconds:g} s")


def _broken_call(error: BotoCoreError, beneath: object) -> Answer:
    meaning, code, message = Meaning.UNCLEAR, "connection_lost", words(error, beneath)
    match error, beneath:
        case _, NotSentError():
            meaning, code, message = Meaning.UNSENT, beneath.code, str(beneath)
        case _, RedirectRefusedError():
            code, message = "redirect", str(beneath)
        case SSLError(), _:
            meaning, code = Meaning.UNSENT, "tls"
            message = (
                f"{words(error)}. If a proxy or a server of your own stands there, "
                "name its certificates in AWS_CA_BUNDLE"
            )
        case ProxyConnectionError(), _:
            # What lies beneath may show the proxy's password; botocore has masked it.
            status = getattr(beneath, "status", None)
            message = words(error, status and f"(it answered {status})")
            meaning, code = Meaning.UNSENT, "connection"
        case (ConnectTimeoutError(), _) | (
            EndpointConnectionError(),
            aiohttp.ClientConnectorError(),
        ):
            meaning, code = Meaning.UNSENT, "connection"
        case ReadTimeoutError(), _:
            code = "timeout"
    return Answer(meaning, error_code=code, message=message)


def _unclear(code: str, message: str) -> Answer:
    return Answer(Meaning.UNCLEAR, error_code=code, message=message)


def _refusal(error: ClientError) -> Answer:
    details = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    status = metadata.get("HTTPStatusCode", 0)
    headers = metadata.get("HTTPHeaders", {})
    code = str(details.get("Code") or status)
    return Answer(
        meaning_of(status, code),
        error_code=code,
        message=words(details.get("Message")) or None,
        request_id=metadata.get("RequestId") or headers.get("x-amzn-requestid"),
        retry_after=retry_after(headers),
    )


def words(*texts: object) -> str:
    """Join a service's or a library's words to one line of at most 500 characters."""
    return " ".join(" ".join(str(text) for text in texts if text).split())[:_LONGEST_MESSAGE]


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that an answer asks to wait, at most 300; None if it does not.

    `x-amz-retry-after` gives milliseconds (the AWS SDKs' specification of retries), `Retry-After`
    seconds or a date (RFC 9110, 10.2.3).

    Args:
        headers: of the answer, with names in lower case.
    """
    milliseconds = _number(headers.get("x-amz-retry-after"))
    if milliseconds is not None:
        seconds: float | None = milliseconds / 1000
    else:
        asked = headers.get("retry-after")
        seconds = _number(asked)
        if seconds is None:
            seconds = _seconds_until(asked)
    if seconds is None or not seconds >= 0:  # 'not a number' compares false
        return None
    return min(seconds, _LONGEST_WAIT)


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _seconds_until(date: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(date or "")
    except (ValueError, OverflowError):
        return None
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
