"""HTTP beneath botocore: a request is sent once, to the host it was meant for, or not at all.

aiobotocore's own session has two habits that are fatal here. aiohttp takes PUT and DELETE for
idempotent and sends them again when a connection drops (`aiohttp/client.py`): a second, blind
Start. And redirects are followed, session token included. Both are decided inside aiohttp, above
its client middlewares, so a middleware can forbid them. Neither setting exists in botocore.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import aiohttp
from aiobotocore.httpsession import AIOHTTPSession
from botocore.exceptions import BotoCoreError

from batch_onboard.service.endpoints import plain_http_problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack
    from types import TracebackType

    from requests.models import Request, Response

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REGION_HEADER = "x-amz-bucket-region"
_CHANGING = frozenset({"PUT", "DELETE"})
"""How operations that change something are sent: Start and Delete of both service versions."""


class NotSentError(Exception):
    """Nothing left this machine, for a reason of its own.

    Attributes:
        code: the cause, in the tool's own words.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class LostAnswerError(Exception):
    """The connection failed after it had been made: the request may have arrived."""


class RedirectRefusedError(Exception):
    """The answer was a redirect. Where it leads was not asked."""


async def send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Pass a request on, and turn what aiohttp would answer with a second one into an error.

    It is a client middleware of aiohttp. Its errors are none of aiohttp's own, which is why
    aiohttp neither retries them nor follows them.

    Raises:
        LostAnswerError: the connection failed after it had been made.
        RedirectRefusedError: the answer is a redirect.
    """
    try:
        response = await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError):
        raise  # these tell apart what was sent from what was not, and are never retried
    except (aiohttp.ClientConnectionError, OSError) as error:
        raise LostAnswerError(str(error) or type(error).__name__) from error
    if response.status in _REDIRECTS and not _names_region(response):
        host = urlsplit(response.headers.get("Location", "")).hostname
        response.close()
        raise RedirectRefusedError(
            f"{request.url.host} answered with a redirect ({response.status}) to "
            f"{host or 'nowhere'}, which is never followed"
        )
    return response


def _names_region(response: aiohttp.ClientResponse) -> bool:
    """Say whether S3 tells in which Region a bucket is, and leads nowhere.

    aiohttp can't follow that; botocore asks S3 once more, there, with a signature for there.
    """
    headers = response.headers
    return _REGION_HEADER in headers and not ("Location" in headers or "URI" in headers)


class OneShotSession(AIOHTTPSession):
    """aiobotocore's HTTP session, with the middleware above and without cookies."""

    # What the base class keeps, and its type stubs leave out.
    _sessions: dict[str | None, aiohttp.ClientSession]
    _exit_stack: AsyncExitStack
    _timeout: aiohttp.ClientTimeout
    _proxy_config: Any
    _create_connector: Callable[[str | None], aiohttp.TCPConnector]

    async def send(self, request: Request) -> Response:
        """Send a request, unless it would travel in the clear.

        Raises:
            BotoCoreError: as the base class does. One that carries an error of this module has it
                in `kwargs["error"]`.
        """
        url = str(request.url)
        if url.startswith("http:"):
            self._refuse_exposure(url)
        return await super().send(request)

    def _refuse_exposure(self, url: str) -> None:
        proxied = self._proxy_config.proxy_url_for(url) is not None
        if (problem := plain_http_problem(url, proxied=proxied)) is not None:
            raise NotSentError("plain_http", problem)

    async def _get_session(self, proxy_url: str | None) -> aiohttp.ClientSession:
        if (session := self._sessions.get(proxy_url)) is None:
            session = aiohttp.ClientSession(
                connector=self._open_connector(proxy_url),
                timeout=self._timeout,
                skip_auto_headers={"Content-Type"},
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                middlewares=(send_once,),
            )
            self._sessions[proxy_url] = await self._exit_stack.enter_async_context(session)
        return session

    def _open_connector(self, proxy_url: str | None) -> aiohttp.TCPConnector:
        try:
            return self._create_connector(proxy_url)
        except (OSError, BotoCoreError) as error:
            raise NotSentError(
                "tls",
                f"the certificates to trust cannot be loaded ({error}): "
                "look at AWS_CA_BUNDLE and ca_bundle in the AWS config",
            ) from error


class _SharedSession(OneShotSession):
    """A session of many clients, none of which closes it."""

    may_change: Callable[[], bool]

    async def send(self, request: Request) -> Response:
        """Send a request, unless it would change something and may not any more.

        This is the last moment at which that can be asked: a process may have been frozen between
        the intent and here, and another have taken over.

        Raises:
            BotoCoreError: as the base class does.
        """
        if request.method in _CHANGING and not self.may_change():
            raise NotSentError(
                "ledger_not_held",
                "nothing was written to the ledger for too long, so another run may hold it",
            )
        return await super().send(request)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Leave it open: another client may be using it."""

    async def __aenter__(self) -> Self:
        return self

    async def shut(self) -> None:
        """Close all connections."""
        self._sessions.clear()
        await self._exit_stack.aclose()


class Transport:
    """The connections that all clients of a run share: one pool for each way out.

    Args:
        may_change: says whether a request that changes something may leave.
    """

    def __init__(self, may_change: Callable[[], bool]) -> None:
        self._may_change = may_change
        self._pools: dict[tuple[object, ...], _SharedSession] = {}

    def session(self, **settings: Any) -> AIOHTTPSession:
        """Return the session for these settings; botocore's client factory calls this.

        Clients differ in their proxies, since NO_PROXY is about hosts; all else is alike.
        """
        proxies = settings["proxies"] or {}
        way_out = (settings["verify"], *sorted(proxies.items()))
        if way_out not in self._pools:
            pool = self._pools[way_out] = _SharedSession(**settings)
            pool.may_change = self._may_change
        return self._pools[way_out]

    async def close(self) -> None:
        """Close all connections of all pools."""
        for pool in self._pools.values():
            await pool.shut()
