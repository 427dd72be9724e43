"""What a run says at its end: on stdout to people or programs, on stderr to readers of the log."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.causes import (
    MOST_CAUSES,
    next_command,
    run_again,
    summary_lines,
    unbound,
    unselected,
)
from batch_onboard.cli.crash import tell_crash
from batch_onboard.cli.texts import duration, safe
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batch_onboard.app.batch import Batch
    from batch_onboard.app.outcome import Outcome
    from batch_onboard.cli.invocation import Invocation
    from batch_onboard.cli.talk import Talk
    from batch_onboard.fleet.fleet import Fleet
    from batch_onboard.report.summary import Summary


def tell_end(
    batch: Batch | Fleet,
    outcome: Outcome,
    elapsed: float,
    options: dict[str, Any],
    talk: Talk,
    invocation: Invocation,
) -> None:
    """Tell how a run ended, what stopped targets, and what to type next.

    Args:
        batch: what was run.
        outcome: how it ended.
        elapsed: seconds that it took.
        options: of the command.
        talk: says things on stderr.
        invocation: of the command.
    """
    from batch_onboard.report.results import results
    from batch_onboard.report.summary import summarize

    summary = summarize(results(batch.ledger.history))
    silent = options["quiet"] and outcome.exit_code is Exit.OK
    if options["output"] == "json":
        _print_json(batch, outcome, summary, elapsed)
    elif not silent:
        _print_text(batch, outcome, summary, elapsed)
    _say_lost(outcome, talk)
    for bug in outcome.bugs[:1]:
        tell_crash(bug, invocation)
    if not silent:
        advice = _advice(batch, outcome, summary)
        _note_end(batch, outcome, summary, elapsed, advice, talk)


def _say_lost(outcome: Outcome, talk: Talk) -> None:
    """Say what could not be written down, so that nothing known is lost."""
    if outcome.saved:
        return
    import msgspec

    talk.fail("ledger", f"{outcome.reason}; what may not be in the ledger:")
    for entry in outcome.lost:
        told = msgspec.to_builtins(entry)
        talk.fail("lost", msgspec.json.encode(entry).decode(), entry=told)


def _note_end(
    batch: Batch | Fleet,
    outcome: Outcome,
    summary: Summary,
    elapsed: float,
    advice: Sequence[str],
    talk: Talk,
) -> None:
    """Tell what stdout says: the causes, how it ended, and what to type next."""
    for cause in summary.causes[:MOST_CAUSES]:
        talk.note(
            "cause",
            well=False,
            state=cause.state.value,
            code=safe(cause.code),
            targets=cause.targets,
            accounts=cause.accounts,
            next_action=cause.next_action,
            command=next_command(cause, batch.arguments),
        )
    talk.note(
        "ended",
        well=outcome.exit_code is Exit.OK,
        exit_code=outcome.exit_code.value,
        reason=outcome.reason,
        elapsed=round(elapsed, 3),
        states={state.value: number for state, number in summary.states.items()},
        ledger=str(batch.ledger.path),
        advice=advice,
    )


def _print_text(batch: Batch | Fleet, outcome: Outcome, summary: Summary, elapsed: float) -> None:
    for line in summary_lines(summary, batch.ledger.path, batch.arguments):
        click.echo(line)
    ledger = batch.ledger.path
    click.echo("")
    for line in _advice(batch, outcome, summary):
        click.echo(line)
    click.echo(
        f"{outcome.reason} in {duration(elapsed)}: {summary.counts()} | ledger {ledger} "
        f"(exit {outcome.exit_code.value})"
    )


def _advice(batch: Batch | Fleet, outcome: Outcome, summary: Summary) -> list[str]:
    """Return what to type next."""
    if outcome.exit_code is Exit.OK:
        report = shlex.join(["batch-onboard", "report", str(batch.ledger.path)])
        return [f"Results per target: {report}"]
    if outcome.exit_code not in {Exit.UNFINISHED, Exit.STOPPED}:
        return [f"To go on: {run_again(batch.arguments)}"]
    asked = " ".join(cause.next_action or "" for cause in summary.causes)
    flags = ["--retry-failed"] if "--retry-failed" in asked else []
    again = list(unselected(unbound(batch.arguments)))
    lines = [f"When all that is done: {run_again(again, *flags)}"]
    if "--clear-failed" in asked and "--clear-failed" not in again:
        more = run_again(again, *flags, "--clear-failed")
        lines.append(f"To delete the failed jobs of others as well: {more}")
    return lines


def _print_json(batch: Batch | Fleet, outcome: Outcome, summary: Summary, elapsed: float) -> None:
    import msgspec

    told = {
        "run": batch.run_id,
        "exit_code": outcome.exit_code.value,
        "reason": outcome.reason,
        "elapsed": round(elapsed, 3),
        "ledger": safe(str(batch.ledger.path)),
        "summary": summary.states,
        "causes": [
            asdict(cause) | {"command": next_command(cause, batch.arguments)}
            for cause in summary.causes
        ],
    }
    click.echo(msgspec.json.encode(told).decode())
