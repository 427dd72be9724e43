"""Several ledgers of one batch as one history: above all, those of its shards.

Nothing is counted twice. Shards have no target in common; where ledgers do, reports refuse them,
and only a merge joins what they know (`core.joining`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from batch_onboard.core.joining import joined
from batch_onboard.core.shard import Shard
from batch_onboard.ledger.errors import UnlikeLedgersError
from batch_onboard.ledger.history import History

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from batch_onboard.ledger.lines import HeaderLine, Line


@dataclass(frozen=True, slots=True)
class Part:
    """One of several ledgers.

    Attributes:
        name: how people name it.
        history: what it knows.
        lines: how many lines it has.
        torn: bytes of an unfinished tail, which nobody has cut off yet.
    """

    name: str
    history: History
    lines: int = 0
    torn: int = 0


def missing_shards(parts: Sequence[Part]) -> tuple[Shard, ...]:
    """Return the shards of which no run tells, for each number of shards that one tells of."""
    shards = {run.began.shard for part in parts for run in part.history.runs}
    counts = sorted({shard.count for shard in shards if shard is not None})
    every = (Shard(index, count) for count in counts for index in range(count))
    return tuple(shard for shard in every if shard not in shards)


def without_moved(parts: Sequence[Part]) -> list[Part]:
    """Return ledgers without those in whose place another one among them is used.

    That is one that goes on under the other's name, or was not finished. One alone is returned,
    wherever it goes on.

    Raises:
        UnlikeLedgersError: one goes on elsewhere, so that what it knows is not the latest.
    """
    moved = {part.name: part.history.moved for part in parts}
    for name, to in moved.items():
        if len(parts) > 1 and to not in {None, *moved}:
            raise UnlikeLedgersError(f"{name} goes on as {to}: name that")

    def is_used(part: Part) -> bool:
        origin = part.history.origin
        return moved[part.name] not in moved and moved.get(origin or "", part.name) == part.name

    return [part for part in parts if is_used(part)]


def check_alike(parts: Sequence[Part]) -> None:
    """Refuse ledgers that are not of one batch.

    Raises:
        UnlikeLedgersError: two are copies of one, of different manifests, or rehearsed and real.
    """
    ids: dict[str, Part] = {}
    for part in parts:
        header, first = part.history.header, parts[0]
        copy = ids.setdefault(header.id, part)
        if copy is not part:
            raise UnlikeLedgersError(
                f"{copy.name} and {part.name} are copies of one ledger: name the one that is used"
            )
        if header.manifest != first.history.header.manifest:
            raise UnlikeLedgersError(
                f"{first.name} is of the manifest {first.history.header.manifest!r}, {part.name} "
                f"of {header.manifest!r}: name ledgers of one batch"
            )
    rehearsed = [part.name for part in parts if _simulated(part) is True]
    real = [part.name for part in parts if _simulated(part) is False]
    if rehearsed and real:
        raise UnlikeLedgersError(
            f"{rehearsed[0]} tells of rehearsals (--simulate), {real[0]} of real runs: name "
            "ledgers of one kind"
        )


def check_disjoint(parts: Sequence[Part]) -> None:
    """Refuse ledgers that share a target, since it would be counted twice.

    Raises:
        UnlikeLedgersError: two do.
    """
    if not shared_targets(parts):
        return
    for one, other in combinations(parts, 2):
        shared = one.history.targets.keys() & other.history.targets.keys()
        if shared:
            raise UnlikeLedgersError(
                f"{one.name} and {other.name} both tell of {min(shared)}"
                f"{f' and {len(shared) - 1:,} more' if len(shared) > 1 else ''}, which would be "
                "counted twice: name one of them, or make one of both with batch-onboard ledger "
                "merge"
            )


def combine(parts: Sequence[Part], header: HeaderLine) -> History:
    """Return all that several ledgers know, as if one had known it.

    Targets of which several know stand once, with what was known of them joined. The histories
    that were given are not to be used any more.

    Args:
        parts: at least one.
        header: of the ledger that knows it all.
    """
    whole = History(header)
    for history in (part.history for part in parts):
        whole.runs += history.runs
        whole.paced += history.paced
        whole.cuts += history.cuts
        whole.merged += history.merged
        _add_targets(whole, history)
        for quota, line in history.learned.items():
            known = whole.learned.get(quota)
            whole.learned[quota] = line if known is None else max(known, line, key=_at)
    for key in whole.removed.keys() & whole.targets.keys():
        del whole.removed[key]
    whole.runs.sort(key=lambda run: run.began.at)
    whole.paced.sort(key=_at)
    whole.cuts.sort(key=_at)
    return whole


def shared_targets(parts: Sequence[Part]) -> int:
    """Return how many targets stand in several ledgers."""
    all_targets = sum(len(part.history.targets) for part in parts)
    return all_targets - len({key for part in parts for key in part.history.targets})


def _add_targets(whole: History, history: History) -> None:
    whole.targets.update(history.targets)
    whole.removed.update(history.removed)
    for key, record in history.records.items():
        known = whole.records.get(key)
        whole.records[key] = record if known is None else joined(known, record)


def _simulated(part: Part) -> bool | None:
    runs = part.history.runs
    return runs[-1].began.simulated if runs else None


def _at(line: Line) -> datetime:
    return line.at
