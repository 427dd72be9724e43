"""The way to AWS that all adapters share: clients, and the credentials that sign their calls."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import SystemRandom
from typing import TYPE_CHECKING

from batch_onboard.core.calls import Answer
from batch_onboard.core.targets import Identity
from batch_onboard.service.answers import without_secrets
from batch_onboard.service.endpoints import check_endpoint
from batch_onboard.service.identities import Identities
from batch_onboard.service.session import open_clients
from batch_onboard.service.sts import Sts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from random import Random

    from batch_onboard.service.credentials import Caller
    from batch_onboard.service.session import Clients
    from batch_onboard.service.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Gateway:
    """What a call needs; `open_gateway` makes one.

    Attributes:
        clients: make the calls.
        identities: have the credentials.
        settings: how AWS is reached.
    """

    clients: Clients
    identities: Identities
    settings: ServiceSettings

    async def caller(self) -> Caller | Answer:
        """Say whose the caller's own credentials are, or why that is not known.

        Raises:
            ServiceConfigurationError: no call can be made with the settings in force.
        """
        credentials = await self.identities.of(Identity(), self.clients.home_region())
        if isinstance(credentials, Answer):
            return without_secrets(credentials, self.settings.secrets)
        return credentials.caller


@asynccontextmanager
async def open_gateway(settings: ServiceSettings, random: Random | None) -> AsyncIterator[Gateway]:
    """Open the way, and close its connections at the end.

    Args:
        settings: how AWS is reached.
        random: draws the pauses between tries to get credentials; None: the system's.

    Raises:
        ServiceConfigurationError: the settings' endpoint may not be used.
    """
    if settings.endpoint_url is not None:
        check_endpoint(settings.endpoint_url)
    async with open_clients(settings) as clients:
        sts = Sts(clients, settings, random or SystemRandom())
        yield Gateway(clients, Identities(settings, sts), settings)
