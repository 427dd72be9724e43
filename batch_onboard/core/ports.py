"""What the engine needs of the world outside, as protocols, and how those parts may fail.

The adapters (a ledger on disk, the service over HTTP, their twins in memory) conform to these by
shape; neither they nor the engine import one another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from batch_onboard.core.calls import Answer, Operation
    from batch_onboard.core.record import Entry
    from batch_onboard.core.targets import Encryption, Target


class JournalError(Exception):
    """An entry could not be made durable. No further Start may be sent.

    Attributes:
        lost: the entries of which it is not known whether they are on disk.
    """

    def __init__(self, message: str, lost: tuple[Entry, ...] = ()) -> None:
        super().__init__(message)
        self.lost = lost


class TakenOverError(JournalError):
    """The entries could not be made durable, since another run has taken the journal over."""


class UnusableServiceError(Exception):
    """No call of the run can be made with the settings in force. `str()` says which, and why."""


class Journal(Protocol):
    """Where entries are made durable, in the order in which they are handed over."""

    async def write(self, *entries: Entry) -> None:
        """Return once the entries, and all handed over before them, survive a power cut.

        Raises:
            JournalError: they may not. Every later call raises it too.
        """
        ...

    def write_nowait(self, *entries: Entry) -> None:
        """Hand entries over that no request waits for: durable with the next `write`.

        Raises:
            JournalError: an earlier write failed.
        """
        ...


class Service(Protocol):
    """The onboarding operations, for any target of any account."""

    async def prepare(self, target: Target) -> Answer | None:
        """Have credentials ready for a target, so that `send` need not wait for any.

        Returns:
            None if they are ready, else the answer that `send` would have given: `NO_IDENTITY`,
            `WRONG_ACCOUNT` or `UNSENT`. Nothing was sent to the target's account.

        Raises:
            UnusableServiceError: nor can any other call be made.
        """
        ...

    async def resolve(self, target: Target) -> Encryption | Answer:
        """Find the key behind the alias that a target's encryption names; once for all.

        Returns:
            The encryption with the key's own ARN, or the answer that says why that is not known:
            `NO_KEY`, or what else became of asking. Nothing was sent to the onboarding service.

        Raises:
            UnusableServiceError: as `prepare` does.
        """
        ...

    async def send(self, operation: Operation, target: Target) -> Answer:
        """Make one call, once: nothing beneath it sends the request a second time.

        Never raises for anything that the network or the service can do: that is an `Answer` too.
        Takes at most the call timeout that the service was made with.
        """
        ...


class WallClock(Protocol):
    """What time it is for people, in UTC. Durations are never computed from it."""

    def __call__(self) -> datetime:
        """Return the time now."""
        ...
