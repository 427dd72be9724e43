"""What has changed in a manifest since the run before, as lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.ledger.history import TargetInfo
from batch_onboard.ledger.lines import GoneLine
from batch_onboard.ledger.snapshot import target_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from batch_onboard.core.targets import Target, TargetKey
    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.lines import Line


@dataclass(slots=True)
class ManifestChanges:
    """How many targets are new in the manifest, have other attributes, or are gone."""

    added: int = 0
    changed: int = 0
    gone: int = 0


def changed_lines(
    history: History, targets: Iterable[Target], at: datetime, changes: ManifestChanges
) -> Iterator[Line]:
    """Yield a line for each difference, and bring `history` and `changes` up to date with it.

    Targets may be a million, so neither they nor the lines are collected.
    """
    seen: set[TargetKey] = set()
    for target in targets:
        key, info = target.key, TargetInfo.of(target)
        seen.add(key)
        known = history.targets.get(key)
        if known == info:
            continue
        changes.added += known is None
        changes.changed += known is not None
        history.place(key, info)
        yield target_line(key, info, at)
    for key in history.targets.keys() - seen:
        changes.gone += 1
        history.remove(key)
        yield GoneLine(at=at, target=str(key))
