"""Which endpoints may be spoken to without TLS: those on this machine, and no other."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from batch_onboard.service.settings import ServiceConfigurationError


def plain_http_problem(url: str, *, proxied: bool = False) -> str | None:
    """Say why a URL is not to be used, or None if it may be.

    Signed requests carry session tokens, and answers are believed, so plain http has to stay on
    this machine: a loopback host, reached directly.

    Args:
        url: of an endpoint or a request.
        proxied: whether the request would go through a proxy.
    """
    parts = urlsplit(url)
    if parts.scheme == "https":
        return None
    host = parts.hostname or ""
    if not _is_loopback(host):
        return (
            f"the endpoint {parts.scheme}://{host} is not used: plain http is for loopback only. "
            "Give it an https URL, or unset AWS_ENDPOINT_URL, its per-service forms and "
            "endpoint_url in the AWS config"
        )
    if proxied:
        return (
            f"the endpoint http://{host} would be reached through a proxy, without TLS: "
            f"add {host} to NO_PROXY"
        )
    return None


def check_endpoint(url: str) -> None:
    """Accept https, and plain http on loopback.

    Raises:
        ServiceConfigurationError: the URL is neither.
    """
    if (problem := plain_http_problem(url)) is not None:
        raise ServiceConfigurationError(problem)


@lru_cache(maxsize=1024)
def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
