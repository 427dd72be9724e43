"""`batch-onboard ledger`: the way to the commands that care for a ledger."""

from __future__ import annotations

import click

from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import LazyGroup

_COMMANDS = "batch_onboard.cli"
_LAZY = {
    "verify": (f"{_COMMANDS}.ledger_verify:verify", "Say whether a ledger is whole."),
    "salvage": (
        f"{_COMMANDS}.ledger_salvage:salvage",
        "Build a new ledger from what is intact in a damaged one.",
    ),
    "compact": (f"{_COMMANDS}.ledger_compact:compact", "Write a ledger anew with fewer lines."),
    "merge": (f"{_COMMANDS}.ledger_merge:merge", "Make one ledger of several, as of all shards."),
    "unlock": (f"{_COMMANDS}.ledger_unlock:unlock", "Say who holds a ledger, if anyone does."),
}


@click.group(cls=LazyGroup, lazy=_LAZY, examples=EXAMPLES["ledger"], no_args_is_help=False)
def ledger() -> None:
    """Care for a ledger. None of these commands asks back."""
