"""What a run says before its first call, and the question whether to go ahead."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from batch_onboard.cli.texts import count, safe
from batch_onboard.core.opening import Opening
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    import click

    from batch_onboard.app.batch import Batch
    from batch_onboard.cli.talk import Talk
    from batch_onboard.fleet.fleet import Fleet
    from batch_onboard.manifest.load import Manifest

_WORDS = {
    Opening.NOTHING: "settled",
    Opening.LOOK: "to read, and to start if nothing is there",
    Opening.START: "to start unread",
    Opening.FOLLOW: "to follow",
}


def refuse_unasked(ctx: click.Context, options: dict[str, Any], talk: Talk) -> None:
    """Refuse to go ahead where nobody can be asked, before anything is made."""
    asks = not (options["yes"] or options["simulate"])
    if asks and not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()):
        talk.fail("usage", "there is no terminal to ask on: run with --yes to go ahead")
        ctx.exit(Exit.USAGE)


def confirm(
    ctx: click.Context,
    batch: Batch | Fleet,
    manifest: Manifest,
    options: dict[str, Any],
    talk: Talk,
) -> None:
    """Say what the run will do, and on a terminal ask."""
    if not options["quiet"]:  # on a shared volume each run would warn anew
        for line in batch.ledger.warnings:
            talk.warn("ledger", line)
    for line in _preview(batch, manifest):
        talk.say("preview", line)
    if options["yes"] or options["simulate"] or batch.nothing_to_do:
        return
    if not talk.ask("Go ahead?"):
        talk.fail("declined", "nothing was sent")
        ctx.exit(Exit.USAGE)


def _preview(batch: Batch | Fleet, manifest: Manifest) -> list[str]:
    from batch_onboard.cli.plan_text import counts_told, takes_lines
    from batch_onboard.ledger.lines import SalvagedLine

    keys = [target.key for target in batch.targets]
    accounts = count(len({key.account_id for key in keys}), "account")
    regions = count(len({key.region for key in keys}), "Region")
    history = batch.ledger.history
    of = len(manifest.targets)
    chosen = count(len(keys), "target") if len(keys) == of else f"{len(keys):,} of {of:,} targets"
    name = safe(manifest.name) + ("" if batch.shard is None else f", {batch.shard}")
    targets = f"{name}: {chosen} in {accounts} and {regions}"
    work = [
        f"{batch.openings[begins]:,} {words}"
        for begins, words in _WORDS.items()
        if batch.openings[begins]
    ]
    lines = [targets, f"  {', '.join(work)}"] if keys else [f"{name}: no target falls to it"]
    if not batch.nothing_to_do:
        lines += takes_lines(batch.forecast)
    if batch.approved is not None:
        made, told = batch.approved.made_at, counts_told(batch.approved.counts)
        lines.append(f"only what was planned at {made:%Y-%m-%d %H:%M} UTC: {told}")
        lines.append(f"  plan {batch.approved.digest}")
    lines.append(f"ledger: {batch.ledger.path}{' (new)' if batch.ledger.created else ''}")
    latest = history.cuts[-1] if history.cuts else None
    if isinstance(latest, SalvagedLine) and all(run.began.at < latest.at for run in history.runs):
        lines.append(
            f"the ledger was salvaged from {latest.kept}: everything is read before it is started"
        )
    if history.cut is not None:
        lines.append(
            f"the ledger ended in the middle of a write: {history.cut.size:,} bytes were moved to "
            f"{history.cut.kept}; everything is read before it is started"
        )
    return lines
