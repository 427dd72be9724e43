"""`batch-onboard policy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.arguments import allow_profiles_option, manifest_argument, output_option
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command, Option, did_you_mean
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batch_onboard.app.ledgers import Place
    from batch_onboard.core.targets import Target

_KINDS = {
    "run": "for the role in each account, to onboard",
    "read": "for the role in each account, only to read: plan, discover",
    "trust": "trust policy of the role; put in who calls",
    "caller": "for whoever runs this, to assume the roles",
    "organization": "for whoever runs discover --organization, besides",
}


@click.command(cls=Command, examples=EXAMPLES["policy"])
@manifest_argument
@click.option(
    "--kind",
    cls=Option,
    type=click.Choice([*_KINDS, "all"]),
    default="all",
    help="Which policy. One alone is printed as a document that IAM takes.",
)
@click.option(
    "--account",
    cls=Option,
    metavar="ID",
    help="Only for the targets of this account; else one policy for all.",
)
@allow_profiles_option
@output_option
@click.pass_context
def policy(
    ctx: click.Context,
    manifest: Place,
    kind: str,
    account: str | None,
    allow_profiles: bool,
    output: str,
) -> None:
    """Print least-privilege IAM policies for a manifest, without the network.

    Instances and keys are named by their ARNs, and what is asked of the service-linked role is
    kept to its path.
    """
    import json

    from batch_onboard.core.policies import LONGEST_POLICY, POLICIES

    targets = _targets(ctx, manifest, account, allow_profiles=allow_profiles)
    documents = {name: POLICIES[name](targets) for name in _KINDS if kind in (name, "all")}
    for name, document in documents.items():
        length = len(json.dumps(document, separators=(",", ":")))
        if length > LONGEST_POLICY:
            click.echo(
                f"{name}: {length:,} characters are more than the {LONGEST_POLICY:,} of a managed "
                "policy: print one for each account with --account",
                err=True,
            )
    _print(documents, kind, output)


def _targets(
    ctx: click.Context, place: Place, account: str | None, *, allow_profiles: bool
) -> Sequence[Target]:
    from batch_onboard.app.s3manifests import load_any_manifest
    from batch_onboard.cli.problems import print_problems
    from batch_onboard.manifest.problems import ManifestError

    try:
        targets = load_any_manifest(place, allow_profiles=allow_profiles).targets
    except ManifestError as error:
        print_problems(str(place), error.problems)
        ctx.exit(Exit.USAGE)
    chosen = [each for each in targets if account in (None, each.key.account_id)]
    if not chosen:
        known = sorted({each.key.account_id for each in targets})
        near = did_you_mean(account or "", known)
        raise click.UsageError(f"--account {account} matches no target of {place}{near}")
    return chosen


def _print(documents: dict[str, Any], kind: str, output: str) -> None:
    import json

    if kind != "all":
        click.echo(json.dumps(documents[kind], indent=2))
    elif output == "json":
        click.echo(json.dumps(documents, indent=2))
    else:
        parts = [
            f"# {name}: {_KINDS[name]}\n{json.dumps(document, indent=2)}"
            for name, document in documents.items()
        ]
        click.echo("\n\n".join(parts))
