"""When so much has gone wrong that a run should stop by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_onboard.core.lifecycle import State

if TYPE_CHECKING:
    from batch_onboard.core.record import Record

FAILURES = frozenset({State.FAILED, State.REJECTED, State.UNRESOLVED})
"""The states that count as a failure of a run which led there."""

_SUCCESSES = frozenset({State.SUCCEEDED, State.IN_PROGRESS})
# In progress is where a target is left that was started and is not followed.


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How many failures are borne.

    Attributes:
        number: as many; None: any.
        percent: as many of a hundred that have ended; None: any.
        min_sample: targets that have to end before a share counts.
        same_cause: accounts that fail for the same cause, without a success between, from which
            on it is taken for one mistake; None: any.
    """

    number: int | None = None
    percent: float | None = None
    min_sample: int = 20
    same_cause: int | None = 10

    @property
    def bounded(self) -> bool:
        """Some number or share of failures is too many."""
        return self.number is not None or self.percent is not None


class Failures:
    """Counts how the targets of one run end, and says when that is too bad."""

    def __init__(self, tolerance: Tolerance) -> None:
        self._tolerance = tolerance
        self._ended = 0
        self._failed = 0
        self._accounts: dict[str, set[str]] = {}

    def ended(self, account_id: str, record: Record, *, spared: bool = False) -> str | None:
        """Count a target that is over for this run.

        Args:
            account_id: its account.
            record: what has become of it.
            spared: it was given up because of what others had met. A Region that is down is then
                not taken for one mistake in all its accounts.

        Returns:
            Why the run has to stop, in words; None if it need not.
        """
        self._ended += 1
        if record.state in _SUCCESSES:
            self._accounts.clear()
        if record.state not in FAILURES:
            return None
        self._failed += 1
        too_bad = self._exceeded(self._tolerance.min_sample)
        return too_bad if too_bad or spared else self._same_cause(account_id, record)

    def at_gate(self, *, canary: bool) -> str | None:
        """Say why no further targets may begin, after a canary or a wave; None if they may.

        Args:
            canary: it was the canary, which bears no failure unless a tolerance is set.
        """
        if canary and not self._tolerance.bounded:
            return f"the canary: {count_targets(self._failed)} failed" if self._failed else None
        return self._exceeded(1)

    def _exceeded(self, sample: int) -> str | None:
        number, percent = self._tolerance.number, self._tolerance.percent
        failed = f"{count_targets(self._failed)} failed"
        if number is not None and self._failed > number:
            return f"{failed}, more than --max-failures {number}"
        if percent is None or self._ended < sample:
            return None
        if self._failed * 100 > percent * self._ended:
            return f"{failed} of {self._ended} that ended, more than --max-failures {percent:g}%"
        return None

    def _same_cause(self, account_id: str, record: Record) -> str | None:
        most = self._tolerance.same_cause
        if most is None:
            return None
        cause = record.failure_code or record.error_code or record.state.value
        accounts = self._accounts.setdefault(cause, set())
        accounts.add(account_id)
        if len(accounts) < most:
            return None
        return (
            f"{cause} has stopped targets in {len(accounts)} accounts with no success between: "
            f"one mistake, it seems (--max-same-cause {most})"
        )


def count_targets(number: int) -> str:
    """Say how many targets, in words."""
    return "1 target" if number == 1 else f"{number:,} targets"
