"""`batch-onboard discover`."""

from __future__ import annotations

from typing import Any

import click

from batch_onboard.cli.discover_options import discover_options
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command

_EXIT_CODES = """\b
Exit codes (treat an unknown code as failure):
    0  everything was read
    2  usage, or nothing could be asked
    3  something is not covered; run it again to try only that
    5  the state file can't be read or written
   11  another discovery is at work on the same output
  130  interrupted (SIGINT), drained and saved
  143  terminated (SIGTERM), drained and saved
"""


@click.command(cls=Command, epilog=_EXIT_CODES, examples=EXAMPLES["discover"])
@discover_options
@click.pass_context
def discover(ctx: click.Context, /, **options: Any) -> None:
    """Write a manifest of the Connect instances that exist.

    Accounts (those of the organization, of a list, or the caller's own) times Regions: in each,
    the instances are listed, as fast as quotas allow. What could not be read is listed as not
    covered (exit 3). What was read is kept beside the output until all is; run again to go on.
    """
    from batch_onboard.cli.discovering import discover_instances

    ctx.exit(discover_instances(ctx, options))
