"""What `run` does: it loads, opens the ledger, asks, and carries the batch out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from batch_onboard.cli.conduct import carry_out
from batch_onboard.cli.engines import check_engine
from batch_onboard.cli.fleet import run_fleet
from batch_onboard.cli.invocation import Invocation
from batch_onboard.cli.loading import (
    bound_or_exit,
    ledger_place,
    load_or_exit,
    settings_or_exit,
)
from batch_onboard.cli.logs import LogWatcher
from batch_onboard.cli.metrics import unfit_place
from batch_onboard.cli.preview import confirm, refuse_unasked
from batch_onboard.cli.talk import Talk
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from pathlib import Path

    import click

    from batch_onboard.app.ledgers import Place


def run_manifest(
    ctx: click.Context, manifest: Place, plan_file: Path | None, options: dict[str, Any]
) -> Exit:
    """Onboard the targets of a manifest, and say how that went.

    Args:
        ctx: of the command; left at once where its arguments turn out wrong.
        manifest: its place.
        plan_file: what the run is bound to, if it is to a plan.
        options: of the command.
    """
    invocation = ctx.ensure_object(Invocation)
    talk = Talk(options["log_format"], verbosity=options["verbose"], quiet=options["quiet"])
    invocation.talk = talk
    loaded = load_or_exit(ctx, manifest, options, talk)
    settings = settings_or_exit(ctx, options, talk)
    if plan_file is not None:
        settings = bound_or_exit(ctx, plan_file, loaded, settings, talk)
    refuse_unasked(ctx, options, talk)
    check_engine(options)
    path = ledger_place(manifest, options["ledger"], settings)
    metrics_file = options["metrics_file"]
    if metrics_file is not None and (wrong := unfit_place(metrics_file, path, manifest)):
        talk.fail("usage", f"--metrics-file: {wrong}")
        return Exit.USAGE
    from batch_onboard.app.batch import open_batch
    from batch_onboard.core.selection import SelectionError
    from batch_onboard.ledger.errors import LedgerError, LedgerLockedError

    try:
        if options["engine"] == "dask":
            return run_fleet(ctx, manifest, loaded, settings, options)
        with open_batch(loaded, path, settings) as batch:
            talk.name_run(batch.run_id)
            confirm(ctx, batch, loaded, options, talk)
            work = partial(batch.run, LogWatcher(talk))
            return carry_out(batch, work, options, talk, invocation)
    except LedgerError as error:
        talk.fail("ledger", str(error), ledger=str(path))
        return Exit.LOCKED if isinstance(error, LedgerLockedError) else Exit.LEDGER
    except SelectionError as error:
        talk.fail("usage", str(error))
        return Exit.USAGE
