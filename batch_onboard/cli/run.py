"""`batch-onboard run`."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.arguments import allowance_of, manifest_argument
from batch_onboard.cli.crash import tell_crash
from batch_onboard.cli.ending import note_end, say_lost
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command
from batch_onboard.cli.invocation import Invocation
from batch_onboard.cli.metrics import unfit_place
from batch_onboard.cli.problems import print_refusal, say_problems
from batch_onboard.cli.run_options import run_options, settings_from
from batch_onboard.cli.texts import count, duration, safe, summary_lines
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.app.batch import Batch
    from batch_onboard.app.outcome import Outcome
    from batch_onboard.cli.talk import Talk
    from batch_onboard.manifest.load import Manifest
    from batch_onboard.report.summary import Summary
    from batch_onboard.simulator.scenario import Scenario


@click.command(cls=Command, examples=EXAMPLES["run"])
@manifest_argument
@run_options
@click.pass_context
def run(ctx: click.Context, /, manifest: Path, **options: Any) -> None:
    """Onboard the targets of a manifest; run again to resume.

    Each target is read first, started if nothing is there, and followed to its end, as fast as
    its account's quota allows. What happens is written to a ledger beside the manifest before it
    counts, so that a run can be stopped, or killed, at any moment and run again.
    """
    from batch_onboard.cli.talk import Talk

    invocation = ctx.ensure_object(Invocation)
    talk = Talk(options["log_format"], verbosity=options["verbose"], quiet=options["quiet"])
    invocation.talk = talk
    loaded = _load(ctx, manifest, options, talk)
    scenario = _load_scenario(ctx, options, talk)
    _refuse_unasked(ctx, options, talk)
    path = options["ledger"] or _ledger_beside(manifest, simulate=options["simulate"])
    metrics_file = options["metrics_file"]
    if metrics_file is not None and (wrong := unfit_place(metrics_file, path, manifest)):
        talk.fail("usage", f"--metrics-file: {wrong}")
        ctx.exit(Exit.USAGE)
    settings = replace(
        settings_from(options, scenario, tuple(sys.argv[1:])),
        secrets=invocation.secrets,
        allowance=allowance_of(ctx),
        notify=lambda sentence: talk.warn("notice", sentence),
    )

    from batch_onboard.app.batch import open_batch
    from batch_onboard.core.selection import SelectionError
    from batch_onboard.ledger.errors import LedgerError, LedgerLockedError

    try:
        with open_batch(loaded, path, settings) as batch:
            talk.name_run(batch.run_id)
            _confirm(ctx, batch, loaded, options, talk)
            code = _carry_out(batch, options, talk, invocation)
    except LedgerError as error:
        talk.fail("ledger", str(error), ledger=str(path))
        ctx.exit(Exit.LOCKED if isinstance(error, LedgerLockedError) else Exit.LEDGER)
    except SelectionError as error:
        talk.fail("usage", str(error))
        ctx.exit(Exit.USAGE)
    ctx.exit(code)


def _ledger_beside(manifest: Path, *, simulate: bool) -> Path:
    """Return the default place of a ledger; a rehearsal's is never taken for a real one."""
    kind = ".simulated" if simulate else ""
    return manifest.with_name(f"{manifest.stem}{kind}.ledger.jsonl")


def _load(ctx: click.Context, path: Path, options: dict[str, Any], talk: Talk) -> Manifest:
    from batch_onboard.manifest.load import load_manifest
    from batch_onboard.manifest.problems import ManifestError

    try:
        manifest = load_manifest(path, allow_profiles=options["allow_profiles"])
    except ManifestError as error:
        say_problems(talk, str(path), error.problems, "manifest")
        if options["output"] == "json":
            print_refusal(error.problems)
        ctx.exit(Exit.USAGE)
    say_problems(talk, str(path), manifest.warnings, "manifest")
    return manifest


