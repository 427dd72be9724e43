"""Carrying a run out: the batch, what is told of it meanwhile, and the signals that stop it."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from batch_onboard.cli.ending import tell_end
from batch_onboard.cli.texts import count
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from batch_onboard.app.batch import Batch
    from batch_onboard.app.outcome import Outcome
    from batch_onboard.app.planning import Planning
    from batch_onboard.cli.invocation import Invocation
    from batch_onboard.cli.talk import Talk
    from batch_onboard.fleet.fleet import Fleet


def carry_out(
    batch: Batch | Fleet,
    work: Callable[[], Awaitable[Outcome]],
    options: dict[str, Any],
    talk: Talk,
    invocation: Invocation,
) -> Exit:
    """Run a batch to its end, and tell how it ended.

    Args:
        batch: what is run.
        work: runs it.
        options: of the command.
        talk: says things on stderr.
        invocation: of the command.

    Raises:
        LedgerError: the ledger can't be written, and no call had been made yet.
    """
    import anyio

    from batch_onboard.fleet.port import EngineError
    from batch_onboard.service.settings import ServiceConfigurationError
    from batch_onboard.simulator.errors import SimulatorError

    began = time.monotonic()
    try:
        outcome = anyio.run(_run, batch, work, options, talk)
    except (EngineError, ServiceConfigurationError, SimulatorError) as error:
        talk.fail("settings", str(error))
        return Exit.USAGE
    tell_end(batch, outcome, time.monotonic() - began, options, talk, invocation)
    return outcome.exit_code


async def _run(
    batch: Batch | Fleet,
    work: Callable[[], Awaitable[Outcome]],
    options: dict[str, Any],
    talk: Talk,
) -> Outcome:
    import anyio

    from batch_onboard.cli.logs import log_limiters
    from batch_onboard.cli.metrics import Metrics
    from batch_onboard.cli.progress import ProgressMode, can_renew, show_progress
    from batch_onboard.fleet.port import EngineError
    from batch_onboard.ledger.errors import LedgerError
    from batch_onboard.service.settings import ServiceConfigurationError
    from batch_onboard.simulator.errors import SimulatorError

    mode = ProgressMode(options["progress"]).resolved(
        terminal=can_renew(terminal=sys.stderr.isatty()), events=talk.events
    )
    if options["quiet"]:
        mode = ProgressMode.NONE
    ended: list[Outcome | Exception] = []
    every = options["progress_every"]
    progress = batch.progress(anyio.current_time())
    metrics = Metrics(options["metrics_file"], batch, talk, simulated=options["simulate"])
    async with anyio.create_task_group() as group:
        group.start_soon(listen, batch, talk)
        group.start_soon(show_progress, progress.picture, mode, every, talk)
        group.start_soon(metrics.renew, every)
        try:
            ended.append(await work())
        except (
            EngineError,
            LedgerError,
            ServiceConfigurationError,
            SimulatorError,
        ) as error:  # past the group, which would wrap it
            ended.append(error)
        group.cancel_scope.cancel()
    if options["verbose"]:
        log_limiters(talk.log, batch.lanes.limiters)
    (outcome,) = ended
    if isinstance(outcome, Exception):
        await metrics.end(Exit.LEDGER if isinstance(outcome, LedgerError) else Exit.USAGE)
        raise outcome
    await metrics.end(outcome.exit_code)
    return outcome


async def listen(batch: Batch | Fleet | Planning, talk: Talk) -> None:
    """Stop at a signal, and say so: until cancelled."""
    import anyio

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for received in signals:
            flying = batch.tally.statistics().in_flight
            if batch.interrupt(received):
                sentence = stopping_told(flying)
                talk.warn("stopping", sentence, signal=signal.Signals(received).name)


def stopping_told(flying: int) -> str:
    """Tell what a first signal leads to, and what another one would, by the calls in flight."""
    what = f": finishing {count(flying, 'call')}" if flying else ""
    return f"stopping{what}, again to stop now"
