"""Which targets a run is about, and whether what was asked for goes together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.core.opening import Opening, opening
from batch_onboard.core.selection import SelectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from batch_onboard.app.settings import Settings
    from batch_onboard.core.record import Record
    from batch_onboard.core.targets import Target


def own_targets(targets: Sequence[Target], settings: Settings) -> Sequence[Target]:
    """Return those of a manifest's targets that this process, or its shard, is there for."""
    return targets if settings.shard is None else settings.shard.own(targets)


def select(
    targets: Sequence[Target], settings: Settings, record_of: Callable[[Target], Record]
) -> list[Target]:
    """Return the targets that a run is about, in the manifest's order; a shard may have none.

    Args:
        targets: all of the manifest's.
        settings: what the operator asked for.
        record_of: returns what the ledger knows of a target.

    Raises:
        SelectionError: nothing of the manifest is selected, what was asked for can't go together,
            or the operator does not allow it.
    """
    if settings.only is not None:
        return [target for target in own_targets(targets, settings) if target.key in settings.only]
    if settings.approved is not None:
        targets = settings.approved.among(targets)
    missing = settings.waves - {target.wave for target in targets}
    if missing:
        waves = ", ".join(map(str, sorted({target.wave for target in targets})))
        raise SelectionError(f"--wave {min(missing)} matches no target: there is wave {waves}")
    shard, selection = settings.shard, settings.selection
    # A shard's ledger knows nothing of other shards' targets, so what it knows selects later.
    everywhere = selection if shard is None else selection.of_manifest
    chosen = [
        target
        for target in everywhere.of(targets, record_of)
        if not settings.waves or target.wave in settings.waves
    ]
    if not chosen:
        raise SelectionError("no target is selected: --wave leaves none of those included")
    if shard is not None:
        chosen = selection.among(shard.own(chosen), record_of)
    refusal = settings.allowance.refusal(chosen)
    if refusal is not None:
        raise SelectionError(refusal)
    if not settings.rules.wait:
        _refuse_gates(chosen, settings, record_of)
    return chosen


def _refuse_gates(
    targets: Sequence[Target], settings: Settings, record_of: Callable[[Target], Record]
) -> None:
    """Refuse what has to see how jobs end, since without waiting nobody does."""
    if settings.canary:
        raise SelectionError("--canary waits for the end of its targets: not with --no-wait")
    waves = {
        target.wave
        for target in targets
        if opening(target, record_of(target), settings.rules) is not Opening.NOTHING
    }
    if len(waves) > 1:
        raise SelectionError(
            f"wave {sorted(waves)[1]} waits for the end of wave {min(waves)}: not with --no-wait; "
            "select one with --wave"
        )