def _load_scenario(ctx: click.Context, options: dict[str, Any], talk: Talk) -> Scenario | None:
    if not options["simulate"]:
        if options["scenario"] is not None:
            raise click.UsageError("--scenario goes with --simulate")
        return None
    from batch_onboard.simulator.scenario import Scenario, ScenarioError, load_scenario

    if options["scenario"] is None:
        return Scenario()
    try:
        return load_scenario(options["scenario"])
    except ScenarioError as error:
        talk.fail("scenario", str(error))
        ctx.exit(Exit.USAGE)


def _refuse_unasked(ctx: click.Context, options: dict[str, Any], talk: Talk) -> None:
    """Refuse to go ahead where nobody can be asked, before anything is made."""
    asks = not (options["yes"] or options["simulate"])
    if asks and not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()):
        talk.fail("usage", "there is no terminal to ask on: run with --yes to go ahead")
        ctx.exit(Exit.USAGE)


def _confirm(
    ctx: click.Context, batch: Batch, manifest: Manifest, options: dict[str, Any], talk: Talk
) -> None:
    """Say what the run will do, and on a terminal ask."""
    if not options["quiet"]:  # on a shared volume each run would warn anew
        for line in batch.ledger.warnings:
            talk.warn("ledger", line)
    for line in _preview(batch, manifest):
        talk.say("preview", line)
    if options["yes"] or options["simulate"] or batch.nothing_to_do:
        return
    if not talk.ask("Go ahead?"):
        talk.fail("declined", "nothing was sent")
        ctx.exit(Exit.USAGE)


def _preview(batch: Batch, manifest: Manifest) -> list[str]:
    from batch_onboard.core.opening import Opening
    from batch_onboard.ledger.lines import SalvagedLine

    keys = [target.key for target in batch.targets]
    accounts = count(len({key.account_id for key in keys}), "account")
    regions = count(len({key.region for key in keys}), "Region")
    settled = batch.openings[Opening.NOTHING]
    history = batch.ledger.history
    of = len(manifest.targets)
    chosen = count(len(keys), "target") if len(keys) == of else f"{len(keys):,} of {of:,} targets"
    targets = f"{safe(manifest.name)}: {chosen} in {accounts} and {regions}"
    work = f"{settled:,} settled, {len(keys) - settled:,} to read, start or follow"
    new = " (new)" if batch.ledger.created else ""
    lines = [f"{targets}; {work}", f"ledger: {batch.ledger.path}{new}"]
    latest = history.cuts[-1] if history.cuts else None
    if isinstance(latest, SalvagedLine) and all(run.began.at < latest.at for run in history.runs):
        lines.append(
            f"the ledger was salvaged from {latest.kept}: everything is read before it is started"
        )
    if history.cut is not None:
        lines.append(
            f"the ledger ended in the middle of a write: {history.cut.size:,} bytes were moved to "
            f"{history.cut.kept}; everything is read before it is started"
        )
    return lines


def _carry_out(batch: Batch, options: dict[str, Any], talk: Talk, invocation: Invocation) -> Exit:
    import anyio

    from batch_onboard.report.results import results
    from batch_onboard.report.summary import summarize
    from batch_onboard.service.settings import ServiceConfigurationError
    from batch_onboard.simulator.errors import SimulatorError

    began = time.monotonic()
    try:
        outcome = anyio.run(_run, batch, options, talk)
    except (ServiceConfigurationError, SimulatorError) as error:
        talk.fail("settings", str(error))
        return Exit.USAGE
    summary = summarize(results(batch.ledger.history))
    elapsed = time.monotonic() - began
    if options["output"] == "json":
        _print_json(batch, outcome, summary, elapsed)
    elif not (options["quiet"] and outcome.exit_code is Exit.OK):
        _print_text(batch, outcome, summary, elapsed)
    say_lost(outcome, talk)
    for bug in outcome.bugs[:1]:
        tell_crash(bug, invocation)
    if not (options["quiet"] and outcome.exit_code is Exit.OK):
        advice = _advice(batch, outcome, summary)
        note_end(batch, outcome, summary, elapsed, advice, talk)
    return outcome.exit_code


