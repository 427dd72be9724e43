"""How a ledger may fail, each failure with a message that a person can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from datetime import datetime

    from batch_onboard.ledger.lines import ClaimLine


WAY_OUT = (
    "Restore the file from a copy, or build a new one from what is intact with "
    "batch-onboard ledger salvage"
)
"""What can be done about a damaged ledger."""


class LedgerError(Exception):
    """The ledger can't be read or written. `str()` says what is wrong, where, and the way out."""


class LedgerUnusableError(LedgerError):
    """The file can't be used where it is: permissions, a link, a folder, a full disk."""


class LedgerFormatError(LedgerError):
    """The file is not a ledger, or not one that this batch-onboard can read."""


class LedgerVersionError(LedgerFormatError):
    """The ledger is intact, but only another batch-onboard can read it."""

    @classmethod
    def unknown_line(cls, name: str, line: int, reason: Exception) -> Self:
        """Return the error for a line that is intact, but of no known type."""
        return cls(
            f"line {line} of {name} is intact, but this batch-onboard does not know it ({reason}): "
            "it was written by another version. Nothing was changed. Use the newest one."
        )


class LedgerDamagedError(LedgerError):
    """What was safely on disk has been changed since. The file is left as it is.

    Attributes:
        name: the ledger.
        line: the first line that is wrong, counted from 1.
        offset: where that line begins, in bytes from 0.
        problem: what is wrong with it.
    """

    def __init__(self, name: str, line: int, offset: int, problem: str) -> None:
        super().__init__(
            f"{name} is damaged at line {line} (byte {offset}): {problem}. "
            f"Nothing was changed. {WAY_OUT}; then run again."
        )
        self.name = name
        self.line = line
        self.offset = offset
        self.problem = problem


class NothingToSalvageError(LedgerError):
    """No new ledger is needed, or none can be written where it is asked for."""


class UnlikeLedgersError(LedgerError):
    """Ledgers were named together that do not belong together, or would be counted twice."""


class LedgerLockedError(LedgerError):
    """Another run holds the ledger.

    Attributes:
        name: the ledger.
        pid: the holder's process id; None if the holder has only just taken the lock.
        host: the holder's machine.
        since: when the holder took the lock, in UTC.
    """

    def __init__(
        self,
        name: str,
        pid: int | None = None,
        host: str | None = None,
        since: datetime | None = None,
    ) -> None:
        holder = ""
        if since is not None:
            holder = f": pid {pid} on host {host} since {since:%Y-%m-%dT%H:%M:%SZ}"
        super().__init__(
            f"another run holds {name}{holder}; let it end or stop it, or wait with --lock-timeout"
        )
        self.name = name
        self.pid = pid
        self.host = host
        self.since = since

    @classmethod
    def by(cls, claim: ClaimLine | None, name: str) -> Self:
        """Return the error for a ledger whose holder has said in it who it is.

        Args:
            claim: what it said; None if that can't be told.
            name: the ledger.
        """
        if claim is None:
            return cls(name)
        return cls(name, claim.pid, claim.host, claim.at)


class PassingError(OSError):
    """A store did not do what was asked, or nobody knows whether it did; another try may tell."""


class LostHoldError(OSError):
    """Another run has taken over a ledger that this one held.

    Attributes:
        claim: who it is; None if that can't be told.
    """

    def __init__(self, claim: ClaimLine | None) -> None:
        who = "" if claim is None else f" (pid {claim.pid} on host {claim.host})"
        super().__init__(f"another run{who} has taken it over: this one sends nothing more")
        self.claim = claim
