"""What botocore does at each call although nothing here needs it, left out by its own hooks.

It is a twentieth of what a call costs: with tens of thousands of accounts, seconds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore import handlers

if TYPE_CHECKING:
    from aiobotocore.client import AioBaseClient
    from aiobotocore.session import AioSession

_NOT_NEEDED: tuple[tuple[str, Any], ...] = (
    # No operation here has a member that is an idempotency token.
    ("before-parameter-build", handlers.generate_idempotent_uuid),
    # Nor is one of endpoint discovery.
    ("before-call", handlers.inject_api_version_header_if_needed),
    # It says which try this is; ours is always the first, and the user agent says whose call it is.
    ("request-created", handlers.add_retry_headers),
)
_PORTS = {"http": 80, "https": 443}


def lean(session: AioSession) -> None:
    """Leave out what the clients that this session makes don't need."""
    for event, handler in _NOT_NEEDED:
        session.unregister(event, handler)


def lean_client(client: AioBaseClient) -> None:
    """Leave out what only a client that retries needs, and name the host once for signing."""
    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.unregister(f"needs-retry.{service}", unique_id=f"retry-config-{service}")
    client.meta.events.register("before-call", _name_host)


def _name_host(params: dict[str, Any], **_: Any) -> None:
    """Set the header that botocore would derive from the URL again for each signature."""
    url = params["url"]
    params["headers"]["Host"] = _host(url[: url.find("/", 8)])


@lru_cache(maxsize=1024)
def _host(origin: str) -> str:
    """Return a URL's host, with its port unless that is the scheme's own."""
    parts = urlsplit(origin)
    host = parts.netloc.rpartition("@")[2].lower()
    return host.removesuffix(f":{_PORTS.get(parts.scheme)}")
