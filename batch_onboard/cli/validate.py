"""`batch-onboard validate`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.arguments import allow_profiles_option, manifest_argument, output_option
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command
from batch_onboard.cli.terminals import terminal_of
from batch_onboard.cli.texts import count, safe
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batch_onboard.app.ledgers import Place
    from batch_onboard.manifest.problems import Problem


@click.command(cls=Command, examples=EXAMPLES["validate"])
@manifest_argument
@allow_profiles_option
@output_option
@click.pass_context
def validate(ctx: click.Context, manifest: Place, allow_profiles: bool, output: str) -> None:
    """Check a manifest, without the network; one in S3 (s3://bucket/key) is read from there.

    Every problem is reported in one pass, as file:line:column: what is wrong and how to mend it.
    """
    from batch_onboard.app.s3manifests import load_any_manifest
    from batch_onboard.cli.problems import print_problems, problem_lines
    from batch_onboard.manifest.problems import ManifestError

    try:
        loaded = load_any_manifest(manifest, allow_profiles=allow_profiles)
    except ManifestError as error:
        if output == "json":
            _print_json(error.problems, valid=False)
        else:
            print_problems(str(manifest), error.problems)
        ctx.exit(Exit.USAGE)
    accounts = len({target.key.account_id for target in loaded.targets})
    regions = len({target.key.region for target in loaded.targets})
    if output == "json":
        _print_json(
            loaded.warnings,
            name=safe(loaded.name),
            targets=len(loaded.targets),
            accounts=accounts,
            regions=regions,
            digest=loaded.digest,
            sources={safe(str(source.path)): source.digest for source in loaded.sources},
        )
        return
    for line in problem_lines(loaded.warnings, terminal_of(sys.stderr)):
        click.echo(line, err=True)
    click.echo(
        f"{manifest}: {count(len(loaded.targets), 'target')} in {count(accounts, 'account')} "
        f"and {count(regions, 'Region')}: fine"
    )


def _print_json(problems: Sequence[Problem], *, valid: bool = True, **facts: Any) -> None:
    import msgspec

    from batch_onboard.cli.problems import problem_facts

    told = {"valid": valid, **facts, "problems": [problem_facts(problem) for problem in problems]}
    click.echo(msgspec.json.encode(told).decode())
