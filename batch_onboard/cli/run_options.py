"""The options of `run`, a table by headings, and the settings that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.arguments import (
    FILE,
    PLACE,
    SOME_TIME,
    allow_profiles_option,
    concurrency_option,
    config_option,
    log_format_option,
    output_option,
    progress_every_option,
    progress_option,
    quiet_option,
    scenario_option,
    simulate_option,
    timeout_option,
)
from batch_onboard.cli.arguments import option as _option
from batch_onboard.cli.engine_options import engine_options
from batch_onboard.cli.framework import Duration, Number
from batch_onboard.cli.selectors import SELECTOR, FailureLimit
from batch_onboard.cli.shard_options import shard_from, shard_options
from batch_onboard.core.selectable import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.app.settings import Settings
    from batch_onboard.core.tolerance import Tolerance
    from batch_onboard.simulator.scenario import Scenario


_DURATION = Duration()


_OPTIONS = (
    config_option,
    _option(
        "Common",
        "--ledger",
        type=PLACE,
        help="Where the ledger is: a file, s3://bucket/name, or for shards a folder, in S3 with / "
        "at its end. Default: <manifest stem>.ledger.jsonl beside the manifest, with --simulate "
        "<manifest stem>.simulated.ledger.jsonl.",
    ),
    _option(
        "Common",
        "--yes",
        is_flag=True,
        settable=False,
        help="Do not ask. Needed where there is no terminal.",
    ),
    simulate_option("Run against a simulator of its own, without AWS. Never asks."),
    scenario_option,
    _option(
        "Common", "--wait/--no-wait", default=True, help="Follow jobs to their end, or only start."
    ),
    _option(
        "Common",
        "--retry-failed",
        is_flag=True,
        settable=False,
        help="Try failed and rejected targets again too.",
    ),
    _option(
        "Common",
        "--recheck",
        is_flag=True,
        help="Read done targets again; one that is no longer onboarded becomes drifted.",
    ),
    _option(
        "Common",
        "--restart-missing",
        is_flag=True,
        settable=False,
        help="Start those again that were onboarded once and no longer are.",
    ),
    _option("Common", "--change-ref", metavar="TEXT", help="Kept in the ledger, for audits."),
    _option(
        "Roll-out",
        "--include",
        type=SELECTOR,
        multiple=True,
        help="Only targets whose KEY looks like GLOB. Repeated: one of those with the same KEY, "
        f"and so for each KEY. Keys: {', '.join(KEYS)}.",
    ),
    _option(
        "Roll-out",
        "--exclude",
        type=SELECTOR,
        multiple=True,
        help="Not those whose KEY looks like GLOB.",
    ),
    _option(
        "Roll-out",
        "--wave",
        metavar="W",
        type=click.IntRange(min=1),
        multiple=True,
        help="Only this wave. Waves go in ascending order, each to its end first.",
    ),
    _option(
        "Roll-out",
        "--canary",
        metavar="N",
        type=click.IntRange(min=0),
        default=0,
        help="Onboard N targets of different accounts first, to their end; the others only if "
        "failures are within --max-failures, or without it if there were none.",
    ),
    _option(
        "Roll-out",
        "--limit",
        metavar="N",
        type=click.IntRange(min=1),
        help="Start at most N targets in this run.",
    ),
    *shard_options,
    *engine_options,
    concurrency_option,
    _option(
        "Pacing",
        "--rate",
        type=Number(),
        help="Requests a second, per account, Region and operation. Default: learned.",
    ),
    _option(
        "Pacing",
        "--burst",
        type=Number(least=1),
        help="Requests at once, likewise. Default: learned.",
    ),
    timeout_option,
    _option(
        "Pacing", "--job-timeout", type=SOME_TIME, default="30m", help="The longest for one job."
    ),
    _option(
        "Safety",
        "--precheck/--no-precheck",
        default=True,
        help="Read config and job status before a target's first Start.",
    ),
    _option(
        "Safety",
        "--clear-failed",
        is_flag=True,
        settable=False,
        help="Delete the record of a FAILED job that this ledger did not start, and start.",
    ),
    allow_profiles_option,
    _option(
        "Safety",
        "--max-duration",
        type=SOME_TIME,
        help="Begin no further call after this long; the next run goes on.",
    ),
    _option(
        "Safety",
        "--max-failures",
        type=FailureLimit(),
        help="Stop when more targets failed, were rejected or are unresolved in this run: N, or N% "
        "of those that ended.",
    ),
    _option(
        "Safety",
        "--min-sample",
        metavar="N",
        type=click.IntRange(min=1),
        default=20,
        help="For --max-failures N%: how many targets have to end before it counts.",
    ),
    _option(
        "Safety",
        "--max-same-cause",
        metavar="N",
        type=click.IntRange(min=0),
        default=10,
        help="Stop when the same cause fails N accounts with no success between; 0: never.",
    ),
    _option(
        "Safety",
        "--consistency-window",
        type=_DURATION,
        default="60s",
        help="How long the service may deny a job that it has accepted.",
    ),
    _option(
        "Safety",
        "--drain-timeout",
        type=_DURATION,
        default="20s",
        help="When stopping: how long calls in flight may take to finish.",
    ),
    _option(
        "Safety",
        "--lock-timeout",
        type=_DURATION,
        default="0s",
        help="How long to wait for another run of this ledger to end.",
    ),
    progress_option,
    progress_every_option("How often plain and json progress is told, and metrics are renewed."),
    log_format_option,
    _option(
        "Output",
        "--metrics-file",
        type=FILE,
        help="A Prometheus text file, renewed as often as progress is told. node_exporter reads it "
        "if its name ends in .prom.",
    ),
    output_option,
    quiet_option,
    _option(
        "Output",
        "-v",
        "--verbose",
        count=True,
        settable=False,
        show_default=False,
        help="Log each change of a target; -vv: each answer.",
    ),
)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command all options of `run`, in the order of the table."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def settings_from(
    options: dict[str, Any], scenario: Scenario | None, arguments: tuple[str, ...]
) -> Settings:
    """Make the settings of a run from its options."""
    from batch_onboard.app.settings import Settings
    from batch_onboard.core.selection import Selection
    from batch_onboard.core.steps import Rules

    return Settings(
        selection=Selection(options["include"], options["exclude"]),
        shard=None if options["engine"] == "dask" else shard_from(options),
        waves=frozenset(options["wave"]),
        tolerance=_tolerance(options),
        canary=options["canary"],
        limit=options["limit"],
        max_duration=options["max_duration"],
        rules=Rules(
            precheck=options["precheck"],
            wait=options["wait"],
            retry_failed=options["retry_failed"],
            clear_failed=options["clear_failed"],
            recheck=options["recheck"],
            restart_missing=options["restart_missing"],
            call_timeout=options["timeout"],
            job_timeout=options["job_timeout"],
            consistency_window=options["consistency_window"],
        ),
        concurrency=options["concurrency"],
        rate=options["rate"],
        burst=options["burst"],
        drain_timeout=options["drain_timeout"],
        lock_timeout=options["lock_timeout"],
        allow_profiles=options["allow_profiles"],
        scenario=scenario,
        change_ref=options["change_ref"],
        arguments=arguments,
    )


def _tolerance(options: dict[str, Any]) -> Tolerance:
    from batch_onboard.core.tolerance import Tolerance

    number, percent = options["max_failures"] or (None, None)
    return Tolerance(
        number=number,
        percent=percent,
        min_sample=options["min_sample"],
        same_cause=options["max_same_cause"] or None,
    )
