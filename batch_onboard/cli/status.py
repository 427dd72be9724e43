"""`batch-onboard status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from batch_onboard.cli.arguments import ledger_argument, output_option
from batch_onboard.cli.framework import Command
from batch_onboard.cli.texts import summary_lines
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.ledger.history import History


@click.command(cls=Command)
@ledger_argument
@output_option
@click.pass_context
def status(ctx: click.Context, ledger: Path, output: str) -> None:
    """Say where a batch stands, also while a run writes to its ledger."""
    from batch_onboard.ledger.errors import LedgerError
    from batch_onboard.ledger.file import read_history
    from batch_onboard.report.results import results
    from batch_onboard.report.summary import summarize

    try:
        history = read_history(ledger)
    except LedgerError as error:
        click.echo(str(error), err=True)
        ctx.exit(Exit.LEDGER)
    summary = summarize(results(history))
    if output == "json":
        import msgspec

        click.echo(msgspec.json.encode({"manifest": history.header.manifest, "summary": summary}))
        return
    click.echo(f"{history.header.manifest}: {summary.targets:,} targets, {_latest_run(history)}")
    for line in summary_lines(summary):
        click.echo(line)


def _latest_run(history: History) -> str:
    if not history.runs:
        return "no run yet"
    run = history.runs[-1]
    began = f"the latest run, {run.began.run}, began {run.began.at:%Y-%m-%d %H:%M:%S} UTC"
    if run.ended is None:
        return f"{began} and has not ended"
    return f"{began} and ended with exit code {run.ended.exit_code}: {run.ended.reason}"
