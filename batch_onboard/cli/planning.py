"""What `plan` does: it reads, tells meanwhile how far that is, and says what a run would do."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from batch_onboard.app.histories import history_of
from batch_onboard.app.outcome import BY_SIGNAL
from batch_onboard.cli.conduct import listen
from batch_onboard.cli.crash import tell_crash
from batch_onboard.cli.engines import check_engine
from batch_onboard.cli.fleet import history_of_all
from batch_onboard.cli.invocation import Invocation
from batch_onboard.cli.loading import ledger_place, load_or_exit, settings_or_exit
from batch_onboard.cli.metrics import unfit_place
from batch_onboard.cli.talk import Talk
from batch_onboard.core.planning import Action
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from batch_onboard.app.ledgers import Place
    from batch_onboard.app.planning import Plan, Planning
    from batch_onboard.app.settings import Settings
    from batch_onboard.ledger.history import History
    from batch_onboard.manifest.load import Manifest

# The words of a command line of `plan` that `run` does not take, or that would hide its answer.
_ALONE = frozenset({"--detailed-exitcode", "-q", "--quiet"})
_WITH_VALUE = frozenset({"-o", "--output"})
_BOTH_IN_ONE = ("-o", "--output=")


def plan_manifest(
    ctx: click.Context,
    manifest: Place,
    out: Path | None,
    options: dict[str, Any],
    *,
    detailed_exitcode: bool,
) -> Exit:
    """Say what a run would do, and how that went.

    Args:
        ctx: of the command; left at once where its arguments turn out wrong.
        manifest: its place.
        out: where the plan is kept; None: nowhere.
        options: of the command, which are those of `run`.
        detailed_exitcode: the code says whether there is something to do.
    """
    invocation = ctx.ensure_object(Invocation)
    talk = Talk(options["log_format"], verbosity=options["verbose"], quiet=options["quiet"])
    invocation.talk = talk
    loaded = load_or_exit(ctx, manifest, options, talk)
    settings = settings_or_exit(ctx, options, talk)
    check_engine(options)
    ledger = ledger_place(manifest, options["ledger"], settings)
    if out is not None and (wrong := unfit_place(out, ledger, manifest)):
        talk.fail("usage", f"-o: {wrong}")
        return Exit.USAGE
    simulate = settings.scenario is not None
    read: Callable[[], History] = partial(
        history_of, ledger, loaded.name, simulate=simulate, shard=settings.shard
    )
    if options["engine"] == "dask":
        read = partial(history_of_all, manifest, loaded.name, options, settings)
    planning = _prepare(ctx, loaded, ledger, read, settings, talk)
    found = _read(ctx, planning, options, talk)
    kept = None if out is None else _keep(ctx, out, found, loaded, settings, talk)
    code = Exit.WORK_TO_DO if detailed_exitcode and found.work else Exit.OK
    for bug in found.bugs[:1]:
        tell_crash(bug, invocation)
        code = Exit.ERROR
    advice = _advice(settings, found, out)
    if options["output"] == "json":
        _print_json(loaded, found, kept, code, advice)
    elif not options["quiet"]:
        _print_text(found, advice if out is None else f"Kept in {out}, digest {kept}\n{advice}")
    return code


def _prepare(
    ctx: click.Context,
    manifest: Manifest,
    ledger: Place,
    read: Callable[[], History],
    settings: Settings,
    talk: Talk,
) -> Planning:
    from batch_onboard.app.planning import Planning
    from batch_onboard.core.selection import SelectionError
    from batch_onboard.ledger.errors import LedgerError

    try:
        history = read()
        planning = Planning(manifest, history, settings)
    except LedgerError as error:
        talk.fail("ledger", str(error), ledger=str(ledger))
        ctx.exit(Exit.LEDGER)
    except SelectionError as error:
        talk.fail("usage", str(error))
        ctx.exit(Exit.USAGE)
    talk.name_run(planning.run_id)
    if history.runs and history.runs[-1].ended is None:
        latest = history.runs[-1].began
        talk.warn(
            "ledger",
            f"the latest run of {ledger} (pid {latest.pid} on {latest.host}) has not ended: if it "
            "is under way, what it does from now on is not in this plan",
        )
    return planning


def _read(ctx: click.Context, planning: Planning, options: dict[str, Any], talk: Talk) -> Plan:
    import anyio

    from batch_onboard.service.settings import ServiceConfigurationError
    from batch_onboard.simulator.errors import SimulatorError

    try:
        found = anyio.run(_watched, planning, options, talk)
    except (ServiceConfigurationError, SimulatorError) as error:
        talk.fail("settings", str(error))
        ctx.exit(Exit.USAGE)
    if planning.received is not None:
        talk.fail("interrupted", "interrupted: not all was read, so there is no plan")
        ctx.exit(BY_SIGNAL[planning.received])
    return found


async def _watched(planning: Planning, options: dict[str, Any], talk: Talk) -> Plan:
    """Read, tell meanwhile how far that is, and listen to signals."""
    import anyio

    from batch_onboard.cli.logs import LogWatcher
    from batch_onboard.cli.progress import ProgressMode, can_renew, show_progress
    from batch_onboard.service.settings import ServiceConfigurationError
    from batch_onboard.simulator.errors import SimulatorError

    mode = ProgressMode(options["progress"]).resolved(
        terminal=can_renew(terminal=sys.stderr.isatty()), events=talk.events
    )
    if options["quiet"]:
        mode = ProgressMode.NONE
    progress = planning.progress(anyio.current_time())
    read: list[Plan | Exception] = []
    async with anyio.create_task_group() as group:
        group.start_soon(listen, planning, talk)
        group.start_soon(show_progress, progress.picture, mode, options["progress_every"], talk)
        try:
            read.append(await planning.read(LogWatcher(talk) if options["verbose"] else None))
        except (ServiceConfigurationError, SimulatorError) as error:
            read.append(error)  # past the group, which would wrap it
        group.cancel_scope.cancel()
    (found,) = read
    if isinstance(found, Exception):
        raise found
    return found


def _keep(
    ctx: click.Context,
    out: Path,
    found: Plan,
    manifest: Manifest,
    settings: Settings,
    talk: Talk,
) -> str:
    from batch_onboard.app.planfile import save_plan
    from batch_onboard.app.writing import UnwritableError

    try:
        return save_plan(out, found, manifest, settings)
    except UnwritableError as error:
        talk.fail("usage", str(error))
        ctx.exit(Exit.USAGE)


def _advice(settings: Settings, found: Plan, out: Path | None) -> str:
    """Return what to type next."""
    words = list(_words_of_run(settings.arguments[1:]))
    if not found.work:
        again = shlex.join(["batch-onboard", "plan", *words])
        stopped = len(found.items) > found.counts.get(Action.DONE, 0)
        return f"When that is mended: {again}" if stopped else "Nothing to do."
    if out is not None:
        words += ["--plan", str(out)]
    return f"To do that: {shlex.join(['batch-onboard', 'run', *words])}"


def _words_of_run(words: Iterable[str]) -> Iterator[str]:
    """Yield the words of a command line that `run` takes as well."""
    rest = iter(words)
    for word in rest:
        if word in _WITH_VALUE:
            next(rest, None)
        elif word not in _ALONE and not word.startswith(_BOTH_IN_ONE):
            yield word


def _print_text(found: Plan, advice: str) -> None:
    from batch_onboard.cli.plan_text import plan_lines

    for line in plan_lines(found):
        click.echo(line)
    click.echo(f"\n{advice}")


def _print_json(
    manifest: Manifest, found: Plan, digest: str | None, code: Exit, advice: str
) -> None:
    import msgspec

    from batch_onboard.cli.plan_text import plan_facts

    begin = {"manifest": manifest.name, "exit_code": code}
    told = {**begin, **plan_facts(found), "digest": digest, "next": advice}
    click.echo(msgspec.json.encode(told).decode())
