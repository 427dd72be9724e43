"""`batch-onboard ledger unlock`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from batch_onboard.cli.arguments import ledger_argument
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command
from batch_onboard.cli.ledger_options import errors_told

if TYPE_CHECKING:
    from batch_onboard.app.ledgers import Place


@click.command(cls=Command, examples=EXAMPLES["ledger unlock"])
@ledger_argument
@click.pass_context
def unlock(ctx: click.Context, ledger: Place) -> None:
    """Say who holds a ledger, and clear what a dead holder has left.

    The lock of a run on a file dies with its process, so there is never one to be broken: a lock
    that is held belongs to a process that lives (exit code 11), maybe on another machine.

    In S3 the ledger itself says who holds it, and this takes it away at once, where a run would
    first wait for a sign of life. A holder that does live finds out before its next Start, and
    ends with exit code 11.
    """
    from batch_onboard.app.ledgers import unlock_any
    from batch_onboard.ledger.lines import ClaimLine

    with errors_told(ctx):
        left = unlock_any(ledger)
    if left is None:
        click.echo(f"nobody holds {ledger}")
        return
    holder = f"pid {left.pid} on host {left.host}"
    if isinstance(left, ClaimLine):
        click.echo(
            f"{ledger} is free; it was held by {holder} since {left.at:%Y-%m-%dT%H:%M:%SZ}, which "
            "ends with exit code 11 if it lives"
        )
        return
    click.echo(
        f"nobody holds {ledger}; cleared what {holder}, which ended without a word, had left at "
        f"{left.since:%Y-%m-%dT%H:%M:%SZ}"
    )
