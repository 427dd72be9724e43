"""`batch-onboard simulate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from batch_onboard.cli.arguments import FILE
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command, Option
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.simulator.scenario import Scenario


@click.command(cls=Command, examples=EXAMPLES["simulate"])
@click.option(
    "--scenario", cls=Option, type=FILE, help="A YAML file that says how the world behaves."
)
@click.option(
    "--port", cls=Option, type=click.IntRange(0, 65535), default=0, help="0: any free port."
)
@click.pass_context
def simulate(ctx: click.Context, scenario: Path | None, port: int) -> None:
    """Serve the simulated AWS on loopback, for rehearsals and tests.

    It prints the settings that make any AWS client speak to it, as shell commands, and serves
    until it is interrupted. GET /_simulator/seen tells what it saw.
    """
    import anyio

    from batch_onboard.simulator.errors import SimulatorError
    from batch_onboard.simulator.scenario import (
        Scenario,
        ScenarioError,
        load_scenario,
    )

    try:
        played = Scenario() if scenario is None else load_scenario(scenario)
    except ScenarioError as error:
        click.echo(str(error), err=True)
        ctx.exit(Exit.USAGE)
    try:
        anyio.run(_serve, played, port)
    except SimulatorError as error:
        click.echo(str(error), err=True)
        ctx.exit(Exit.USAGE)


async def _serve(scenario: Scenario, port: int) -> None:
    import signal

    import anyio

    from batch_onboard.simulator.server import serve

    caller = scenario.callers[0]
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with serve(scenario, port=port) as simulator:
            click.echo(f"export AWS_ENDPOINT_URL={simulator.url}")
            click.echo(f"export AWS_ACCESS_KEY_ID={caller.access_key_id}")
            click.echo(f"export AWS_SECRET_ACCESS_KEY={caller.secret_access_key}")
            click.echo("serving the simulated AWS until interrupted", err=True)
            async for _ in signals:
                return
