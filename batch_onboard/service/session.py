"""Sessions and clients: the only module that names aioboto3.

Two kinds of sessions exist. One makes all clients, and signs with what `credentials` is given per
call. The others load somebody's own credentials, as botocore's chain does, and make none of ours.
"""

from __future__ import annotations

import logging
import os
import platform
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import aioboto3
import aiobotocore
import anyio
import botocore
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError
from botocore.handlers import add_expect_header
from botocore.loaders import create_loader
from botocore.utils import parse_timestamp

from batch_onboard.core.targets import Api
from batch_onboard.service.credentials import PerCallProvider
from batch_onboard.service.endpoints import check_endpoint
from batch_onboard.service.lean import lean, lean_client
from batch_onboard.service.settings import ServiceConfigurationError
from batch_onboard.service.transport import OneShotSession, Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiobotocore.client import AioBaseClient
    from aiobotocore.httpsession import AIOHTTPSession

    from batch_onboard.service.settings import ServiceSettings

ServiceName: TypeAlias = Literal[
    "connect", "connectcampaigns", "connectcampaignsv2", "kms", "organizations", "s3", "sts"
]
CAMPAIGNS: dict[Api, ServiceName] = {Api.V1: "connectcampaigns", Api.V2: "connectcampaignsv2"}

_LIBRARIES = ("aioboto3", "aiobotocore", "aiohttp", "boto3", "botocore", "urllib3")
_USER_AGENT = (
    f"aiobotocore/{aiobotocore.__version__} botocore/{botocore.__version__} "
    f"lang/python#{platform.python_version()} os/{platform.system().lower()}"
)
_FALLBACK_REGION = "us-east-1"
# One try: the engine owns the retry, and its limiter has to see every throttle.
_ONE_TRY = {"mode": "standard", "total_max_attempts": 1}
# Made for a simulator: nothing of the machine's AWS config takes part.
_WITHOUT_CONFIG = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


class Clients:
    """The clients of one run, each made when it is first asked for, and kept."""

    def __init__(
        self, settings: ServiceSettings, transport: Transport, stack: AsyncExitStack
    ) -> None:
        isolated = settings.static_credentials is not None
        self._botocore_session = AioSession(session_vars=_WITHOUT_CONFIG if isolated else None)
        provider = PerCallProvider(settings.secrets)
        self._botocore_session.register_component("credential_provider", provider)
        parsers = self._botocore_session.get_component("response_parser_factory")
        parsers.set_parser_defaults(timestamp_parser=_read_time)
        lean(self._botocore_session)
        self._config = _client_config(settings, transport)
        self._endpoint_url = settings.endpoint_url
        self._stack = stack
        self._clients: dict[tuple[ServiceName, str], AioBaseClient] = {}
        self._lock = anyio.Lock()

    async def get(self, service: ServiceName, region: str) -> AioBaseClient:
        """Return the client of a service in a Region.

        Raises:
            ServiceConfigurationError: the endpoint in force may not be used, or other settings
                are broken.
        """
        if (client := self._clients.get((service, region))) is not None:
            return client
        async with self._lock:
            if (client := self._clients.get((service, region))) is None:
                client = await self._make(service, region)
                self._clients[service, region] = client
            return client

    def home_region(self) -> str:
        """Return the Region that the settings in force name, for calls that have none."""
        try:
            region = self._botocore_session.get_config_variable("region")
        except BotoCoreError:  # a broken AWS config; who needs credentials of it will hear why
            region = None
        return cast("str", region or _FALLBACK_REGION)

    @cached_property
    def _session(self) -> aioboto3.Session:
        # Made with the first client, since a broken AWS config shows at once.
        data_path = self._botocore_session.get_config_variable("data_path")
        self._botocore_session.register_component("data_loader", _loader(data_path))
        return aioboto3.Session(botocore_session=self._botocore_session)

    async def _make(self, service: ServiceName, region: str) -> AioBaseClient:
        try:
            creation = self._session.client(
                service, region_name=region, endpoint_url=self._endpoint_url, config=self._config
            )
            client: AioBaseClient = await self._stack.enter_async_context(creation)
        except (BotoCoreError, ValueError) as error:  # botocore has both for bad settings
            raise ServiceConfigurationError(
                f"no client for {service} in {region} can be made: {error}"
            ) from error
        check_endpoint(client.meta.endpoint_url)
        if service == "s3":
            # Small objects go at once: to ask first whether they may come costs a round trip.
            client.meta.events.unregister("before-call.s3", add_expect_header)
        else:
            lean_client(client)
        return client


_loader = cache(create_loader)
"""Reads service models, which takes a third of a second: once for all runs of a process."""


@asynccontextmanager
async def open_clients(settings: ServiceSettings) -> AsyncIterator[Clients]:
    """Open a pool of clients and, at the end, close their connections."""
    _quieten()
    transport = Transport(settings.may_change)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(transport.close)
        yield Clients(settings, transport, stack)


def open_chain_session(profile: str | None, region: str) -> AioSession:
    """Return a session that loads credentials as botocore does, for a profile or for the caller.

    Args:
        profile: of the AWS config; None for what the environment says.
        region: where the chain's own calls go if the AWS config names no Region.

    Raises:
        ProfileNotFound: the AWS config has no such profile.
    """
    session = AioSession(profile=profile)
    session.set_default_client_config(_ChainConfig(http_session_cls=OneShotSession))
    if session.get_config_variable("region") is None:
        session.set_config_variable("region", region)
    return session


class _ChainConfig(AioConfig):
    """The configuration of the clients that the chain makes for itself (STS, SSO)."""

    http_session_cls: type[AIOHTTPSession]

    def merge(self, other_config: Any) -> Any:
        """Join this with the configuration of one client, which goes before it."""
        merged: Any = super().merge(other_config)
        # The base class forgets it here; an SSO token is no less worth than a session token.
        merged.http_session_cls = self.http_session_cls
        return merged


def _quieten() -> None:
    """Keep the libraries from logging requests and answers, whatever level the root logger has.

    botocore's debug level prints signatures, tokens and what STS hands out. Where nobody has
    asked for logs, Python would print warnings on stderr: aiobotocore's have tracebacks of what
    our answers tell, such as an SSO session that is over.
    """
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.INFO))
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


def _read_time(value: Any) -> datetime:
    """Read a timestamp as botocore does, but the form of STS without the detour over dateutil.

    That costs a seventh of an AssumeRole.
    """
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return parse_timestamp(value)


def _client_config(settings: ServiceSettings, transport: Transport) -> AioConfig:
    options: dict[str, Any] = {
        # A host that does not answer is found out while it is still certain that nothing was sent.
        "connect_timeout": settings.call_timeout / 2,
        "read_timeout": settings.call_timeout,
        "max_pool_connections": settings.connections,
        "retries": _ONE_TRY,
        # botocore composes its own at each call, twice: a fifth of what a call costs.
        "user_agent": _USER_AGENT,
        "user_agent_extra": settings.user_agent_extra,
        # No operation here has a body worth compressing, or a checksum beside the signature.
        "disable_request_compression": True,
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        "http_session_cls": cast("type[AIOHTTPSession]", transport.session),
    }
    if settings.endpoint_url is not None:
        options["proxies"] = {}  # a simulator is on this machine
    return AioConfig(**options)
