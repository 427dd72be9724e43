"""Several ledgers of one batch, wherever they are: read as one, and made into one."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from batch_onboard.app.care import new_ledger
from batch_onboard.app.clock import now_utc
from batch_onboard.app.ledgers import holder_of, read_any_history, segments_at
from batch_onboard.app.s3segments import folders_in
from batch_onboard.core.s3place import S3Place
from batch_onboard.ledger.combine import (
    Part,
    check_alike,
    check_disjoint,
    combine,
    missing_shards,
    without_moved,
)
from batch_onboard.ledger.errors import LedgerUnusableError
from batch_onboard.ledger.merge import free_part, held_part, merge
from batch_onboard.versions import tool_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from batch_onboard.app.ledgers import Place
    from batch_onboard.core.shard import Shard
    from batch_onboard.ledger.history import History, RunSummary
    from batch_onboard.ledger.merge import Merge

SUFFIX = ".ledger.jsonl"
"""What the names of ledgers end with, by which they are found in a folder."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One of several ledgers, in short.

    Attributes:
        place: where it is.
        shard: the shard that it is bound to.
        targets: how many targets it has.
        latest: its latest run.
        held: a run holds it, or in S3 may have died with it.
        written: when a holder in S3 last wrote, by its own clock.
    """

    place: Place
    shard: Shard | None
    targets: int
    latest: RunSummary | None
    held: bool
    written: datetime | None = None


@dataclass(frozen=True, slots=True)
class Together:
    """What several ledgers know, as if one had known it.

    Attributes:
        history: what they know.
        ledgers: each in short.
        missing: shards of which there is no ledger among them.
    """

    history: History
    ledgers: tuple[Standing, ...]
    missing: tuple[Shard, ...]


def ledgers_at(places: Iterable[Place]) -> list[Place]:
    """Return the ledgers that places name: themselves, or all that are in a folder. Each once.

    Raises:
        LedgerUnusableError: a folder has none.
    """
    return list(dict.fromkeys(each for place in places for each in _at(place)))


def _at(place: Place) -> Iterator[Place]:
    if isinstance(place, Path) and place.is_dir():
        found: list[Place] = [*place.glob(f"*{SUFFIX}")]
    elif isinstance(place, S3Place) and place.is_folder:
        found = [place / name for name in folders_in(place) if name.endswith(SUFFIX)]
    else:
        yield place
        return
    if not found:
        raise LedgerUnusableError(f"{place} is a folder without a ledger (*{SUFFIX})")
    # As numbers in names grow, so do the names: shard 10 comes after shard 9.
    yield from sorted(found, key=lambda each: (len(each.name), each.name))


def read_together(places: Iterable[Place]) -> Together:
    """Read what ledgers know, also while runs write to them. Changes and locks nothing.

    Args:
        places: of ledgers, or folders of ledgers; at least one.

    Raises:
        LedgerError: one of them can't be read, or they are not of one batch.
    """
    read = {str(place): (place, read_any_history(place)) for place in ledgers_at(places)}
    parts = without_moved([Part(name, history) for name, (_, history) in read.items()])
    check_alike(parts)
    check_disjoint(parts)
    ledgers = tuple(
        Standing(
            place,
            history.shard,
            len(history.targets),
            history.runs[-1] if history.runs else None,
            holder_of(place, history)[0],
            history.written,
        )
        for place, history in (read[part.name] for part in parts)
    )
    missing = missing_shards(parts)
    first = parts[0].history
    return Together(first if len(parts) == 1 else combine(parts, first.header), ledgers, missing)


def merge_ledgers(places: Iterable[Place], new: Place, *, lock_timeout: float = 0.0) -> Merge:
    """Write one ledger with all that several know; they are left as they are.

    Args:
        places: of ledgers, or folders of ledgers; at least one.
        new: the new one, which must not exist.
        lock_timeout: seconds to wait for a run to end.

    Raises:
        LedgerError: one of them can't be read, a run holds it, they are not of one batch, or the
            new one exists or can't be written.
    """
    with new_ledger(new) as write, ExitStack() as held:
        parts = [
            held.enter_context(_held_part(place, lock_timeout)) for place in ledgers_at(places)
        ]
        return merge(without_moved(parts), write, tool_version=tool_version(), now=now_utc())


@contextmanager
def _held_part(place: Place, lock_timeout: float) -> Iterator[Part]:
    """Read a ledger that no run holds; keep runs from it meanwhile where it is in a file."""
    if isinstance(place, Path):
        with held_part(place, now_utc(), lock_timeout) as part:
            yield part
        return
    with segments_at(place) as segments:
        yield free_part(segments)
