"""`batch-onboard status`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from batch_onboard.cli.arguments import ledgers_argument, output_option, progress_option
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command, Duration, Option
from batch_onboard.cli.ledger_options import errors_told, is_folder
from batch_onboard.cli.texts import count, safe

if TYPE_CHECKING:
    from batch_onboard.app.ledgers import Place
    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.lock import Holder


@click.command(cls=Command, examples=EXAMPLES["status"])
@ledgers_argument
@click.option(
    "--follow",
    "followed",
    cls=Option,
    section="Common",
    is_flag=True,
    help="Watch the run that is under way until it ends, then say where the batch stands.",
)
@progress_option
@click.option(
    "--progress-every",
    cls=Option,
    section="Output",
    settable=True,
    type=Duration(positive=True),
    default="60s",
    help="With --follow: how often plain and json progress is told.",
)
@output_option
@click.pass_context
def status(
    ctx: click.Context,
    ledgers: tuple[Place, ...],
    followed: bool,
    progress: str,
    progress_every: float,
    output: str,
) -> None:
    """Say where a batch stands, also while a run writes to its ledger.

    It reads the ledger alone: it asks AWS nothing, changes nothing, and keeps no run from it.
    Several ledgers, or a folder of them, are told as one batch, as those of all shards are.
    """
    from batch_onboard.app.ledgers import holder_of
    from batch_onboard.app.several import read_together
    from batch_onboard.cli.status_several import tell_several

    with errors_told(ctx):
        if followed:
            ledger = _only_one(ledgers)
            history = _follow(ctx, ledger, progress, progress_every)
        else:
            together = read_together(ledgers)
            if len(together.ledgers) > 1:
                tell_several(together, ledgers, output)
                return
            history, ledger = together.history, together.ledgers[0].place
        held, holder = holder_of(ledger, history)
    if output == "json":
        _print_json(history, holder, held=held)
    else:
        _print_text(history, ledger, holder, held=held)


def _only_one(ledgers: tuple[Place, ...]) -> Place:
    """Return the one ledger that is to be watched."""
    (ledger, *others) = ledgers
    if others or is_folder(ledger):
        raise click.UsageError("--follow watches one run: name one ledger")
    return ledger


def _follow(ctx: click.Context, ledger: Place, progress: str, every: float) -> History:
    from batch_onboard.cli.follow import StoppedError, follow
    from batch_onboard.cli.progress import ProgressMode, can_renew

    terminal = can_renew(terminal=sys.stderr.isatty())
    mode = ProgressMode(progress).resolved(terminal=terminal, events=False)
    try:
        return follow(ledger, mode, every, lambda line: click.echo(line, err=True))
    except StoppedError as stopped:
        ctx.exit(128 + stopped.number)


def _print_json(history: History, holder: Holder | None, *, held: bool) -> None:
    import msgspec

    from batch_onboard.report.formats import run_json
    from batch_onboard.report.results import results
    from batch_onboard.report.summary import summarize

    told = {
        "manifest": history.header.manifest,
        "run": run_json(history.runs[-1]) if history.runs else None,
        "held": held,
        "held_by": holder,
        "last_written": history.written,
        "moved_to": history.moved,
        "summary": summarize(results(history)),
    }
    click.echo(msgspec.json.encode(told).decode())


def _print_text(history: History, ledger: Place, holder: Holder | None, *, held: bool) -> None:
    from batch_onboard.cli.causes import summary_lines
    from batch_onboard.report.results import results
    from batch_onboard.report.summary import summarize

    summary = summarize(results(history))
    part = "" if history.shard is None else f", {history.shard}"
    click.echo(f"{safe(history.header.manifest)}{part}: {count(summary.targets, 'target')}")
    click.echo(_latest_run(history, held=held))
    if held:
        click.echo(f"held by {_who(holder)}")
    if history.moved is not None:
        click.echo(f"it goes on as {history.moved}")
    arguments = history.runs[-1].began.arguments if history.runs else ()
    for line in summary_lines(summary, ledger, arguments):
        click.echo(line)


def _latest_run(history: History, *, held: bool) -> str:
    from socket import gethostname

    if not history.runs:
        return "no run yet"
    run = history.runs[-1]
    began = f"the latest run, {run.began.run}, began {run.began.at:%Y-%m-%d %H:%M:%S} UTC"
    if run.ended is not None:
        at, code = run.ended.at, run.ended.exit_code
        return f"{began} and ended {at:%H:%M:%S} with exit code {code}: {run.ended.reason}"
    if held and history.written is not None:
        return (
            f"{began} and is under way, or was killed: its last line is of "
            f"{history.written:%Y-%m-%d %H:%M:%S} UTC by its own clock, and a run that lives "
            "writes one every 20 s"
        )
    if held:
        return f"{began} and is under way"
    who = f"pid {run.began.pid} on {run.began.host}"
    if run.began.host != gethostname():
        return f"{began} and has not ended, as far as this machine can see ({who})"
    return f"{began} and was cut off ({who}): run again to go on"


def _who(holder: Holder | None) -> str:
    if holder is None:
        return "a process that has only just begun"
    return f"pid {holder.pid} on {holder.host} since {holder.since:%Y-%m-%d %H:%M:%S} UTC"
