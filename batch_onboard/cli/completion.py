"""`batch-onboard completion`."""

from __future__ import annotations

import click

from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command

PROGRAM = "batch-onboard"
VARIABLE = "_BATCH_ONBOARD_COMPLETE"
"""Where the shell's script says what it wants; click derives this name from the program's."""


@click.command(cls=Command, examples=EXAMPLES["completion"])
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete this command.

    It completes commands, options, their values, selectors and files.
    """
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    kind = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}[shell]
    click.echo(kind(ctx.find_root().command, {}, PROGRAM, VARIABLE).source(), nl=False)
