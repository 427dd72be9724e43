"""The options of `discover`, and the settings that they make."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.arguments import (
    FILE,
    PLACE,
    FileType,
    concurrency_option,
    config_option,
    log_format_option,
    output_option,
    progress_every_option,
    quiet_option,
    scenario_option,
    simulate_option,
    timeout_option,
)
from batch_onboard.cli.arguments import option as _option

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from batch_onboard.app.discovery import DiscoverySettings
    from batch_onboard.app.ledgers import Place
    from batch_onboard.core.catalogue import Account
    from batch_onboard.core.redaction import Secrets
    from batch_onboard.core.targets import TargetKey
    from batch_onboard.simulator.scenario import Scenario

_UNIT = r"r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}"
_REGION = r"[a-z]{2,}(-[a-z]+)+-[0-9]+"
_MOST_LIST_BYTES = 16 << 20


class Form(click.ParamType[str]):
    """A text of a certain form.

    Args:
        name: what it is called in help.
        pattern: of the form.
        wanted: the form in words.
    """

    def __init__(self, name: str, pattern: str, wanted: str) -> None:
        self.name = name
        self._pattern = pattern
        self._wanted = wanted

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text."""
        if re.fullmatch(self._pattern, str(value)) is None:
            self.fail(f"{value!r} is not {self._wanted}", param, ctx)
        return str(value)


class Tag(click.ParamType[tuple[str, str]]):
    """`KEY=VALUE`."""

    name = "KEY=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return key and value."""
        key, equals, wanted = str(value).partition("=")
        if not (key and equals):
            self.fail(f"{value!r} is no tag: write KEY=VALUE", param, ctx)
        return key, wanted


_OPTIONS = (
    config_option,
    _option(
        "Common",
        "-o",
        "--out",
        type=FileType(allow_dash=True),
        required=True,
        help="The manifest to write; -: to stdout. What was read so far is kept beside it, in "
        "OUT.discovery.jsonl, until everything is.",
    ),
    _option(
        "Common",
        "--force",
        is_flag=True,
        settable=False,
        help="Overwrite a file that is there.",
    ),
    _option("Common", "--name", help="The manifest's name. Default: its file's, without ending."),
    _option(
        "Common",
        "--defaults",
        type=FILE,
        help="A YAML file with what the manifest's defaults are to be (role_arn, encryption, ...). "
        "Without an encryption there, the manifest gets a placeholder to fill in.",
    ),
    _option(
        "Common",
        "--against",
        type=PLACE,
        help="A manifest, maybe s3://bucket/key: write only what is not in it, and list what has "
        "gone.",
    ),
    simulate_option("Look at a simulator of its own, without AWS."),
    scenario_option,
    _option(
        "Where to look",
        "--organization",
        is_flag=True,
        help="In the accounts of the caller's organization. Default: in the caller's own.",
    ),
    _option(
        "Where to look",
        "--ou",
        type=Form("OU_ID", _UNIT, "the id of an organizational unit or root"),
        multiple=True,
        help="With --organization: only accounts under this unit, at any depth. Repeatable.",
    ),
    _option(
        "Where to look",
        "--tag",
        type=Tag(),
        multiple=True,
        help="With --organization: only accounts with this tag; repeated: with all of them.",
    ),
    _option(
        "Where to look",
        "--accounts",
        type=FILE,
        help="In the accounts of this file: an id a line, or CSV with account_id and name.",
    ),
    _option(
        "Where to look",
        "--region",
        type=Form("REGION", _REGION, "a Region, such as eu-west-2"),
        multiple=True,
        help="Repeatable. Default: all that know outbound campaigns.",
    ),
    _option(
        "Credentials",
        "--role-arn",
        help="The role to assume in each account but the caller's own, such as "
        "arn:aws:iam::{account_id}:role/NAME. Default: that of --defaults.",
    ),
    _option("Credentials", "--external-id", help="For AssumeRole. Default: as the role."),
    concurrency_option,
    timeout_option,
    progress_every_option("How often progress is told, on stderr."),
    log_format_option,
    output_option,
    quiet_option,
)


def discover_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def is_stdout(out: Path) -> bool:
    """Say whether an output is no file."""
    return str(out) == "-"


