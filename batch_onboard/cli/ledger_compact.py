"""`batch-onboard ledger compact`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from batch_onboard.cli.arguments import PLACE, ledger_argument, output_option
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command, Option
from batch_onboard.cli.ledger_options import (
    errors_told,
    lock_timeout_option,
    print_json,
    to_stderr,
)
from batch_onboard.cli.texts import count

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.app.ledgers import Place
    from batch_onboard.core.s3place import S3Place
    from batch_onboard.ledger.compact import Compaction
    from batch_onboard.ledger.moving import Move


@click.command(cls=Command, examples=EXAMPLES["ledger compact"])
@ledger_argument
@click.option(
    "-o",
    "out",
    cls=Option,
    type=PLACE,
    help="Of a ledger in S3, where nothing is rewritten: the name under which it goes on.",
)
@lock_timeout_option
@output_option
@click.pass_context
def compact(
    ctx: click.Context, ledger: Place, out: Place | None, lock_timeout: float, output: str
) -> None:
    """Write a ledger anew: what it knows, without the steps by which it came to know it.

    Runs, reports and resuming are as before. If the single steps matter, for audits, copy the
    file first. A crash at any moment leaves the old file or the new one, whole.

    A ledger in S3 goes on under another name, and its old one is closed: runs with it are refused,
    and told the new one. Should that be cut off, the same command finishes it.
    """
    from batch_onboard.core.s3place import S3Place

    if not isinstance(ledger, S3Place):
        if out is not None:
            raise click.UsageError("-o goes with a ledger in S3; a file is written anew as it is")
        with errors_told(ctx):
            done = _rewritten(ledger, lock_timeout)
        for warning in done.warnings:
            click.echo(warning, err=True)
        _print(ledger, done, output)
        return
    if not isinstance(out, S3Place):
        raise click.UsageError(
            "nothing in S3 is ever rewritten: name the place in S3 where the ledger goes on with -o"
        )
    with errors_told(ctx):
        moved = _moved(ledger, out, lock_timeout)
    if output == "json":
        print_json(moved)
        return
    before, segments = count(moved.lines_before, "line"), count(moved.segments_before, "segment")
    click.echo(f"{out}: {before} in {segments} of {ledger} are now {moved.lines_after:,} in one")
    click.echo(f"{ledger} is closed: runs with it are refused.")
    click.echo(f"Next: batch-onboard run MANIFEST --ledger {out}")


def _rewritten(ledger: Path, lock_timeout: float) -> Compaction:
    from datetime import UTC, datetime

    from batch_onboard.ledger.compact import compact as compact_file
    from batch_onboard.versions import tool_version

    return compact_file(
        ledger,
        tool_version=tool_version(),
        wall=lambda: datetime.now(UTC),
        lock_timeout=lock_timeout,
    )


def _moved(ledger: S3Place, out: S3Place, lock_timeout: float) -> Move:
    from batch_onboard.app.care import move_any

    return move_any(ledger, out, lock_timeout=lock_timeout, notify=to_stderr)


def _print(ledger: Path, done: Compaction, output: str) -> None:
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
