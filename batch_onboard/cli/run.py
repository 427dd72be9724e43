"""`batch-onboard run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.arguments import FILE, manifest_argument
from batch_onboard.cli.conduct import carry_out
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command, Option
from batch_onboard.cli.invocation import Invocation
from batch_onboard.cli.loading import (
    bound_or_exit,
    ledger_place,
    load_or_exit,
    settings_or_exit,
)
from batch_onboard.cli.metrics import unfit_place
from batch_onboard.cli.preview import confirm, refuse_unasked
from batch_onboard.cli.run_options import run_options
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.app.ledgers import Place


@click.command(cls=Command, examples=EXAMPLES["run"])
@manifest_argument
@click.option(
    "--plan",
    "plan_file",
    cls=Option,
    section="Common",
    type=FILE,
    help="Do only what this plan says (plan -o FILE); a target that has changed since is left.",
)
@run_options
@click.pass_context
def run(ctx: click.Context, /, manifest: Place, plan_file: Path | None, **options: Any) -> None:
    """Onboard the targets of a manifest; run again to resume.

    Each target is read first, started if nothing is there, and followed to its end, as fast as
    its account's quota allows. What happens is written to a ledger beside the manifest before it
    counts, so that a run can be stopped, or killed, at any moment and run again.
    """
    from batch_onboard.cli.talk import Talk

    invocation = ctx.ensure_object(Invocation)
    talk = Talk(options["log_format"], verbosity=options["verbose"], quiet=options["quiet"])
    invocation.talk = talk
    loaded = load_or_exit(ctx, manifest, options, talk)
    settings = settings_or_exit(ctx, options, talk)
    if plan_file is not None:
        settings = bound_or_exit(ctx, plan_file, loaded, settings, talk)
    refuse_unasked(ctx, options, talk)
    path = ledger_place(manifest, options["ledger"], settings)
    metrics_file = options["metrics_file"]
    if metrics_file is not None and (wrong := unfit_place(metrics_file, path, manifest)):
        talk.fail("usage", f"--metrics-file: {wrong}")
        ctx.exit(Exit.USAGE)
    from batch_onboard.app.batch import open_batch
    from batch_onboard.core.selection import SelectionError
    from batch_onboard.ledger.errors import LedgerError, LedgerLockedError

    try:
        with open_batch(loaded, path, settings) as batch:
            talk.name_run(batch.run_id)
            confirm(ctx, batch, loaded, options, talk)
            code = carry_out(batch, options, talk, invocation)
    except LedgerError as error:
        talk.fail("ledger", str(error), ledger=str(path))
        ctx.exit(Exit.LOCKED if isinstance(error, LedgerLockedError) else Exit.LEDGER)
    except SelectionError as error:
        talk.fail("usage", str(error))
        ctx.exit(Exit.USAGE)
    ctx.exit(code)
