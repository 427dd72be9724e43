"""The service that a run calls: AWS, or a simulator of its own."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from batch_onboard.service.settings import ServiceSettings, StaticCredentials
from batch_onboard.versions import tool_version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from batch_onboard.app.settings import Settings
    from batch_onboard.core.redaction import Secrets
    from batch_onboard.service.aws import AwsService
    from batch_onboard.service.directory import AwsDirectory
    from batch_onboard.simulator.scenario import Scenario


@asynccontextmanager
async def open_access(settings: Settings, run_id: str) -> AsyncIterator[AwsService]:
    """Open what a run calls, and close its connections at the end.

    Raises:
        ServiceConfigurationError: the settings in force cannot be used for any call.
        SimulatorError: the simulator can't be served.
    """
    # aioboto3 takes a quarter of a second to import: only a run that calls pays for it.
    from batch_onboard.service.aws import open_service  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        access = ServiceSettings(
            user_agent_extra=f"batch-onboard/{tool_version()} run/{run_id}",
            session_name=f"bo-{run_id}",
            call_timeout=settings.rules.call_timeout,
            connections=settings.concurrency,
            allow_profiles=settings.allow_profiles,
            secrets=settings.secrets,
            notify=settings.notify,
        )
        if settings.scenario is not None:
            access = await stack.enter_async_context(_simulated(settings.scenario, access))
        yield await stack.enter_async_context(open_service(access))


@asynccontextmanager
async def open_world(
    scenario: Scenario | None,
    run_id: str,
    *,
    call_timeout: float,
    concurrency: int,
    secrets: Secrets,
) -> AsyncIterator[AwsDirectory]:
    """Open what a discovery asks, and close its connections at the end.

    Raises:
        ServiceConfigurationError: the settings in force cannot be used for any call.
        SimulatorError: the simulator can't be served.
    """
    from batch_onboard.service.directory import open_directory  # noqa: PLC0415 - as above

    async with AsyncExitStack() as stack:
        access = ServiceSettings(
            user_agent_extra=f"batch-onboard/{tool_version()} discover/{run_id}",
            session_name=f"bo-{run_id}",
            call_timeout=call_timeout,
            connections=concurrency,
            secrets=secrets,
        )
        if scenario is not None:
            access = await stack.enter_async_context(_simulated(scenario, access))
        yield await stack.enter_async_context(open_directory(access))


@asynccontextmanager
async def _simulated(
    scenario: Scenario, settings: ServiceSettings
) -> AsyncIterator[ServiceSettings]:
    """Serve a simulator, and give settings that lead to it and to nothing else."""
    from batch_onboard.simulator.server import serve  # noqa: PLC0415

    caller = scenario.callers[0]
    keys = StaticCredentials(caller.access_key_id, caller.secret_access_key)
    async with serve(scenario) as simulator:
        yield replace(settings, endpoint_url=simulator.url, static_credentials=keys)
