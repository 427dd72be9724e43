"""What `run` and `plan` begin with: the manifest, the settings, the ledger's place."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.arguments import allowance_of
from batch_onboard.cli.invocation import Invocation
from batch_onboard.cli.ledger_options import is_folder
from batch_onboard.cli.problems import print_refusal, say_problems
from batch_onboard.cli.run_options import settings_from
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from batch_onboard.app.ledgers import Place
    from batch_onboard.app.settings import Settings
    from batch_onboard.cli.talk import Talk
    from batch_onboard.manifest.load import Manifest
    from batch_onboard.simulator.scenario import Scenario


def ledger_place(manifest: Place, given: Place | None, settings: Settings) -> Place:
    """Return where the ledger of a run is.

    Neither is a rehearsal's ever taken for a real one, nor a shard's for another one's.

    Args:
        manifest: the manifest, beside which it is by default.
        given: what `--ledger` names. A folder is for shards, and in S3, whose ledgers have the
            names there that they have by default; else it is a mistake, which opening it tells.
        settings: of the run.
    """
    kind = "" if settings.scenario is None else ".simulated"
    part = "" if settings.shard is None else f".{settings.shard.name}"
    name = f"{manifest.stem}{kind}{part}.ledger.jsonl"
    if given is None:
        return manifest.with_name(name)
    takes_folder = settings.shard is not None or not isinstance(given, Path)
    return given / name if takes_folder and is_folder(given) else given


def load_or_exit(ctx: click.Context, place: Place, options: dict[str, Any], talk: Talk) -> Manifest:
    """Load a manifest; say what is wrong with it, and end the command if it can't be used."""
    from batch_onboard.app.s3manifests import load_any_manifest
    from batch_onboard.manifest.problems import ManifestError

    secrets = ctx.ensure_object(Invocation).secrets
    try:
        manifest = load_any_manifest(
            place, allow_profiles=options["allow_profiles"], secrets=secrets
        )
    except ManifestError as error:
        say_problems(talk, str(place), error.problems, "manifest")
        if options["output"] == "json":
            print_refusal(error.problems)
        ctx.exit(Exit.USAGE)
    say_problems(talk, str(place), manifest.warnings, "manifest")
    return manifest


def _scenario_or_exit(ctx: click.Context, options: dict[str, Any], talk: Talk) -> Scenario | None:
    """Load what `--scenario` names; None without `--simulate`."""
    if not options["simulate"]:
        if options["scenario"] is not None:
            raise click.UsageError("--scenario goes with --simulate")
        return None
    from batch_onboard.simulator.scenario import Scenario, ScenarioError, load_scenario

    if options["scenario"] is None:
        return Scenario()
    try:
        return load_scenario(options["scenario"])
    except ScenarioError as error:
        talk.fail("scenario", str(error))
        ctx.exit(Exit.USAGE)


def settings_or_exit(ctx: click.Context, options: dict[str, Any], talk: Talk) -> Settings:
    """Make settings of options; say what is wrong with the scenario, and end the command then."""
    return replace(
        settings_from(options, _scenario_or_exit(ctx, options, talk), tuple(sys.argv[1:])),
        secrets=ctx.ensure_object(Invocation).secrets,
        allowance=allowance_of(ctx),
        notify=lambda sentence: talk.warn("notice", sentence),
    )


def bound_or_exit(
    ctx: click.Context, path: Path, manifest: Manifest, settings: Settings, talk: Talk
) -> Settings:
    """Bind a run to a plan; say why that can't be, and end the command then."""
    from batch_onboard.app.planfile import PlanFileError, load_plan

    try:
        approved = load_plan(path, manifest, simulate=settings.scenario is not None)
        return approved.bind(settings)
    except PlanFileError as error:
        talk.fail("plan", str(error))
        ctx.exit(Exit.USAGE)
