"""Arguments that several commands take."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.framework import Duration, Option
from batch_onboard.cli.settings_file import ALLOWED, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.core.allowance import Allowance

SOME_TIME = Duration(positive=True)


class FileType(click.Path):
    """A path."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a `Path`."""
        from pathlib import Path

        return Path(os.fsdecode(super().convert(value, param, ctx)))


class PlaceType(FileType):
    """A path, or a place in S3: `s3://bucket/name`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a `Path` or an `S3Place`."""
        from batch_onboard.core.s3place import SCHEME, S3Place

        if not str(value).startswith(SCHEME):
            return super().convert(value, param, ctx)
        try:
            return S3Place.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


FILE = FileType()
PLACE = PlaceType()


def option(section: str, *names: str, settable: bool = True, **rest: Any) -> Callable[..., Any]:
    """Make an option of a command that `--config` and the environment may set up."""
    return click.option(*names, cls=Option, section=section, settable=settable, **rest)


def allowance_of(ctx: click.Context) -> Allowance:
    """Return what the settings file allows; no flag and no environment lifts it."""
    from batch_onboard.core.allowance import Allowance

    allowed = ctx.meta.get(ALLOWED, {})
    return Allowance(allowed.get("allowed_accounts"), allowed.get("allowed_roles"))


manifest_argument = click.argument("manifest", type=PLACE)
ledger_argument = click.argument("ledger", type=PLACE)
ledgers_argument = click.argument(
    "ledgers", type=PLACE, nargs=-1, required=True, metavar="LEDGER..."
)
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
config_option = option(
    "Common",
    "--config",
    type=FILE,
    is_eager=True,
    expose_value=False,
    settable=False,
    callback=load_settings,
    help="A YAML file with settings; a flag wins over the environment, that over the file. "
    "Paths in it start from its own folder.",
)
scenario_option = option(
    "Common", "--scenario", type=FILE, help="With --simulate: how that world behaves."
)
concurrency_option = option(
    "Pacing",
    "--concurrency",
    metavar="N",
    type=click.IntRange(min=1),
    default=128,
    help="Calls in flight (not jobs).",
)
timeout_option = option(
    "Pacing", "--timeout", type=SOME_TIME, default="20s", help="The longest for one call."
)
log_format_option = option(
    "Output",
    "--log-format",
    type=click.Choice(["auto", "console", "json"]),
    default="auto",
    help="On stderr; auto: console on a terminal, else json.",
)
quiet_option = option(
    "Output",
    "-q",
    "--quiet",
    is_flag=True,
    settable=False,
    help="Print nothing when all is well.",
)


def simulate_option(text: str) -> Callable[..., Any]:
    """Make `--simulate`, which each command says in its own words."""
    return option("Common", "--simulate", is_flag=True, help=text)


def progress_every_option(text: str) -> Callable[..., Any]:
    """Make `--progress-every`; commands differ in what they tell."""
    return option("Output", "--progress-every", type=SOME_TIME, default="60s", help=text)
