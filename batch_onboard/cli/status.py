"""`batch-onboard status`."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batch_onboard.cli.arguments import ledger_argument, output_option
from batch_onboard.cli.framework import Command
from batch_onboard.cli.texts import count, safe, summary_lines
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from batch_onboard.app.ledgers import Place
    from batch_onboard.ledger.history import History


@click.command(cls=Command)
@ledger_argument
@output_option
@click.pass_context
def status(ctx: click.Context, ledger: Place, output: str) -> None:
    """Say where a batch stands, also while a run writes to its ledger."""
    from batch_onboard.app.ledgers import read_any_history
    from batch_onboard.ledger.errors import LedgerError
    from batch_onboard.report.formats import run_json
    from batch_onboard.report.results import results
    from batch_onboard.report.summary import summarize

    try:
        history = read_any_history(ledger)
    except LedgerError as error:
        click.echo(str(error), err=True)
        ctx.exit(Exit.LEDGER)
    summary = summarize(results(history))
    if output == "json":
        import msgspec

        told = {
            "manifest": history.header.manifest,
            "run": run_json(history.runs[-1]) if history.runs else None,
            "summary": summary,
        }
        click.echo(msgspec.json.encode(told).decode())
        return
    name, targets = safe(history.header.manifest), count(summary.targets, "target")
    click.echo(f"{name}: {targets}, {_latest_run(history)}")
    for line in summary_lines(summary):
        click.echo(line)


def _latest_run(history: History) -> str:
    if not history.runs:
        return "no run yet"
    run = history.runs[-1]
    began = f"the latest run, {run.began.run}, began {run.began.at:%Y-%m-%d %H:%M:%S} UTC"
    if run.ended is not None:
        return f"{began} and ended with exit code {run.ended.exit_code}: {run.ended.reason}"
    who = f"pid {run.began.pid} on {run.began.host}"
    if run.began.host != socket.gethostname():
        return f"{began} and has not ended ({who})"
    if Path(f"/proc/{run.began.pid}").exists() or not Path("/proc").exists():
        return f"{began} and is under way ({who})"
    return f"{began} and was cut off ({who}): run again to go on"
