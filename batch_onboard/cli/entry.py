"""The command `batch-onboard`: help, version, and the way to each command."""

from __future__ import annotations

import os
import sys

import click

from batch_onboard.cli.completion import answer_shells
from batch_onboard.cli.crash import tell_crash
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import LazyGroup
from batch_onboard.cli.invocation import Invocation
from batch_onboard.cli.streams import Lasting, explain_loss, make_streams_last
from batch_onboard.cli.usage import usage_line
from batch_onboard.exits import Exit, exit_codes_help

_COMMANDS = "batch_onboard.cli"
_LAZY = {
    "validate": (f"{_COMMANDS}.validate:validate", "Check a manifest, without the network."),
    "plan": (
        f"{_COMMANDS}.plan:plan",
        "Say what a run would do: read the live state, change nothing.",
    ),
    "run": (f"{_COMMANDS}.run:run", "Onboard the targets of a manifest; run again to resume."),
    "status": (f"{_COMMANDS}.status:status", "Say where a batch stands."),
    "report": (f"{_COMMANDS}.report:report", "Write the results per target: JSON, JSONL or CSV."),
    "ledger": (
        f"{_COMMANDS}.ledger:ledger",
        "Care for a ledger: verify, salvage, compact, unlock.",
    ),
    "policy": (f"{_COMMANDS}.policy:policy", "Print least-privilege IAM policies for a manifest."),
    "discover": (
        f"{_COMMANDS}.discover:discover",
        "Write a manifest of the Connect instances that exist.",
    ),
    "simulate": (f"{_COMMANDS}.simulate:simulate", "Serve the simulated AWS on loopback."),
    "schema": (f"{_COMMANDS}.schema:schema", "Print the manifest's JSON Schema, for editors."),
    "completion": (
        f"{_COMMANDS}.completion:completion",
        "Print what makes a shell complete this command.",
    ),
}
_SECRET_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
)


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if not value or ctx.resilient_parsing:
        return
    from batch_onboard.versions import versions

    click.echo(" ".join(f"{name} {number}" for name, number in versions().items()))
    ctx.exit()


class _Root(LazyGroup):
    """The whole command, whose errors click does not judge by their type."""

    def invoke(self, ctx: click.Context) -> object:
        """Call the command that was named.

        click takes every EOFError for a person's Ctrl-D, and every broken pipe for a reader that
        has left, and ends without a word. A prompt and the streams see to those themselves, so
        what comes as far as this is a bug: it goes past click in a group.
        """
        try:
            return super().invoke(ctx)
        except (EOFError, BrokenPipeError) as error:
            raise ExceptionGroup("past click", [error]) from None


@click.group(
    cls=_Root,
    lazy=_LAZY,
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    examples=EXAMPLES[""],
    epilog=exit_codes_help(),
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
            "Examples:\n" + "".join(f"  {example}\n" for example in EXAMPLES[""]) + "\n"
            "batch-onboard --help lists all commands."
        )


def main() -> None:
    """Run the command and exit with its code."""
    answer_shells()
    invocation = Invocation()
    invocation.secrets.learn(*(os.environ.get(name) for name in _SECRET_VARIABLES))
    out, err = make_streams_last(invocation.secrets)
    code = _run(invocation)
    lost = explain_loss(out)
    if lost is not None:
        _say(invocation, "stdout", lost)
        code = code or Exit.ERROR
    err.flush()
    for stream in (out, err):
        if stream.failure is not None:
            _let_go(stream)
    sys.exit(code)


def _run(invocation: Invocation) -> int:
    try:
        return int(cli.main(standalone_mode=False, obj=invocation) or 0)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        _say(invocation, "usage", usage_line(error))
        return Exit.USAGE
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        _say(invocation, "interrupted", "interrupted")
        return Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - told, with all that helps to mend it
        tell_crash(error, invocation)
        return Exit.ERROR


def _say(invocation: Invocation, event: str, sentence: str) -> None:
    if invocation.talk is None:
        click.echo(sentence, err=True)
    else:
        invocation.talk.fail(event, sentence)


def _let_go(stream: Lasting) -> None:
    """Point a stream's descriptor nowhere: Python flushes it once more at exit, and complains."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
