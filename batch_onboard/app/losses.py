"""The rules of a run over a ledger that may have lost what earlier runs wrote last."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from batch_onboard.app.clock import now_utc

if TYPE_CHECKING:
    from batch_onboard.core.steps import Rules
    from batch_onboard.ledger.history import History


def with_losses(rules: Rules, history: History) -> Rules:
    """Return the rules of this run, with what the ledger may have lost of earlier ones."""
    if not history.cuts:
        return rules
    age = max(0.0, (now_utc() - history.cuts[-1].at).total_seconds())
    return replace(
        rules,
        torn_at=anyio.current_time() - age,
        torn_hold=max((record.intent_hold for record in history.records.values()), default=0.0),
    )
