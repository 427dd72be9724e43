"""The command `batch-onboard`: help, version, and the way to each command."""

from __future__ import annotations

import os
import sys

import click

from batch_onboard.cli.framework import LazyGroup
from batch_onboard.cli.streams import Lasting, explain_loss, make_streams_last
from batch_onboard.exits import Exit, exit_codes_help

_COMMANDS = "batch_onboard.cli"
_LAZY = {
    "validate": (f"{_COMMANDS}.validate:validate", "Check a manifest, without the network."),
    "run": (f"{_COMMANDS}.run:run", "Onboard the targets of a manifest; run again to resume."),
    "status": (f"{_COMMANDS}.status:status", "Say where a batch stands."),
    "report": (f"{_COMMANDS}.report:report", "Write the results per target: JSON, JSONL or CSV."),
    "ledger": (
        f"{_COMMANDS}.ledger:ledger",
        "Care for a ledger: verify, salvage, compact, unlock.",
    ),
    "simulate": (f"{_COMMANDS}.simulate:simulate", "Serve the simulated AWS on loopback."),
    "schema": (f"{_COMMANDS}.schema:schema", "Print the manifest's JSON Schema, for editors."),
}
_EXAMPLES = """\b
Examples:
  batch-onboard validate emea.yaml
  batch-onboard run emea.yaml --simulate
  batch-onboard run emea.yaml --yes
"""


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if not value or ctx.resilient_parsing:
        return
    from batch_onboard.versions import versions

    click.echo(" ".join(f"{name} {number}" for name, number in versions().items()))
    ctx.exit()


@click.group(
    cls=LazyGroup,
    lazy=_LAZY,
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"{_EXAMPLES}\n{exit_codes_help()}",
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Print the versions of the tool, Python and botocore.",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Onboard many Amazon Connect instances to outbound campaigns.

    A YAML manifest names the instances; `run` starts their onboarding jobs as fast as each
    account's quota allows, follows them to their end, and writes a ledger from which any later
    run resumes.
    """
    if ctx.invoked_subcommand is None:
        click.echo(
            "Onboard many Amazon Connect instances to outbound campaigns.\n\n"
            f"{_EXAMPLES.removeprefix(chr(8)).strip()}\n\n"
            "batch-onboard --help lists all commands."
        )


def main() -> None:
    """Run the command and exit with its code."""
    out, err = make_streams_last()
    code = _run()
    lost = explain_loss(out)
    if lost is not None:
        click.echo(lost, err=True)
        code = code or Exit.ERROR
    err.flush()
    for stream in (out, err):
        if stream.failure is not None:
            _let_go(stream)
    sys.exit(code)


def _run() -> int:
    try:
        return int(cli.main(standalone_mode=False) or 0)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return Exit.INTERRUPTED


def _let_go(stream: Lasting) -> None:
    """Point a stream's descriptor nowhere: Python flushes it once more at exit, and complains."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
