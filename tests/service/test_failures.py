"""What retries are asked for, and which words are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)
from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.core.calls import Meaning
from batch_onboard.service.credentials import WrongAccountError
from batch_onboard.service.failures import answer_to_error, retry_after, words


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "99999"}, 300.0),
        ({"retry-after": "inf"}, 300.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({"retry-after": f"Wed, 21 Oct {'9' * 30} 07:28:00 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT"}, 300.0),
        ({"x-amz-retry-after": "1500"}, 1.5),
        ({"x-amz-retry-after": "1500", "retry-after": "9"}, 1.5),
        ({"x-amz-retry-after": "junk", "retry-after": "9"}, 9.0),
    ],
)
def test_retry_after_is_read_in_seconds(headers: dict[str, str], seconds: float | None) -> None:
    """Both headers are read, capped at 300 s, and ignored where they make no sense."""
    assert retry_after(headers) == seconds


def test_a_date_is_a_wait_from_now() -> None:
    """A date a minute away asks for about a minute, with or without a zone."""
    soon = datetime.now(UTC) + timedelta(seconds=60)
    for date in (format_datetime(soon, usegmt=True), format_datetime(soon.replace(tzinfo=None))):
        assert 50 < (retry_after({"retry-after": date}) or 0) <= 60


@given(st.text())
def test_no_retry_after_is_out_of_bounds(text: str) -> None:
    """Whatever a header says, the wait is from 0 to 300 s, or none."""
    for name in ("retry-after", "x-amz-retry-after"):
        seconds = retry_after({name: text})
        assert seconds is None or 0 <= seconds <= 300


@given(st.lists(st.one_of(st.text(), st.none(), st.integers())))
def test_words_are_one_short_line(texts: list[object]) -> None:
    """Whatever a service says is kept as one line of at most 500 characters."""
    kept = words(*texts)
    assert len(kept) <= 500
    assert len(kept.splitlines()) <= 1


def test_an_error_without_details_is_unclear() -> None:
    """An error answer without a status or a code proves nothing."""
    answer = answer_to_error(ClientError({}, "StartInstanceOnboardingJob"))
    assert (answer.meaning, answer.message) == (Meaning.UNCLEAR, None)


@pytest.mark.parametrize(
    ("error", "meaning", "code"),
    [
        (ParamValidationError(report="bad id"), Meaning.REJECTED, "invalid_parameters"),
        (WrongAccountError("of 1, for 2"), Meaning.WRONG_ACCOUNT, "wrong_account"),
        (ConnectTimeoutError(endpoint_url="u", error="e"), Meaning.UNSENT, "connection"),
        (
            EndpointConnectionError(endpoint_url="u", error=ConnectionResetError(104, "reset")),
            Meaning.UNCLEAR,
            "connection_lost",
        ),
        (ReadTimeoutError(endpoint_url="u", error="e"), Meaning.UNCLEAR, "timeout"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), Meaning.UNCLEAR, "unreadable"),
    ],
)
def test_only_proof_makes_a_failure_certain(error: Exception, meaning: Meaning, code: str) -> None:
    """Only what proves that nothing was sent, or that one target is at fault, says so."""
    answer = answer_to_error(error)
    assert (answer.meaning, answer.error_code) == (meaning, code)
    assert answer.message
