from __future__ import annotations

import pytest
from botocore.utils import parse_timestamp

from batch_onboard.service.session import _read_time


@pytest.mark.parametrize(
    "told",
    [
        "2030-11-09T13:34:41Z",
        "2030-11-09T13:34:41.123+02:00",
        "Fri, 09 Nov 2030 13:34:41 GMT",
        "1920461681",
        1920461681,
        1920461681.5,
    ],
)
def test_timestamps_are_read_as_botocore_reads_them(told: str | float) -> None:
    """The short way changes no timestamp, of whatever form."""
    expected = parse_timestamp(told)  # type: ignore[arg-type]  # numbers too, its stubs leave out
    assert _read_time(told) == expected


def test_what_is_no_timestamp_is_refused() -> None:
    """Text without a time is an error, as with botocore."""
    with pytest.raises(ValueError, match="soon"):
        _read_time("soon")
