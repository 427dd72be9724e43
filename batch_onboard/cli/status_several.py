"""What `batch-onboard status` says of several ledgers of one batch, such as those of all shards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.causes import summary_lines
from batch_onboard.cli.texts import count, missing_told, safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from batch_onboard.app.ledgers import Place
    from batch_onboard.app.several import Standing, Together
    from batch_onboard.report.summary import Summary

_MOST_LINES = 20


def tell_several(together: Together, places: Sequence[Place], output: str) -> None:
    """Say where a batch stands of which several ledgers tell.

    Args:
        together: what they know.
        places: as they were named: ledgers, or folders of them.
        output: `json` for programs.
    """
    from batch_onboard.report.results import results
    from batch_onboard.report.summary import summarize

    summary = summarize(results(together.history))
    if output == "json":
        _print_json(together, summary)
        return
    ledgers = count(len(together.ledgers), "ledger")
    name = safe(together.history.header.manifest)
    click.echo(f"{name}: {count(summary.targets, 'target')} in {ledgers}")
    if together.missing:
        click.echo(missing_told(together.missing))
    for line in _ledger_lines(together.ledgers):
        click.echo(line)
    (place, *others) = places
    for line in summary_lines(summary, None if others else place, ()):
        click.echo(line)


def _ledger_lines(ledgers: Sequence[Standing]) -> Iterator[str]:
    """Tell how the latest run of each ledger ended; those that ended well may be left out."""
    told = [(_name(each), each.targets, _latest(each)) for each in ledgers]
    if len(told) > _MOST_LINES:
        told = [line for line in told if not line[2].startswith("exit 0")]
    width = max((len(name) for name, *_ in told), default=0)
    for name, targets, latest in told[:_MOST_LINES]:
        yield f"  {name:<{width}} {targets:>9,}  {latest}"
    rest = len(ledgers) - len(told)
    if rest:
        yield f"  {rest:,} more, whose latest run ended with exit code 0"
    if len(told) > _MOST_LINES:
        yield f"  ... {len(told) - _MOST_LINES:,} more; --output json has them all"


def _name(ledger: Standing) -> str:
    return str(ledger.place) if ledger.shard is None else str(ledger.shard)


def _latest(ledger: Standing) -> str:
    run = ledger.latest
    if run is None:
        return "held, no run yet" if ledger.held else "no run yet"
    who = f"pid {run.began.pid} on {run.began.host}"
    if ledger.held:
        last = "" if ledger.written is None else f", last wrote {ledger.written:%H:%M:%S}"
        return f"under way since {run.began.at:%Y-%m-%d %H:%M:%S} UTC{last}, {who}"
    if run.ended is None:
        return f"not ended, {who}"
    return f"exit {run.ended.exit_code}, {run.ended.reason}"


def _print_json(together: Together, summary: Summary) -> None:
    import msgspec

    from batch_onboard.report.formats import run_json

    def facts(each: Standing) -> dict[str, Any]:
        return {
            "ledger": str(each.place),
            "shard": each.shard,
            "targets": each.targets,
            "held": each.held,
            "last_written": each.written,
            "run": None if each.latest is None else run_json(each.latest),
        }

    told = {
        "manifest": together.history.header.manifest,
        "ledgers": [facts(each) for each in together.ledgers],
        "missing_shards": together.missing,
        "summary": summary,
    }
    click.echo(msgspec.json.encode(told).decode())
