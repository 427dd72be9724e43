"""The life cycle of a target: its states, what can happen to it, and one table that joins the two.

Only two kinds of things may move a target: what this tool did (it intended a Start, withdrew it,
gave up), and what the service said (a job runs, a config exists). Nothing is concluded from a
clock, and nothing from an answer that was not read: a 409, a timeout or an empty body are no
events. Two promises of the ledger rest on this table:

- `INTENDED` is allowed from `PENDING` alone. So a second Start needs proof in between that the
  first was not accepted (`REFUSED`, `WITHDRAWN`), or that nothing came of it (`NOT_ONBOARDED`).
- From `SUBMITTING` every way out names that proof, or keeps the intent open (`GAVE_UP`).

An event that the table does not allow raises `IllegalMoveError` and changes nothing. Replaying a
ledger takes the same path as living it, so what a run has known is what the next one knows.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a target stands. The values are what ledger and reports show."""

    PENDING = "pending"
    SUBMITTING = "submitting"
    IN_PROGRESS = "in_progress"
    SUCCEEDED = "succeeded"
    ALREADY_ONBOARDED = "already_onboarded"
    DRIFTED = "drifted"
    FAILED = "failed"
    REJECTED = "rejected"
    UNRESOLVED = "unresolved"


class Event(StrEnum):
    """What can happen to a target. The values are the `type` of the ledger's lines."""

    INTENDED = "intended"
    """A Start is about to be sent. On disk before the request leaves."""
    WITHDRAWN = "withdrawn"
    """The intended Start was not sent after all."""
    REFUSED = "refused"
    """The service did not accept the Start (429, 409, 403, expired credentials)."""
    RUNNING = "running"
    """The service says that a job is in progress."""
    JOB_SUCCEEDED = "job_succeeded"
    """The job of this ledger's Start has ended well."""
    JOB_FAILED = "job_failed"
    """The service shows a FAILED job, this ledger's or another's."""
    FOUND_ONBOARDED = "found_onboarded"
    """A config is there that this ledger's Start did not make, as the manifest wants it."""
    FOUND_DRIFT = "found_drift"
    """A config is there with another encryption than the manifest asks for."""
    FOUND_MISSING = "found_missing"
    """What this ledger had onboarded is no longer there."""
    NOT_ONBOARDED = "not_onboarded"
    """A read, late enough to count, shows neither a job nor a config."""
    CLEARING = "clearing"
    """The record of a FAILED job is about to be deleted. On disk before the request leaves."""
    CLEARED = "cleared"
    """That record is gone."""
    REJECTED = "rejected"
    """The service refuses this target."""
    GAVE_UP = "gave_up"
    """Retries, time or a cause that holds for many ended the attempt."""


class IllegalMoveError(Exception):
    """An event came in a state that does not allow it. The state is unchanged.

    Attributes:
        state: the state.
        event: the event.
    """

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"{event.value} is not possible in state {state.value}")
        self.state = state
        self.event = event


_S, _E = State, Event
_ANY = frozenset(State)
_OPEN = _ANY - {_S.SUCCEEDED, _S.ALREADY_ONBOARDED}

# event: the states that it may come in, and the state that it leads to (None: stays as it is)
_RULES: dict[Event, tuple[frozenset[State], State | None]] = {
    _E.INTENDED: (frozenset({_S.PENDING}), _S.SUBMITTING),
    _E.WITHDRAWN: (frozenset({_S.SUBMITTING}), _S.PENDING),
    _E.REFUSED: (frozenset({_S.SUBMITTING}), _S.PENDING),
    _E.RUNNING: (_ANY, _S.IN_PROGRESS),
    _E.JOB_SUCCEEDED: (_ANY - {_S.PENDING}, _S.SUCCEEDED),
    _E.JOB_FAILED: (_ANY, _S.FAILED),
    _E.FOUND_ONBOARDED: (_ANY, _S.ALREADY_ONBOARDED),
    _E.FOUND_DRIFT: (_ANY, _S.DRIFTED),
    _E.FOUND_MISSING: (_ANY - {_S.PENDING}, _S.DRIFTED),
    _E.NOT_ONBOARDED: (_OPEN, _S.PENDING),
    _E.CLEARING: (frozenset({_S.FAILED}), None),
    _E.CLEARED: (frozenset({_S.FAILED}), _S.PENDING),
    _E.REJECTED: (
        frozenset({_S.PENDING, _S.SUBMITTING, _S.UNRESOLVED, _S.REJECTED}),
        _S.REJECTED,
    ),
    _E.GAVE_UP: (_ANY, _S.UNRESOLVED),
}

TRANSITIONS: dict[State, dict[Event, State]] = {
    state: {
        event: state if leads_to is None else leads_to
        for event, (allowed_in, leads_to) in _RULES.items()
        if state in allowed_in
    }
    for state in State
}
"""For each state, what can happen in it and where that leads. All else is an error."""

# What this ledger onboarded and finds as it left it stays its own success.
TRANSITIONS[_S.SUCCEEDED][_E.FOUND_ONBOARDED] = _S.SUCCEEDED

DONE = frozenset({State.SUCCEEDED, State.ALREADY_ONBOARDED})
"""The states in which a target is as the manifest wants it."""


def move(state: State, event: Event) -> State:
    """Return the state that `event` leads to.

    Raises:
        IllegalMoveError: the table does not allow it.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalMoveError(state, event) from None
