"""The service that a run calls: AWS, or a simulator of its own."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from batch_onboard.service.settings import ServiceSettings, StaticCredentials
from batch_onboard.versions import tool_version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from batch_onboard.app.settings import Settings
    from batch_onboard.core.redaction import Secrets
    from batch_onboard.service.aws import AwsService
    from batch_onboard.service.directory import AwsDirectory
    from batch_onboard.simulator.scenario import Scenario


@asynccontextmanager
async def open_access(
    settings: Settings,
    run_id: str,
    *,
    purpose: str = "run",
    may_change: Callable[[], bool] = lambda: True,
) -> AsyncIterator[AwsService]:
    """Open what a run or a plan calls, and close its connections at the end.

    Args:
        settings: what the operator asked for.
        run_id: its id, for the names of role sessions and the user agent.
        purpose: what it is, for the user agent, so that CloudTrail shows it.
        may_change: says, right before a request leaves that changes something, whether it may.

    Raises:
        ServiceConfigurationError: the settings in force cannot be used for any call.
        SimulatorError: the simulator can't be served.
    """
    # aioboto3 takes a quarter of a second to import: only a run that calls pays for it.
    from batch_onboard.service.aws import open_service  # noqa: PLC0415

    access = ServiceSettings(
        user_agent_extra=f"batch-onboard/{tool_version()} {purpose}/{run_id}",
        session_name=f"bo-{run_id}",
        call_timeout=settings.rules.call_timeout,
        connections=settings.concurrency,
        allow_profiles=settings.allow_profiles,
        secrets=settings.secrets,
        notify=settings.notify,
        may_change=may_change,
    )
    async with (
        _reaching(settings.scenario, access, settings.simulator_url) as access,
        open_service(access) as service,
    ):
        yield service


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

    access = ServiceSettings(
        user_agent_extra=f"batch-onboard/{tool_version()} discover/{run_id}",
        session_name=f"bo-{run_id}",
        call_timeout=call_timeout,
        connections=concurrency,
        secrets=secrets,
    )
    async with _reaching(scenario, access) as access, open_directory(access) as directory:
        yield directory


@asynccontextmanager
async def _reaching(
    scenario: Scenario | None, settings: ServiceSettings, served_at: str | None = None
) -> AsyncIterator[ServiceSettings]:
    """Give settings as they are, or have them lead to a simulator and nowhere else."""
    if scenario is None:
        yield settings
        return
    caller = scenario.callers[0]
    keys = StaticCredentials(caller.access_key_id, caller.secret_access_key)
    async with serving(scenario if served_at is None else None) as url:
        yield replace(settings, endpoint_url=url or served_at, static_credentials=keys)


@asynccontextmanager
async def serving(scenario: Scenario | None) -> AsyncIterator[str | None]:
    """Serve a simulator on loopback, and give its address; None if there is nothing to play.

    Raises:
        SimulatorError: it can't be served.
    """
    if scenario is None:
        yield None
        return
    from batch_onboard.simulator.server import serve  # noqa: PLC0415

    async with serve(scenario) as simulator:
        yield simulator.url
