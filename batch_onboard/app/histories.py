"""What is known of a batch before anything is asked: its ledger's history."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from batch_onboard.app.clock import now_utc
from batch_onboard.ledger.errors import LedgerUnusableError
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.history import History
from batch_onboard.ledger.whole import new_header
from batch_onboard.versions import tool_version

if TYPE_CHECKING:
    from pathlib import Path


def history_of(ledger: Path, manifest_name: str, *, simulate: bool) -> History:
    """Read what a ledger knows, locking and changing nothing; if there is none, it knows nothing.

    Raises:
        LedgerError: it can't be read, is damaged, or mixes what was simulated with what is so.
    """
    if not os.path.lexists(ledger):
        return History(new_header(manifest_name, tool_version(), now_utc()))
    history = read_history(ledger)
    keep_apart(history, ledger, simulate=simulate)
    return history


def keep_apart(history: History, ledger: Path, *, simulate: bool) -> None:
    """Refuse to take a rehearsal's results for real ones, or the other way round.

    Raises:
        LedgerUnusableError: it has results of the other kind.
    """
    if any(run.began.simulated is not simulate for run in history.runs):
        what = "real runs" if simulate else "rehearsals (--simulate)"
        raise LedgerUnusableError(f"{ledger} tells of {what}: name another ledger with --ledger")
