"""`batch-onboard report`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from batch_onboard.cli.arguments import FILE, ledgers_argument
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command, Option
from batch_onboard.cli.ledger_options import errors_told
from batch_onboard.cli.texts import missing_told
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.app.ledgers import Place


@click.command(cls=Command, examples=EXAMPLES["report"])
@ledgers_argument
@click.option(
    "--format",
    "form",
    cls=Option,
    section="Output",
    type=click.Choice(["json", "jsonl", "csv", "html"]),
    help="One object with a summary, an object a line, a table, or a page for people. Default: as "
    "the suffix of -o says, else json.",
)
@click.option("-o", "out", cls=Option, section="Output", type=FILE, help="Write to a file.")
@click.option(
    "--all",
    "removed",
    cls=Option,
    section="Output",
    is_flag=True,
    help="Report also targets that the manifest no longer names.",
)
@click.pass_context
def report(
    ctx: click.Context,
    ledgers: tuple[Place, ...],
    form: str | None,
    out: Path | None,
    removed: bool,
) -> None:
    """Write the results per target, as of the latest run, to stdout or a file.

    Several ledgers, or a folder of them, make one report, as those of all shards do.
    """
    from pathlib import PurePath

    from batch_onboard.app.several import read_together
    from batch_onboard.app.writing import UnwritableError, replacing
    from batch_onboard.report.formats import Format, write_report

    with errors_told(ctx):
        together = read_together(ledgers)
    history = together.history
    if len(together.ledgers) > 1 and together.missing:
        click.echo(f"{missing_told(together.missing)}: their targets are not in it", err=True)
    suffix = "" if out is None else out.suffix.lower().removeprefix(".")
    form = form or (suffix if suffix in set(Format) else Format.JSON)
    if out is None:
        write_report(history, Format(form), sys.stdout, removed=removed)
        return
    places = [each.place for each in together.ledgers]
    if out.exists() and any(isinstance(each, PurePath) and out.samefile(each) for each in places):
        click.echo(f"{out} is the ledger itself: name another file", err=True)
        ctx.exit(Exit.USAGE)
    try:
        with replacing(out) as file:
            write_report(history, Format(form), file, removed=removed)
    except UnwritableError as error:
        click.echo(str(error), err=True)
        ctx.exit(Exit.USAGE)
