"""`batch-onboard completion`."""

from __future__ import annotations

import os

import click

from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command

PROGRAM = "batch-onboard"
VARIABLE = "_BATCH_ONBOARD_COMPLETE"
"""Where the shell's script says what it wants; click derives this name from the program's."""


def answer_shells() -> None:
    """Let click answer a shell that asks, if one does, in the way of the scripts of this tool."""
    if VARIABLE not in os.environ:
        return
    from click.shell_completion import add_completion_class

    from batch_onboard.cli.shells import SHELLS

    for shell in SHELLS.values():
        add_completion_class(shell)


@click.command(cls=Command, examples=EXAMPLES["completion"])
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete this command.

    It completes commands, options, their values, selectors and files.
    """
    from batch_onboard.cli.shells import SHELLS

    click.echo(SHELLS[shell](ctx.find_root().command, {}, PROGRAM, VARIABLE).source(), nl=False)
