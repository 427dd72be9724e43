"""Arguments that several commands take."""

from __future__ import annotations

from pathlib import Path

import click

from batch_onboard.cli.framework import Option

FILE = click.Path(path_type=Path)

manifest_argument = click.argument("manifest", type=FILE)
ledger_argument = click.argument("ledger", type=FILE)
output_option = click.option(
    "--output",
    cls=Option,
    section="Output",
    type=click.Choice(["text", "json"]),
    default="text",
    help="What stdout is for: people or programs.",
)
progress_option = click.option(
    "--progress",
    cls=Option,
    section="Output",
    settable=True,
    type=click.Choice(["auto", "bar", "plain", "json", "none"]),
    default="auto",
    help="On stderr; auto: bar, a live view, on a terminal, else plain, a line now and then.",
)
allow_profiles_option = click.option(
    "--allow-profiles",
    cls=Option,
    section="Safety",
    settable=True,
    is_flag=True,
    help="Let the manifest name profiles of the AWS config; a profile can run programs.",
)