async def _run(batch: Batch, options: dict[str, Any], talk: Talk) -> Outcome:
    import anyio

    from batch_onboard.cli.logs import LogWatcher, log_limiters
    from batch_onboard.cli.metrics import Metrics
    from batch_onboard.cli.progress import ProgressMode, show_progress
    from batch_onboard.ledger.errors import LedgerError
    from batch_onboard.service.settings import ServiceConfigurationError
    from batch_onboard.simulator.errors import SimulatorError

    mode = ProgressMode(options["progress"]).resolved(
        terminal=sys.stderr.isatty(), events=talk.events
    )
    if options["quiet"]:
        mode = ProgressMode.NONE
    ended: list[Outcome | Exception] = []
    every = options["progress_every"]
    metrics = Metrics(options["metrics_file"], batch, talk, simulated=options["simulate"])
    async with anyio.create_task_group() as group:
        group.start_soon(_listen, batch, talk)
        group.start_soon(show_progress, batch.tally, batch.lanes, mode, every, talk)
        group.start_soon(metrics.renew, every)
        try:
            ended.append(await batch.run(LogWatcher(talk)))
        except (
            LedgerError,
            ServiceConfigurationError,
            SimulatorError,
        ) as error:  # past the group, which would wrap it
            ended.append(error)
        group.cancel_scope.cancel()
    if options["verbose"]:
        log_limiters(talk.log, batch.lanes)
    (outcome,) = ended
    if isinstance(outcome, Exception):
        await metrics.end(Exit.LEDGER if isinstance(outcome, LedgerError) else Exit.USAGE)
        raise outcome
    await metrics.end(outcome.exit_code)
    return outcome


async def _listen(batch: Batch, talk: Talk) -> None:
    import anyio

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for received in signals:
            flying = count(batch.tally.statistics().in_flight, "call")
            if batch.interrupt(received):
                sentence = f"stopping: finishing {flying}, again to stop now"
                talk.warn("stopping", sentence, signal=signal.Signals(received).name)


def _print_text(batch: Batch, outcome: Outcome, summary: Summary, elapsed: float) -> None:
    for line in summary_lines(summary):
        click.echo(line)
    ledger = batch.ledger.path
    click.echo("")
    for line in _advice(batch, outcome, summary):
        click.echo(line)
    click.echo(
        f"{outcome.reason} in {duration(elapsed)}: {summary.counts()} | ledger {ledger} "
        f"(exit {outcome.exit_code.value})"
    )


def _advice(batch: Batch, outcome: Outcome, summary: Summary) -> list[str]:
    """Return what to type next."""
    if outcome.exit_code is Exit.OK:
        report = shlex.join(["batch-onboard", "report", str(batch.ledger.path)])
        return [f"Results per target: {report}"]
    again = ["batch-onboard", *(word for word in batch.arguments if word not in {"-q", "--quiet"})]
    if outcome.exit_code not in {Exit.UNFINISHED, Exit.STOPPED}:
        return [f"To go on: {shlex.join(again)}"]
    asked = " ".join(cause.next_action or "" for cause in summary.causes)
    if "--retry-failed" in asked and "--retry-failed" not in again:
        again.append("--retry-failed")
    lines = [f"When that is done: {shlex.join(again)}"]
    if "--clear-failed" in asked and "--clear-failed" not in again:
        again.append("--clear-failed")
        lines.append(f"To delete the failed jobs of others as well: {shlex.join(again)}")
    return lines


def _print_json(batch: Batch, outcome: Outcome, summary: Summary, elapsed: float) -> None:
    import msgspec

    told = {
        "run": batch.run_id,
        "exit_code": outcome.exit_code.value,
        "reason": outcome.reason,
        "elapsed": round(elapsed, 3),
        "ledger": safe(str(batch.ledger.path)),
        "summary": summary.states,
        "causes": summary.causes,
    }
    click.echo(msgspec.json.encode(told).decode())
