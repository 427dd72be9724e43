"""`batch-onboard ledger unlock`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from batch_onboard.cli.arguments import ledger_argument
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command
from batch_onboard.cli.ledger_options import errors_told

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command, examples=EXAMPLES["ledger unlock"])
@ledger_argument
@click.pass_context
def unlock(ctx: click.Context, ledger: Path) -> None:
    """Say who holds a ledger, and clear what a dead holder has left.

    The lock of a run dies with its process, so there is never one to be broken: a lock that is
    held belongs to a process that lives (exit code 11), maybe on another machine.
    """
    from batch_onboard.ledger.file import check_before_locking
    from batch_onboard.ledger.lock import unlock as unlock_file

    with errors_told(ctx):
        check_before_locking(ledger, exists=True)
        left = unlock_file(ledger, datetime.now(UTC))
    if left is None:
        click.echo(f"nobody holds {ledger}")
        return
    click.echo(
        f"nobody holds {ledger}; cleared what pid {left.pid} on host {left.host}, which ended "
        f"without a word, had left at {left.since:%Y-%m-%dT%H:%M:%SZ}"
    )
