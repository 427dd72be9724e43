"""`batch-onboard plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.arguments import FILE, manifest_argument
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Command, Option
from batch_onboard.cli.run_options import run_options

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.app.ledgers import Place

_NO_BEARING = frozenset(
    {
        "canary",
        "change_ref",
        "job_timeout",
        "listen",
        "lock_timeout",
        "max_duration",
        "max_failures",
        "max_same_cause",
        "metrics_file",
        "min_sample",
        "scheduler_address",
        "tls_ca_file",
        "tls_cert",
        "tls_key",
        "worker_timeout",
        "workers",
        "yes",
    }
)


class _PlanCommand(Command):
    """A command that takes all options of `run`, so that one command line and one file do for both.

    Its help is silent on those that have no bearing on a plan.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for option in self.params:
            if isinstance(option, Option) and option.name in _NO_BEARING:
                option.hidden = True


@click.command(cls=_PlanCommand, examples=EXAMPLES["plan"])
@manifest_argument
@click.option("-o", "out", cls=Option, section="Plan", type=FILE, help="Keep the plan in a file.")
@click.option(
    "--detailed-exitcode",
    cls=Option,
    section="Plan",
    is_flag=True,
    help="Exit with 6 if there is something to do for a run, with 0 if not.",
)
@run_options
@click.pass_context
def plan(
    ctx: click.Context,
    /,
    manifest: Place,
    out: Path | None,
    detailed_exitcode: bool,
    **options: Any,
) -> None:
    """Say what a run would do: read the live state, change nothing.

    It reads as a run does, with the same identities and at the same pace, and says what would be
    started, is in progress, is done, has drifted or is blocked, and how long it would take. The
    ledger is read if there is one, not locked, and not written to. All options of `run` are taken.

    With --no-precheck nothing is read of targets that the ledger does not know: where it knows
    none, a plan needs no AWS.

    With -o the plan is kept: `run --plan FILE` does only what it says.
    """
    from batch_onboard.cli.planning import plan_manifest

    code = plan_manifest(ctx, manifest, out, options, detailed_exitcode=detailed_exitcode)
    ctx.exit(code)
