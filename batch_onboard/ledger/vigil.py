"""Watching over a ledger that somebody holds: does its holder live, or has it died?

No wall clocks are compared. A holder writes at least a heartbeat every so often; who waits counts
by its own clock for how long there has been nothing new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.ledger.errors import LedgerLockedError
from batch_onboard.ledger.lines import ReleasedLine
from batch_onboard.ledger.segment_appender import last_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.ledger.lines import ClaimLine
    from batch_onboard.ledger.row import Row, Timing


class Vigil:
    """Waits for a ledger.

    Args:
        row: the ledger's segments.
        timing: for how long a holder must be silent.
        timeout: seconds to wait for a holder that lives to release it.
        notify: is told, in a sentence, what is waited for.
    """

    def __init__(
        self, row: Row, timing: Timing, timeout: float, notify: Callable[[str], None]
    ) -> None:
        self._row = row
        self._timing = timing
        self._until = timing.clock() + timeout
        self._notify = notify

    def keep(self, holder: ClaimLine, number: int) -> int:
        """Return when the holder has released the ledger, or was silent for long enough.

        Args:
            holder: who it is.
            number: the last segment that was read.

        Returns:
            The last segment that is there.

        Raises:
            LedgerLockedError: it lives, and the timeout is over.
            OSError: the segments can't be read.
        """
        timing = self._timing
        self._notify(
            f"{self._row.store.place} was taken by pid {holder.pid} on host {holder.host} at "
            f"{holder.at:%Y-%m-%dT%H:%M:%SZ} and not released: waiting {timing.silence:g} s for a "
            "sign of life; batch-onboard ledger unlock takes it at once"
        )
        quiet_since = timing.clock()
        while True:
            timing.pause(timing.step)
            asked = timing.clock()
            new = self._row.numbers(number)
            if new:
                number, quiet_since = new[-1], timing.clock()
                if self._ends_with_release(number):
                    return number
                self.heard_of(holder)
            elif asked - quiet_since >= timing.silence:
                return number

    def heard_of(self, holder: ClaimLine | None) -> None:
        """Take it that a holder lives.

        Raises:
            LedgerLockedError: the timeout is over.
        """
        if self._timing.clock() >= self._until:
            raise LedgerLockedError.by(holder, str(self._row.store.place))

    def _ends_with_release(self, number: int) -> bool:
        return isinstance(last_line(self._row.read(number)), ReleasedLine)
