"""Where plain http may go."""

from __future__ import annotations

import pytest

from batch_onboard.service.endpoints import check_endpoint
from batch_onboard.service.settings import ServiceConfigurationError


@pytest.mark.parametrize(
    "url",
    [
        "https://connect-campaigns.eu-west-2.amazonaws.com",
        "http://127.0.0.1:4566",
        "http://127.9.9.9",
        "http://[::1]:80/",
        "http://localhost:4566",
        "HTTP://LOCALHOST",
    ],
)
def test_tls_and_loopback_are_accepted(url: str) -> None:
    """Https goes anywhere, plain http stays on this machine."""
    check_endpoint(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://aws.example",
        "http://10.0.0.1",
        "http://127.0.0.1@aws.example/",
        "http://user:hunter2@aws.example/",
        "http://127.0.0.1.aws.example",
        "http://localhost.example",
        "http://0177.0.0.1",
        "ftp://127.0.0.1.example",
        "http://",
        "",
    ],
)
def test_all_else_is_refused(url: str) -> None:
    """Names that only look like loopback are refused, without repeating a password."""
    with pytest.raises(ServiceConfigurationError, match="https URL") as refused:
        check_endpoint(url)
    assert "hunter2" not in str(refused.value)
