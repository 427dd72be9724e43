"""What `discover` does: it searches, tells meanwhile how far that is, and writes a manifest."""

from __future__ import annotations

import hashlib
import os
import secrets
import shlex
import signal
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.arguments import allowance_of
from batch_onboard.cli.discover_options import check_options, is_stdout, settings_from
from batch_onboard.cli.discovered import Told, tell
from batch_onboard.cli.invocation import Invocation
from batch_onboard.cli.problems import say_problems
from batch_onboard.cli.texts import count, duration, safe
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.app.discovery import Discovery, DiscoverySettings
    from batch_onboard.cli.talk import Talk
    from batch_onboard.discovery.inventory import Inventory
    from batch_onboard.discovery.state import State

_BY_SIGNAL = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}


def discover_instances(ctx: click.Context, options: dict[str, Any]) -> Exit:
    """Write a manifest of what is there, and say how that went.

    Raises:
        click.UsageError: options are given that can't go together.
    """
    from batch_onboard.app.discovery import DiscoveryError
    from batch_onboard.app.writing import UnwritableError
    from batch_onboard.cli.talk import Talk
    from batch_onboard.discovery.lists import AccountListError
    from batch_onboard.discovery.state import StateError, StateLockedError
    from batch_onboard.manifest.problems import ManifestError
    from batch_onboard.service.settings import ServiceConfigurationError
    from batch_onboard.simulator.errors import SimulatorError
    from batch_onboard.simulator.scenario import ScenarioError

    check_options(options)
    invocation = ctx.ensure_object(Invocation)
    talk = Talk(options["log_format"], quiet=options["quiet"])
    invocation.talk = talk
    try:
        settings, defaults = settings_from(options, invocation.secrets)
        settings = replace(settings, allowance=allowance_of(ctx))
        return _carry_out(settings, defaults, options, talk)
    except ManifestError as error:
        say_problems(talk, error.problems[0].file, error.problems, "manifest")
        return Exit.USAGE
    except StateError as error:
        talk.fail("state", str(error))
        return Exit.LOCKED if isinstance(error, StateLockedError) else Exit.LEDGER
    except (
        AccountListError,
        DiscoveryError,
        ScenarioError,
        ServiceConfigurationError,
        SimulatorError,
        UnwritableError,
    ) as error:
        for line in str(error).splitlines():
            talk.fail("settings", safe(line))
        return Exit.USAGE


def _carry_out(
    settings: DiscoverySettings, defaults: dict[str, Any], options: dict[str, Any], talk: Talk
) -> Exit:
    import anyio

    from batch_onboard.app.discovery import Discovery
    from batch_onboard.discovery.state import open_state

    out: Path = options["out"]
    beside = None if is_stdout(out) else out.with_name(f"{out.name}.discovery.jsonl")
    with open_state(beside, _world(settings)) as state:
        _keep_from_overwriting(out, state, options)
        if state.covered:
            pairs = count(len(state.covered), "pair")
            talk.say("resuming", f"going on: {pairs} are known from {beside}; delete it for none")
        discovery = Discovery(settings, state, secrets.token_hex(6))
        began = time.monotonic()
        received: list[signal.Signals] = []
        inventory = anyio.run(_run, discovery, options, talk, received)
        if inventory is None:
            return _say_interrupted(received, state, talk)
        by = discovery.caller.arn if discovery.caller else ""
        written = _write(inventory, defaults, by, state, options)
    kept = str(beside) if beside is not None and inventory.refused else None
    told = Told(inventory, written, kept, time.monotonic() - began)
    form, quiet = options["output"], options["quiet"]
    tell(told, form=form, quiet=quiet, to_stderr=is_stdout(out))
    return told.exit_code


def _world(settings: DiscoverySettings) -> str:
    """Name what is asked, so that a rehearsal's answers never end up among real ones."""
    if settings.scenario is not None:
        return "a simulator of its own (--simulate)"
    url = os.environ.get("AWS_ENDPOINT_URL_CONNECT") or os.environ.get("AWS_ENDPOINT_URL")
    return f"AWS at {url}" if url else "AWS"


def _keep_from_overwriting(out: Path, state: State, options: dict[str, Any]) -> None:
    """Refuse to write over a file, but for one that this discovery wrote, and nobody changed."""
    from batch_onboard.app.writing import UnwritableError, digest_of

    if is_stdout(out) or options["force"]:
        return
    digest = digest_of(out)
    if digest not in {None, state.wrote}:
        raise UnwritableError(f"{out} is there: name another file, or overwrite it with --force")


async def _run(
    discovery: Discovery, options: dict[str, Any], talk: Talk, received: list[signal.Signals]
) -> Inventory | None:
    import anyio

    ended: list[Inventory | Exception | None] = []
    async with anyio.create_task_group() as group:
        group.start_soon(_listen, discovery, talk, received)
        group.start_soon(_show, discovery, options["progress_every"], talk)
        try:
            ended.append(await discovery.run())
        except Exception as error:  # noqa: BLE001 - past the group, which would wrap it
            ended.append(_single(error))
        group.cancel_scope.cancel()
    (outcome,) = ended
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _single(error: Exception) -> Exception:
    """Return the first exception of a group: what ends one worker ends all in the same way."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


async def _listen(discovery: Discovery, talk: Talk, received: list[signal.Signals]) -> None:
    import anyio

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            received.append(signal.Signals(number))
            discovery.interrupt()
            if len(received) == 1:
                talk.warn("stopping", "stopping: finishing calls, again to stop now")


async def _show(discovery: Discovery, every: float, talk: Talk) -> None:
    import anyio

    began = anyio.current_time()
    while True:
        await anyio.sleep(every)
        read, total = discovery.read, discovery.total
        elapsed = anyio.current_time() - began
        sentence = (
            f"{read:,}/{total:,} {100 * read // max(1, total)}% | not covered "
            f"{discovery.refused:,} | {discovery.calls / elapsed:.0f} calls/s, "
            f"{discovery.throttled:,} throttled | {duration(elapsed)}"
        )
        talk.say(
            "progress",
            sentence,
            elapsed=round(elapsed, 3),
            read=read,
            total=total,
            not_covered=discovery.refused,
            calls=discovery.calls,
            throttled=discovery.throttled,
        )


def _say_interrupted(received: list[signal.Signals], state: State, talk: Talk) -> Exit:
    again = shlex.join(["batch-onboard", *sys.argv[1:]])
    kept = count(len(state.covered), "pair")
    talk.fail("interrupted", f"interrupted, {kept} read and saved. To go on: {again}")
    return _BY_SIGNAL[received[0]]


def _write(
    inventory: Inventory, defaults: dict[str, Any], by: str, state: State, options: dict[str, Any]
) -> str | None:
    """Write the manifest, if anything stands in it; return where."""
    from batch_onboard.app.manifests import manifest_text

    out: Path = options["out"]
    written = next(inventory.new(), None) is not None
    if written:
        against = options["against"]
        text = manifest_text(
            inventory,
            defaults,
            name=options["name"] or ("discovered" if is_stdout(out) else out.stem),
            by=by,
            against=None if against is None else str(against),
        )
        _put(text, out, state, complete=not inventory.refused)
    if not inventory.refused:
        state.remove()
    return str(out) if written else None


def _put(text: str, out: Path, state: State, *, complete: bool) -> None:
    from batch_onboard.app.writing import write_whole

    if is_stdout(out):
        click.echo(text, nl=False)
        return
    data = text.encode()
    if not complete:  # first: a run that ends here may overwrite what it was about to write
        state.keep_digest(hashlib.sha256(data).hexdigest())
    write_whole(out, data)
