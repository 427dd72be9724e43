"""How a run ended: the contract's exit code, and the same in words."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        bugs: exceptions that nobody foresaw; each has ended one target's course.
    """

    exit_code: Exit
    reason: str
    lost: tuple[Entry, ...] = ()
    saved: bool = True
    bugs: tuple[Exception, ...] = ()


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


def defective(bugs: Sequence[Exception]) -> Outcome:
    """Return the outcome of a run in which bugs of this program have shown themselves."""
    kind = type(bugs[0]).__name__
    targets = "1 target" if len(bugs) == 1 else f"{len(bugs):,} targets"
    reason = f"finished, but a bug of batch-onboard ({kind}: {bugs[0]}) has ended {targets}"
    return Outcome(Exit.ERROR, reason, bugs=tuple(bugs))


def unsaved(received: signal.Signals | None, message: str, lost: tuple[Entry, ...]) -> Outcome:
    """Return the outcome of a run whose ledger could not be written."""
    code = Exit.LEDGER if received is None else _BY_SIGNAL[received]
    return Outcome(code, message, lost, saved=False)
