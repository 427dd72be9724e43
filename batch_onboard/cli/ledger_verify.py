"""`batch-onboard ledger verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from batch_onboard.cli.arguments import ledger_argument, output_option
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command
from batch_onboard.cli.ledger_options import errors_told, print_json
from batch_onboard.cli.texts import count, safe
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.app.ledgers import Place
    from batch_onboard.ledger.survey import Flaw
    from batch_onboard.ledger.verify import Examination

_MOST_FLAWS = 20


@click.command(cls=Command, examples=EXAMPLES["ledger verify"])
@ledger_argument
@output_option
@click.pass_context
def verify(ctx: click.Context, ledger: Place, output: str) -> None:
    """Read all of a ledger and tell everything that is wrong with it. Changes nothing.

    An unfinished tail is no damage: the next run cuts it off. Damage ends with exit code 5.
    """
    from dataclasses import asdict

    from batch_onboard.app.ledgers import verify_any

    with errors_told(ctx):
        found = verify_any(ledger)
    if output == "json":
        print_json({"ledger": str(ledger), "whole": not found.damage, **asdict(found)})
    else:
        for line in _lines(ledger, found):
            click.echo(line)
    if found.damage:
        ctx.exit(Exit.LEDGER)


def _lines(ledger: Place, found: Examination) -> Iterator[str]:
    lines = f"{count(found.lines, 'line')}, known to be on disk up to line {found.durable:,}"
    if found.damage:
        yield f"{ledger} is damaged; {found.intact:,} of {lines}:"
        for flaw in found.damage[:_MOST_FLAWS]:
            yield f"  {_where(flaw)}: {safe(flaw.problem)}"
        if len(found.damage) > _MOST_FLAWS:
            yield f"  and {len(found.damage) - _MOST_FLAWS:,} more: see --output json"
    else:
        targets, runs = count(found.targets or 0, "target"), count(found.runs or 0, "run")
        yield f"{ledger} is whole: {lines}; {targets}, {runs}"
    if found.tail is not None:
        ending = "" if found.damage else "; the next run cuts it off and keeps it"
        yield f"unfinished tail: {_where(found.tail)}: {found.tail.problem}{ending}"
    if found.damage:
        yield (
            "Nothing was changed. Restore the file from a copy, or build a new one: "
            f"batch-onboard ledger salvage {ledger} -o NEW"
        )


def _where(flaw: Flaw) -> str:
    return f"line {flaw.line:,} (byte {flaw.offset:,})"
