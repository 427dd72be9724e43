"""`batch-onboard run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.arguments import FILE, manifest_argument
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command, Option
from batch_onboard.cli.run_options import run_options

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
    from batch_onboard.cli.running import run_manifest

    ctx.exit(run_manifest(ctx, manifest, plan_file, options))
