"""`batch-onboard ledger compact`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from batch_onboard.cli.arguments import ledger_file_argument, output_option
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command
from batch_onboard.cli.ledger_options import errors_told, lock_timeout_option, print_json
from batch_onboard.cli.texts import count

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command, examples=EXAMPLES["ledger compact"])
@ledger_file_argument
@lock_timeout_option
@output_option
@click.pass_context
def compact(ctx: click.Context, ledger: Path, lock_timeout: float, output: str) -> None:
    """Write a ledger anew: what it knows, without the steps by which it came to know it.

    Runs, reports and resuming are as before. If the single steps matter, for audits, copy the
    file first. A crash at any moment leaves the old file or the new one, whole.
    """
    from datetime import UTC, datetime

    from batch_onboard.ledger.compact import compact as compact_file
    from batch_onboard.versions import tool_version

    with errors_told(ctx):
        done = compact_file(
            ledger,
            tool_version=tool_version(),
            wall=lambda: datetime.now(UTC),
            lock_timeout=lock_timeout,
        )
    for warning in done.warnings:
        click.echo(warning, err=True)
    if output == "json":
        print_json(done)
        return
    if done.cut is not None:
        click.echo(
            f"the ledger ended in the middle of a write: {done.cut.size:,} bytes were moved to "
            f"{done.cut.kept}",
            err=True,
        )
    click.echo(
        f"{ledger}: {count(done.lines_before, 'line')} ({done.bytes_before:,} bytes) are now "
        f"{done.lines_after:,} ({done.bytes_after:,} bytes)"
    )
