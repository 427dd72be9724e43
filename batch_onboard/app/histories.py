"""What is known of a batch before anything is asked: its ledger's history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.app.clock import now_utc
from batch_onboard.app.ledgers import find_history
from batch_onboard.ledger.errors import LedgerUnusableError
from batch_onboard.ledger.history import History
from batch_onboard.ledger.ledger import check_goes_on
from batch_onboard.ledger.whole import new_header
from batch_onboard.versions import tool_version

if TYPE_CHECKING:
    from batch_onboard.app.ledgers import Place
    from batch_onboard.core.shard import Shard


def history_of(
    ledger: Place, manifest_name: str, *, simulate: bool, shard: Shard | None = None
) -> History:
    """Read what a ledger knows, locking and changing nothing; if there is none, it knows nothing.

    Raises:
        LedgerError: it can't be read, is damaged, mixes what was simulated with what is so, or is
            of another shard.
    """
    history = find_history(ledger)
    if history is None:
        return History(new_header(manifest_name, tool_version(), now_utc()))
    keep_apart(history, ledger, simulate=simulate, shard=shard)
    return history


def keep_apart(history: History, ledger: Place, *, simulate: bool, shard: Shard | None) -> None:
    """Refuse a ledger that was written by runs of another kind, or goes on elsewhere.

    A rehearsal's results are none of real runs, and what one shard knows is not what another one,
    or a run over the whole batch, has to know.

    Raises:
        LedgerUnusableError: it was.
    """
    check_goes_on(ledger, history)
    if any(run.began.simulated is not simulate for run in history.runs):
        what = "real runs" if simulate else "rehearsals (--simulate)"
        raise LedgerUnusableError(f"{ledger} tells of {what}: name another ledger with --ledger")
    bound = history.shard
    if (history.runs or history.merged) and bound != shard:
        raise LedgerUnusableError(_of_another(ledger, bound, shard))


def _of_another(ledger: Place, bound: Shard | None, asked: Shard | None) -> str:
    if bound is None:
        return f"{ledger} is of the whole batch, not of {asked}: name another with --ledger"
    if asked is None:
        return (
            f"{ledger} is of {bound} alone: go on with --shard-index {bound.index} --shard-count "
            f"{bound.count}, or make one ledger of all shards with batch-onboard ledger merge"
        )
    return (
        f"{ledger} is of {bound}, not of {asked}: name another with --ledger. To go on with "
        "another number of shards, or none, merge the ledgers first: batch-onboard ledger merge"
    )
