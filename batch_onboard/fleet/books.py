"""The books of a run: which targets are over, what was started, how much of it has gone wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.core.record import Record
from batch_onboard.core.tolerance import Failures

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from batch_onboard.core.targets import TargetKey
    from batch_onboard.core.tolerance import Tolerance
    from batch_onboard.fleet.port import Over


class Books:
    """Counts each target once, however often it is told of.

    Attributes:
        over: targets that are over for this run.
        started: targets for which a Start was sent in it.
        left: targets that were not started because of the limit.
        budget: how many may still be started; None: all.
    """

    def __init__(self, tolerance: Tolerance, limit: int | None) -> None:
        self.over: set[TargetKey] = set()
        self.started: set[TargetKey] = set()
        self.left: set[TargetKey] = set()
        self.budget = limit
        self._failures = Failures(tolerance)

    def ended(self, over: Over) -> str | None:
        """Count a target that is over.

        Returns:
            Why the run has to stop, in words; None if it need not.
        """
        self.over.add(over.key)
        if over.started:
            self.have_started({over.key})
        record = Record(over.state, failure_code=over.failure_code, error_code=over.error_code)
        return self._failures.ended(over.key.account_id, record, spared=over.spared)

    def have_started(self, keys: AbstractSet[TargetKey]) -> None:
        """Count targets against the limit."""
        if self.budget is not None:
            self.budget = max(0, self.budget - len(keys - self.started))
        self.started |= keys

    def at_gate(self, *, canary: bool) -> str | None:
        """Say why no further targets may begin, after a canary or a wave; None if they may."""
        return self._failures.at_gate(canary=canary)
