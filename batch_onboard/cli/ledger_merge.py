"""`batch-onboard ledger merge`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from batch_onboard.cli.arguments import PLACE, ledgers_argument, output_option
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command, Option
from batch_onboard.cli.ledger_options import errors_told, lock_timeout_option, print_json
from batch_onboard.cli.texts import count, missing_told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.app.ledgers import Place
    from batch_onboard.ledger.merge import Merge


@click.command(cls=Command, examples=EXAMPLES["ledger merge"])
@ledgers_argument
@click.option("-o", "out", cls=Option, type=PLACE, required=True, help="The new ledger.")
@lock_timeout_option
@output_option
@click.pass_context
def merge(
    ctx: click.Context, ledgers: tuple[Place, ...], out: Place, lock_timeout: float, output: str
) -> None:
    """Make one ledger of several, such as those of all shards; a run without shards goes on.

    The ledgers are left as they are, and nothing is overwritten. What runs, reports and resuming
    need is taken over, without the steps by which it came about. Of a target of which several
    ledgers tell, nothing is forgotten that may have been started. Where a shard's ledger is
    missing, the next run reads everything before it starts it.
    """
    from batch_onboard.app.several import merge_ledgers

    with errors_told(ctx):
        done = merge_ledgers(ledgers, out, lock_timeout=lock_timeout)
    if output == "json":
        print_json(done)
        return
    for line in _lines(out, done):
        click.echo(line)


def _lines(out: Place, done: Merge) -> Iterator[str]:
    targets, runs = count(done.targets, "target"), count(done.runs, "run")
    yield f"{out}: {targets} and {runs} of {count(done.ledgers, 'ledger')}"
    if done.shared:
        yield f"  {count(done.shared, 'target')} stood in several, and what they knew was joined"
    if done.missing:
        yield f"  {missing_told(done.missing)}"
    for name in done.torn:
        yield f"  {name} ends in the middle of a write, which was left out"
    if not done.is_complete:
        yield (
            "Every target may be concerned: the next run reads each before it starts it, also "
            "with --no-precheck."
        )
    yield "The old ledgers are as they were. Run no shard with them any more: the new one would"
    yield "not know of it."
    yield f"Next: batch-onboard run MANIFEST --ledger {out}"
