"""What the live state of an instance means for its target.

Two reads tell it: the job's status and the instance's config. Neither is enough alone. A status of
404 may be 'never' or 'more than 14 days ago'; a SUCCEEDED may have been offboarded since; a config
tells that the instance is onboarded, but not by whom. So both are judged together with what this
ledger knows it did, in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from batch_onboard.core.calls import JobStatus
from batch_onboard.core.lifecycle import DONE, State
from batch_onboard.core.targets import Comparison

if TYPE_CHECKING:
    from batch_onboard.core.record import Record
    from batch_onboard.core.targets import Encryption

NOT_ONBOARDED = "not_onboarded"
"""The cause of a drift: what was onboarded before is gone."""


class Finding(Enum):
    """What is the case."""

    RUNNING = "a job is in progress"
    SUCCEEDED = "onboarded by this ledger's Start"
    ONBOARDED = "onboarded, not by this ledger, as far as is known with the right key"
    DRIFT = "onboarded with another encryption"
    FAILED = "the last job failed and nothing is onboarded"
    LAGGING = "a job has just ended well; its config should appear soon"
    MISSING = "what was onboarded before is gone"
    VANISHED = "the job that was followed is gone"
    HELD = "nothing of an open intent is there, but it is too early to believe that"
    STARTABLE = "nothing is there"


@dataclass(frozen=True, slots=True)
class Reading:
    """The live state.

    Attributes:
        job: the job's status; None when the service knows none.
        config: the encryption of the instance's config; None when it has no config.
    """

    job: JobStatus | None
    config: Encryption | None


def is_ours(record: Record) -> bool:
    """Say whether a job or config that is there now is the work of this ledger's Start.

    It is, if an answer said so before, or if nothing was there before an intent whose answer is
    not known.
    """
    return record.ours or (record.intent_at is not None and record.clean)


def is_made_by_us(record: Record) -> bool:
    """Say whether a config that is there now is the work of this ledger's Start.

    A job of ours that had failed made none: what is there now came from somebody else.
    """
    return is_ours(record) and record.state is not State.FAILED


def find(
    reading: Reading, record: Record, wanted: Encryption, *, held: bool, recent: bool
) -> Finding:
    """Judge the live state.

    Args:
        reading: what was read.
        record: what the ledger knows.
        wanted: what the manifest asks for.
        held: an intent is open, or may have been lost, and its hold is not over.
        recent: the consistency window of the job's end is not over, so that a config which is not
            there yet may still come.
    """
    if reading.job is JobStatus.IN_PROGRESS:
        return Finding.RUNNING
    if reading.config is not None:
        if wanted.compare(reading.config) is Comparison.DIFFERENT:
            return Finding.DRIFT
        open_and_ours = is_made_by_us(record) and record.state not in DONE
        return Finding.SUCCEEDED if open_and_ours else Finding.ONBOARDED
    if reading.job is JobStatus.FAILED:
        # An older job's failure says nothing of a Start that may still land.
        return Finding.HELD if held and not is_ours(record) else Finding.FAILED
    return _find_nothing(reading, record, held=held, recent=recent)


def _find_nothing(reading: Reading, record: Record, *, held: bool, recent: bool) -> Finding:
    """Judge a live state without a config and without a job that runs or failed."""
    state = record.state
    known_to_be_gone = state is State.DRIFTED and record.error_code == NOT_ONBOARDED
    if state in DONE or known_to_be_gone or record.onboarded:
        return Finding.LAGGING if recent and not known_to_be_gone else Finding.MISSING
    if reading.job is JobStatus.SUCCEEDED and (is_ours(record) or state in _STARTED):
        if recent:
            return Finding.LAGGING
        if is_ours(record):
            return Finding.MISSING
        return Finding.HELD if held else Finding.STARTABLE
    if state is State.IN_PROGRESS:
        return Finding.VANISHED
    return Finding.HELD if held else Finding.STARTABLE


_STARTED = frozenset({State.SUBMITTING, State.IN_PROGRESS})
