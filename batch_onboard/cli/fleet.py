"""`batch-onboard run --engine dask`: the run of a coordinator, whose workers do the shards."""

from __future__ import annotations

import logging
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batch_onboard.cli.conduct import carry_out
from batch_onboard.cli.engines import dask_settings, is_elsewhere, shards_by_default
from batch_onboard.cli.invocation import Invocation
from batch_onboard.cli.logs import LogWatcher
from batch_onboard.cli.preview import confirm
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    import click

    from batch_onboard.app.happenings import Said
    from batch_onboard.app.ledgers import Place
    from batch_onboard.app.settings import Settings
    from batch_onboard.cli.talk import Talk
    from batch_onboard.core.shard import Shard
    from batch_onboard.engine.watching import Notice
    from batch_onboard.fleet.home import Home
    from batch_onboard.ledger.history import History
    from batch_onboard.manifest.load import Manifest

_WARNINGS = frozenset({"notice", "waiting", "worker_lost"})


def home_of(manifest: Place, options: dict[str, Any], settings: Settings) -> Home:
    """Find the ledgers of all shards.

    Raises:
        LedgerError: they can't be used.
    """
    from batch_onboard.fleet.home import find_home

    asked = options["shard_count"], shards_by_default(options)
    simulate = settings.scenario is not None
    return find_home(manifest, options["ledger"], simulate=simulate, count=asked)


def history_of_all(
    manifest: Place, name: str, options: dict[str, Any], settings: Settings
) -> History:
    """Read what the ledgers of all shards know, locking and changing nothing.

    Args:
        manifest: its place.
        name: its name.
        options: of the command.
        settings: of the run.

    Raises:
        LedgerError: they can't be used.
    """
    simulate = settings.scenario is not None
    return home_of(manifest, options, settings).read(name, simulate=simulate)


def run_fleet(
    ctx: click.Context,
    place: Place,
    manifest: Manifest,
    settings: Settings,
    options: dict[str, Any],
) -> Exit:
    """Run a batch with workers, and tell how it ended.

    Args:
        ctx: of the command; left at once where its arguments turn out wrong.
        place: the manifest's.
        manifest: what it says.
        settings: of the run.
        options: of the command.

    Raises:
        LedgerError: its ledgers can't be used.
        SelectionError: the settings select nothing, or what can't go together.
    """
    invocation = ctx.ensure_object(Invocation)
    talk = invocation.talk
    assert talk is not None  # noqa: S101 - the command has made it
    refuse_without_dask(ctx, talk)
    home = home_of(place, options, settings)
    _refuse_files_elsewhere(ctx, home.folder, options, talk)
    if settings.shard is not None:
        talk.fail("plan", f"the plan is of {settings.shard} alone: run it as that shard")
        ctx.exit(Exit.USAGE)
    from batch_onboard.fleet.dask import open_dask
    from batch_onboard.fleet.fleet import Fleet

    fleet = Fleet(
        manifest,
        home,
        settings,
        audience=_Audience(talk),
        least=_least(options, talk),
        silence=options["worker_timeout"],
    )
    talk.name_run(fleet.run_id)
    confirm(ctx, fleet, manifest, options, talk)
    engine = partial(open_dask, dask_settings(options, home.count))
    return carry_out(fleet, partial(fleet.run, engine), options, talk, invocation)


class _Audience:
    """Tells what the coordinator hears; conforms to `fleet.coordinator.Audience`."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._watcher = LogWatcher(talk)

    def tell(self, event: str, sentence: str) -> None:
        """Tell people, or programs, a sentence."""
        say = self._talk.warn if event in _WARNINGS else self._talk.say
        say(event, sentence)

    def said(self, shard: Shard, said: Said) -> None:
        """Log a line, with the shard that it is of."""
        self._watcher.said(said, shard=str(shard))

    def noticed(self, notice: Notice) -> None:
        """Tell what holds for many targets, as one process does."""
        self._watcher.noticed(notice)


def refuse_without_dask(ctx: click.Context, talk: Talk) -> None:
    """Say how to get Dask where it is missing, and end the command."""
    if find_spec("distributed") is None:
        talk.fail("usage", "--engine dask needs Dask: pip install 'batch-onboard[dask]'")
        ctx.exit(Exit.USAGE)


def _refuse_files_elsewhere(
    ctx: click.Context, folder: Place, options: dict[str, Any], talk: Talk
) -> None:
    """Refuse ledgers that workers of other machines would look for on their own disks."""
    if isinstance(folder, Path) and is_elsewhere(options):
        sentence = (
            f"{folder} is a folder of this machine, and workers may be on others: name a place in "
            "S3 with --ledger, as in s3://bucket/ledgers/"
        )
        talk.fail("usage", sentence)
        ctx.exit(Exit.USAGE)


def _least(options: dict[str, Any], talk: Talk) -> int:
    """Return the level of the log from which on workers tell lines, as `Talk` would log them."""
    otherwise = logging.WARNING if talk.events else logging.ERROR
    return {0: otherwise, 1: logging.INFO}.get(options["verbose"], logging.DEBUG)
