"""What became of each target: the rows of every report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from batch_onboard.core.lifecycle import State
from batch_onboard.core.opening import is_done
from batch_onboard.core.record import Record
from batch_onboard.core.remedies import next_action

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from batch_onboard.core.targets import Api, TargetKey
    from batch_onboard.ledger.history import History, TargetInfo


class Result(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One target of a manifest, as a report shows it. The fields are the contract's.

    Attributes:
        started_here: this ledger's Start onboarded it, or runs.
        next_action: what a person does next; None if there is nothing to do.
    """

    account_id: str
    region: str
    instance_id: str
    api: Api
    state: State
    failure_code: str | None
    error_code: str | None
    message: str | None
    attempts: int
    request_id: str | None
    started_here: bool
    started_at: datetime | None
    finished_at: datetime | None
    next_action: str | None
    labels: dict[str, str]
    wave: int

    @property
    def accepted(self) -> bool:
        """It drifted, and the manifest accepts it as it is: it counts as done."""
        return self.state is State.DRIFTED and self.next_action is None


_UNTOUCHED = Record()
_NOT_MADE = frozenset({State.FAILED, State.PENDING, State.REJECTED})


def results(history: History, *, removed: bool = False) -> Iterator[Result]:
    """Give the results of all targets, in the order in which the manifest named them.

    Args:
        history: what the ledger knows.
        removed: give also targets that the manifest no longer names.
    """
    for key, info in history.targets.items():
        yield result_of(key, info, history.records.get(key, _UNTOUCHED))
    if removed:
        for key, info in history.removed.items():
            yield result_of(key, info, history.records.get(key, _UNTOUCHED))


def result_of(key: TargetKey, info: TargetInfo, record: Record) -> Result:
    """Join what the manifest says about a target with what happened to it."""
    return Result(
        account_id=key.account_id,
        region=key.region,
        instance_id=key.instance_id,
        api=info.api,
        state=record.state,
        failure_code=record.failure_code,
        error_code=record.error_code,
        message=_message(info, record),
        attempts=record.attempts,
        request_id=record.request_id,
        started_here=record.ours and record.state not in _NOT_MADE,
        started_at=record.started_at,
        finished_at=record.finished_at,
        next_action=None if is_done(record, info.accept_drift) else next_action(record),
        labels=dict(info.labels),
        wave=info.wave,
    )


def _message(info: TargetInfo, record: Record) -> str | None:
    if record.state is State.DRIFTED and is_done(record, info.accept_drift):
        why = f"; {record.message}" if record.message else ""
        return f"accepted: {info.accept_drift}{why}"
    return record.message
