"""`batch-onboard run`."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.arguments import manifest_argument
from batch_onboard.cli.conduct import carry_out
from batch_onboard.cli.framework import Command
from batch_onboard.cli.invocation import Invocation
from batch_onboard.cli.metrics import unfit_place
from batch_onboard.cli.run_options import allowance_of, run_options, settings_from
from batch_onboard.cli.texts import count, safe
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.app.batch import Batch
    from batch_onboard.cli.talk import Talk
    from batch_onboard.manifest.load import Manifest
    from batch_onboard.simulator.scenario import Scenario


@click.command(cls=Command)
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
        notify=lambda sentence: talk.warn("identity", sentence),
    )

    from batch_onboard.app.batch import open_batch
    from batch_onboard.core.selection import SelectionError
    from batch_onboard.ledger.errors import LedgerError, LedgerLockedError

    try:
        with open_batch(loaded, path, settings) as batch:
            talk.name_run(batch.run_id)
            _confirm(ctx, batch, loaded, options, talk)
            code = carry_out(batch, options, talk, invocation)
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
        for problem in error.problems:
            talk.fail("manifest", str(problem), line=problem.line, column=problem.column)
        ctx.exit(Exit.USAGE)
    for warning in manifest.warnings:
        talk.warn("manifest", str(warning))
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
    if not click.confirm("Go ahead?", err=True):
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
