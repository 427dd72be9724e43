"""What the commands that care for a ledger share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from batch_onboard.cli.framework import Duration, Option
from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.app.ledgers import Place

lock_timeout_option = click.option(
    "--lock-timeout",
    cls=Option,
    section="Safety",
    type=Duration(),
    default="0s",
    help="How long to wait for a run of this ledger to end.",
)


def is_folder(place: Place) -> bool:
    """Say whether a place is one that ledgers are in; in S3 a slash at its end says so."""
    from batch_onboard.core.s3place import S3Place

    return place.is_folder if isinstance(place, S3Place) else place.is_dir()


@contextmanager
def errors_told(ctx: click.Context) -> Iterator[None]:
    """Tell what goes wrong with a ledger, and leave with its exit code."""
    from batch_onboard.ledger.errors import (
        LedgerError,
        LedgerLockedError,
        NothingToSalvageError,
        UnlikeLedgersError,
    )

    try:
        yield
    except LedgerError as error:
        click.echo(str(error), err=True)
        if isinstance(error, LedgerLockedError):
            ctx.exit(Exit.LOCKED)
        misnamed = isinstance(error, (NothingToSalvageError, UnlikeLedgersError))
        ctx.exit(Exit.USAGE if misnamed else Exit.LEDGER)


def print_json(told: object) -> None:
    """Print an object for programs."""
    import msgspec

    click.echo(msgspec.json.encode(told, enc_hook=str))  # paths as text


def to_stderr(sentence: str) -> None:
    """Tell a person what is waited for."""
    click.echo(sentence, err=True)
