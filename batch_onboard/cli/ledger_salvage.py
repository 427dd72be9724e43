"""`batch-onboard ledger salvage`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from batch_onboard.cli.arguments import PLACE, ledger_argument, output_option
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command, Option
from batch_onboard.cli.ledger_options import errors_told, lock_timeout_option, print_json, to_stderr
from batch_onboard.cli.texts import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from batch_onboard.app.ledgers import Place
    from batch_onboard.ledger.salvage import Salvage

_MOST = 10


@click.command(cls=Command, examples=EXAMPLES["ledger salvage"])
@ledger_argument
@click.option("-o", "out", cls=Option, type=PLACE, required=True, help="The new ledger.")
@lock_timeout_option
@output_option
@click.pass_context
def salvage(
    ctx: click.Context, ledger: Place, out: Place, lock_timeout: float, output: str
) -> None:
    """Build a new ledger from every line of a damaged one that verifies alone.

    The damaged one is left as it is, and nothing is overwritten; either may be in S3. Since the
    lines that are lost may have told of Starts, a run with the new ledger reads every target before
    it starts it, even with --no-precheck, and waits out the time in which a Start may not yet show.
    """
    from batch_onboard.app.care import salvage_any

    with errors_told(ctx):
        saved = salvage_any(ledger, out, lock_timeout=lock_timeout, notify=to_stderr)
    for warning in saved.warnings:
        click.echo(warning, err=True)
    if output == "json":
        print_json(saved)
        return
    for line in _lines(ledger, out, saved):
        click.echo(line)


def _lines(ledger: Place, out: Place, saved: Salvage) -> Iterator[str]:
    targets, runs = count(saved.targets, "target"), count(saved.runs, "run")
    yield f"{out}: {count(saved.lines, 'line')} of {ledger} ({targets}, {runs})"
    yield from _losses(saved)
    yield (
        "Every target may be concerned: the next run reads each before it starts it, also with "
        "--no-precheck."
    )
    if not saved.is_complete:
        yield (
            "How often a job was deleted after INTERNAL_FAILURE is not known: only --retry-failed "
            "does it for targets that are not done."
        )
    yield f"Next: batch-onboard run MANIFEST --ledger {out}"


def _losses(saved: Salvage) -> Iterator[str]:
    if saved.lost:
        yield f"  lost: lines {_listed([_range(*each) for each in saved.lost])}"
    if saved.open_end:
        yield "  lost: perhaps more after the last line"
    if saved.forked:
        numbers = _listed([f"{number:,}" for number in saved.forked])
        yield f"  different lines had the same number, and all were kept: {numbers}"
    if saved.is_complete:
        yield "  no line is missing, as far as can be told"
    if saved.loose:
        yield f"  left out: {saved.loose:,} bytes that are no intact line of this ledger"
    if saved.named:
        yield f"  they name: {_listed(saved.named)}"
    if saved.bridged:
        yield f"  lines are certainly missing about: {_listed(saved.bridged)}"
    if saved.dropped:
        yield f"  dropped: {count(saved.dropped, 'line')} without sense once another is lost"


def _range(first: int, last: int) -> str:
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"


def _listed(items: Sequence[str]) -> str:
    more = len(items) - _MOST
    return ", ".join(items[:_MOST]) + (f" and {more:,} more" if more > 0 else "")
