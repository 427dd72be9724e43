"""The options that say which part of a batch a process does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from batch_onboard.cli.arguments import option

if TYPE_CHECKING:
    from batch_onboard.core.shard import Shard

shard_options = (
    option(
        "Shards",
        "--shard-index",
        metavar="I",
        type=click.IntRange(min=0),
        help="Do only this part of the batch, from 0: whole accounts and Regions, by a hash. It "
        "has a ledger of its own, <manifest stem>.shard-I-of-N.ledger.jsonl, beside the manifest "
        "or in the folder that --ledger names. Limits (--max-failures, --limit and the like) hold "
        "for each part by itself.",
    ),
    option(
        "Shards",
        "--shard-count",
        metavar="N",
        type=click.IntRange(min=1),
        help="Of how many parts; each is to be done by a process of its own, or by the workers of "
        "--engine dask.",
    ),
)


def shard_from(options: dict[str, Any]) -> Shard | None:
    """Return the shard that is asked for; None if it is the whole batch.

    Raises:
        click.UsageError: half of it is asked for, or there is no such shard.
    """
    from batch_onboard.core.shard import Shard

    index, count = options["shard_index"], options["shard_count"]
    if index is None and count is None:
        return None
    if index is None or count is None:
        raise click.UsageError("--shard-index and --shard-count go together")
    if index >= count:
        raise click.UsageError(
            f"--shard-index {index} is none of {count}: they are counted from 0, so the last is "
            f"{count - 1}"
        )
    return Shard(index, count)
