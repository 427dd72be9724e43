"""Where a run begins with a target, given what earlier runs have left; and what it may delete."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from batch_onboard.core.lifecycle import DONE, State
from batch_onboard.core.verdict import NOT_ONBOARDED

if TYPE_CHECKING:
    from batch_onboard.core.record import Record
    from batch_onboard.core.steps import Moment, Rules
    from batch_onboard.core.targets import Target

MAX_AUTOMATIC_CLEARS = 2
"""How often a job of ours that ended with INTERNAL_FAILURE is deleted and started again."""


class Opening(Enum):
    """What a run does first about a target."""

    NOTHING = "nothing"
    LOOK = "read the live state"
    START = "start it unread"
    FOLLOW = "follow its job"


def opening(target: Target, record: Record, rules: Rules) -> Opening:
    """Decide what a run does first about a target."""
    state = record.state
    if state is State.IN_PROGRESS:
        return Opening.FOLLOW
    if _is_settled(target, record, rules):
        return Opening.NOTHING
    untouched = state is State.PENDING and not record.attempts
    if untouched and not rules.precheck and rules.torn_at is None:
        return Opening.START
    return Opening.LOOK


def _is_settled(target: Target, record: Record, rules: Rules) -> bool:
    match record.state:
        case State.SUCCEEDED | State.ALREADY_ONBOARDED:
            # A manifest that asks for another key than when it was done leads to a read.
            return record.has(target.encryption) and not rules.recheck
        case State.DRIFTED:
            return is_done(record, target.accept_drift) and not rules.recheck
        case State.FAILED:
            return not (rules.retry_failed or may_clear(record, rules))
        case State.REJECTED:
            return not rules.retry_failed
        case _:
            return False


def is_done(record: Record, accept_drift: str | None) -> bool:
    """Say whether a target is as the manifest wants it, or its drift is accepted there.

    Args:
        record: what is known of it.
        accept_drift: the manifest's reason to accept a drift of encryption, if it has one.
    """
    if record.state is State.DRIFTED and record.error_code != NOT_ONBOARDED:
        return accept_drift is not None
    return record.state in DONE


def may_clear(record: Record, rules: Rules) -> bool:
    """Say whether the contract lets the record of this failed job be deleted."""
    if not record.ours:
        return rules.clear_failed
    by_rule = (
        record.failure_code == "INTERNAL_FAILURE" and record.automatic_clears < MAX_AUTOMATIC_CLEARS
    )
    return by_rule or rules.retry_failed


def held_until(record: Record, rules: Rules, moment: Moment) -> float:
    """Return the monotonic time until which 'not started' proves nothing about a Start."""
    since = record.unseen_since
    if since is None:
        return float("-inf")
    hold = max(rules.hold, record.intent_hold)
    age = (moment.wall - since).total_seconds()
    # A clock that was set back makes the intent seem to lie ahead: its age is unknown.
    return moment.now + (hold - age if age >= 0 else hold)


def began_at(record: Record, moment: Moment) -> float:
    """Return the monotonic time at which a running job began, as far as this ledger knows."""
    if not record.ours or record.started_at is None:
        return moment.now
    return moment.now - max(0.0, (moment.wall - record.started_at).total_seconds())
