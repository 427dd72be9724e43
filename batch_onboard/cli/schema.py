"""`batch-onboard schema`."""

from __future__ import annotations

import click

from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command


@click.command(cls=Command, examples=EXAMPLES["schema"])
def schema() -> None:
    """Print the manifest's JSON Schema, for editors.

    \b
    For VS Code's YAML extension, write it to a file and begin the manifest with:
      # yaml-language-server: $schema=batch-onboard.schema.json
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    import json

    from batch_onboard.manifest.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
