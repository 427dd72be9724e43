"""What is known about one target over all runs, and the entries that it is folded from.

`Record.apply` is the only way in which knowledge changes. The engine applies each entry when it
happens and journals it; opening a ledger applies the same entries again. Both therefore end with
equal records, which a property test checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.core.lifecycle import Event, State, move

if TYPE_CHECKING:
    from datetime import datetime

    from batch_onboard.core.targets import Encryption, TargetKey


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to one target: a line of the ledger.

    Attributes:
        event: what happened.
        key: to which target.
        at: when, by the wall clock, in UTC.
        failure_code: of a FAILED job, as the service spells it.
        error_code: the service's code, or the tool's own cause in lower case.
        message: for people.
        request_id: the service's id of the request that told it.
        encryption: `INTENDED`: what is asked for; found: what is there (`str(Encryption)`).
        alias: the alias by which the manifest asks for that key, if it does so by one.
        identity: `INTENDED`: whose credentials sign the Start.
        clean: `INTENDED`: a read before it showed neither job nor config, or a failed job's record
            was deleted by this ledger; so what is there afterwards is this Start's work.
        hold: `INTENDED`: seconds from `at` in which a live state of 'not started' proves nothing.
        ours: the job or config is the work of this ledger's Start.
        automatic: `CLEARED`: by the rule for INTERNAL_FAILURE, not by a flag.
    """

    event: Event
    key: TargetKey
    at: datetime
    failure_code: str | None = None
    error_code: str | None = None
    message: str | None = None
    request_id: str | None = None
    encryption: str | None = None
    alias: str | None = None
    identity: str | None = None
    clean: bool = False
    hold: float | None = None
    ours: bool = False
    automatic: bool = False


@dataclass(slots=True)
class Record:
    """What the entries about one target add up to.

    Attributes:
        state: where it stands.
        ours: the job or config is the work of this ledger's Start (`started_here` in reports).
        intent_at: when the Start was intended whose fate is not known; None if there is none.
        intent_hold: seconds from then in which 'not started' proves nothing.
        clean: nothing was there before the latest intent.
        onboarded: it was onboarded when it was last seen, or had been when it was found missing.
        attempts: Starts sent.
        automatic_clears: failed jobs deleted by the rule for INTERNAL_FAILURE.
        started_at: when the latest Start was intended.
        finished_at: when the target reached a state that no later call changed.
    """

    state: State = State.PENDING
    ours: bool = False
    intent_at: datetime | None = None
    intent_hold: float = 0.0
    clean: bool = False
    attempts: int = 0
    automatic_clears: int = 0
    encryption: str | None = None
    alias: str | None = None
    failure_code: str | None = None
    error_code: str | None = None
    message: str | None = None
    request_id: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    onboarded: bool = False

    @property
    def unseen_since(self) -> datetime | None:
        """When the Start was intended that the service may still deny; None if there is none.

        Its fate is not known, or it was accepted and then given up before its job's end was seen.
        """
        if self.intent_at is not None:
            return self.intent_at
        return self.started_at if self.ours and self.state is State.UNRESOLVED else None

    def has(self, encryption: Encryption) -> bool:
        """Say whether this is the encryption that was asked for, or found, last.

        An alias counts as the key that it named then: `--recheck` asks what it names now.
        """
        return str(encryption) in (self.encryption, self.alias)

    def apply(self, entry: Entry) -> None:
        """Take in one entry.

        Raises:
            IllegalMoveError: the event is not possible in this state; nothing has changed.
        """
        event = entry.event
        self.state = move(self.state, event)
        if event is Event.CLEARING:
            return
        if event is Event.CLEARED:
            self.automatic_clears += entry.automatic
        if event is Event.INTENDED:
            self._intend(entry)
        elif event is not Event.GAVE_UP:
            self.intent_at = None
            self.ours = entry.ours
            self.onboarded = event in _ONBOARDED
        if event is Event.WITHDRAWN:
            self.attempts -= 1
        if event in _FOUND:
            self.encryption, self.alias = entry.encryption, entry.alias
        self.failure_code = entry.failure_code
        self.error_code = entry.error_code
        self.message = entry.message
        self.request_id = entry.request_id or self.request_id
        self.finished_at = entry.at if event in _FINAL else None

    def _intend(self, entry: Entry) -> None:
        self.attempts += 1
        self.ours = self.onboarded = False
        self.clean = entry.clean
        self.intent_at = self.started_at = entry.at
        self.intent_hold = entry.hold or 0.0
        self.encryption, self.alias = entry.encryption, entry.alias


_FOUND = frozenset({Event.FOUND_ONBOARDED, Event.FOUND_DRIFT})
_ONBOARDED = frozenset({Event.JOB_SUCCEEDED, Event.FOUND_ONBOARDED, Event.FOUND_MISSING})
_FINAL = frozenset(
    {
        Event.JOB_SUCCEEDED,
        Event.JOB_FAILED,
        Event.FOUND_ONBOARDED,
        Event.FOUND_DRIFT,
        Event.FOUND_MISSING,
        Event.REJECTED,
    }
)
