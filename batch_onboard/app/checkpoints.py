"""What a run that has ended leaves in its ledger so that the next one begins faster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.app.outcome import Outcome
    from batch_onboard.ledger.ledger import Ledger


def keep_checkpoint(ledger: Ledger, outcome: Outcome, notify: Callable[[str], None]) -> None:
    """Save the next run time, unless this one may know what is not in its ledger.

    Args:
        ledger: the run's.
        outcome: how it ended, which the ledger knows already: nothing is lost if this fails.
        notify: is told, in a sentence, that it did.
    """
    if outcome.bugs:
        return
    try:
        ledger.keep_checkpoint()
    except LedgerError as error:
        notify(
            "all that has happened is in the ledger, but not the checkpoint from which the next "
            f"run would have begun faster: {error}"
        )
