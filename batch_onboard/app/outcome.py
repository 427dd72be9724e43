"""How a run ended: the contract's exit code, and the same in words."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from batch_onboard.core.record import Entry

_BY_SIGNAL = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        exit_code: the contract's.
        reason: the same in words.
        lost: entries of which it is not known whether they are on disk.
        saved: the ledger could be written to the end.
    """

    exit_code: Exit
    reason: str
    lost: tuple[Entry, ...] = ()
    saved: bool = True


def interrupted(received: signal.Signals, unanswered: int) -> Outcome:
    """Return the outcome of a run that a signal has ended.

    Args:
        received: the first signal.
        unanswered: Starts whose answer was not awaited.
    """
    how = "interrupted, drained and saved"
    if unanswered:
        how = f"interrupted with {unanswered} Starts unanswered, which the next run reads first"
    return Outcome(_BY_SIGNAL[received], how)


def unsaved(received: signal.Signals | None, message: str, lost: tuple[Entry, ...]) -> Outcome:
    """Return the outcome of a run whose ledger could not be written."""
    code = Exit.LEDGER if received is None else _BY_SIGNAL[received]
    return Outcome(code, message, lost, saved=False)