def check_options(options: dict[str, Any]) -> None:
    """Refuse options that can't go together.

    Raises:
        click.UsageError: some can't.
    """
    if options["organization"] and options["accounts"] is not None:
        raise click.UsageError("--organization and --accounts exclude each other")
    if (options["ou"] or options["tag"]) and not options["organization"]:
        raise click.UsageError("--ou and --tag go with --organization")
    if options["scenario"] is not None and not options["simulate"]:
        raise click.UsageError("--scenario goes with --simulate")
    if is_stdout(options["out"]) and options["output"] == "json":
        raise click.UsageError("-o - and --output json both want stdout: name a file with -o")


def settings_from(
    options: dict[str, Any], secrets: Secrets
) -> tuple[DiscoverySettings, dict[str, Any]]:
    """Return what was asked for, and the defaults that the manifest is to have.

    Raises:
        AccountListError: the list of accounts can't be used.
        ManifestError: the defaults, or the manifest to compare with, can't be used.
        ScenarioError: the scenario can't be used.
        click.UsageError: no role is named where one is needed.
    """
    from batch_onboard.app.discovery import DiscoverySettings
    from batch_onboard.app.manifests import manifest_defaults
    from batch_onboard.manifest.defaults import load_defaults
    from batch_onboard.manifest.layers import NO_ROLE
    from batch_onboard.manifest.regions import regions_with_service

    given = {} if options["defaults"] is None else load_defaults(options["defaults"])
    role_arn, external_id = options["role_arn"], options["external_id"]
    if role_arn is None:
        role_arn, external_id = given.get("role_arn"), external_id or given.get("external_id")
    role_arn = None if role_arn == NO_ROLE else role_arn
    _check_role(role_arn, external_id, options)
    settings = DiscoverySettings(
        regions=tuple(sorted(set(options["region"]) or regions_with_service())),
        secrets=secrets,
        organization=options["organization"],
        units=options["ou"],
        tags=options["tag"],
        listed=_listed(options["accounts"]),
        role_arn=role_arn,
        external_id=external_id,
        known=_known(options["against"], secrets),
        concurrency=options["concurrency"],
        call_timeout=options["timeout"],
        scenario=_scenario(options),
    )
    return settings, manifest_defaults(settings, given)


def _check_role(role_arn: str | None, external_id: str | None, options: dict[str, Any]) -> None:
    from batch_onboard.manifest.arns import role_account

    many = options["organization"] or options["accounts"] is not None
    if role_arn is None:
        if many:
            raise click.UsageError(
                "other accounts need a role: --role-arn 'arn:aws:iam::{account_id}:role/NAME'"
            )
        if external_id is not None:
            raise click.UsageError("--external-id goes with --role-arn")
        return
    filled = role_account(role_arn.replace("{account_id}", "0" * 12))
    if filled is None or (many and "::{account_id}:" not in role_arn):
        raise click.UsageError(
            f"--role-arn {role_arn!r} must look like arn:aws:iam::{{account_id}}:role/NAME"
        )


def _listed(path: Path | None) -> tuple[Account, ...] | None:
    from batch_onboard.discovery.lists import AccountListError, read_accounts
    from batch_onboard.manifest.files import UnusableFileError, read_regular

    if path is None:
        return None
    try:
        text = read_regular(path, max_bytes=_MOST_LIST_BYTES).data.decode()
    except UnusableFileError as error:
        raise AccountListError(f"{path}: {error}") from error
    except UnicodeDecodeError as error:
        raise AccountListError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
    return tuple(read_accounts(text, str(path)))


def _known(place: Place | None, secrets: Secrets) -> frozenset[TargetKey] | None:
    from batch_onboard.app.s3manifests import load_any_manifest

    if place is None:
        return None
    manifest = load_any_manifest(place, allow_profiles=True, secrets=secrets)  # none is used here
    return frozenset(target.key for target in manifest.targets)


def _scenario(options: dict[str, Any]) -> Scenario | None:
    from batch_onboard.simulator.scenario import Scenario, load_scenario

    if not options["simulate"]:
        return None
    path = options["scenario"]
    return Scenario() if path is None else load_scenario(path)
