"""`batch-onboard validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from batch_onboard.cli.arguments import allow_profiles_option, manifest_argument, output_option
from batch_onboard.cli.framework import Command
from batch_onboard.cli.texts import count
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.manifest.problems import Problem


@click.command(cls=Command)
@manifest_argument
@allow_profiles_option
@output_option
@click.pass_context
def validate(ctx: click.Context, manifest: Path, allow_profiles: bool, output: str) -> None:
    """Check a manifest, without the network.

    Every problem is reported in one pass, as file:line:column: what is wrong and how to mend it.
    """
    from batch_onboard.manifest.load import load_manifest
    from batch_onboard.manifest.problems import ManifestError

    try:
        loaded = load_manifest(manifest, allow_profiles=allow_profiles)
    except ManifestError as error:
        if output == "json":
            _print_json(valid=False, targets=0, problems=error.problems)
        else:
            click.echo(str(error), err=True)
            number = sum(problem.severity == "error" for problem in error.problems)
            click.echo(f"{manifest}: {number} to mend", err=True)
        ctx.exit(Exit.USAGE)
    if output == "json":
        _print_json(valid=True, targets=len(loaded.targets), problems=loaded.warnings)
        return
    for warning in loaded.warnings:
        click.echo(str(warning), err=True)
    accounts = {target.key.account_id for target in loaded.targets}
    regions = {target.key.region for target in loaded.targets}
    click.echo(
        f"{manifest}: {count(len(loaded.targets), 'target')} in "
        f"{count(len(accounts), 'account')} and {count(len(regions), 'Region')}: fine"
    )


def _print_json(*, valid: bool, targets: int, problems: tuple[Problem, ...]) -> None:
    import msgspec

    told = {"valid": valid, "targets": targets, "problems": problems}
    click.echo(msgspec.json.encode(told).decode())
