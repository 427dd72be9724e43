"""A look at the live state: what was read so far, and until when nothing there proves nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from batch_onboard.core.calls import Answer, JobStatus
from batch_onboard.core.lifecycle import DONE
from batch_onboard.core.opening import held_until
from batch_onboard.core.targets import Comparison
from batch_onboard.core.verdict import NOT_ONBOARDED, Finding, Reading, find, is_made_by_us, is_ours

if TYPE_CHECKING:
    from batch_onboard.core.record import Record
    from batch_onboard.core.steps import Moment, Rules
    from batch_onboard.core.targets import Encryption

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Look:
    """What one course has read of its target's live state."""

    __slots__ = ("_asked_at", "_held_until", "_record", "_rules", "_succeeded_at", "job", "wanted")

    def __init__(self, wanted: Encryption, record: Record, rules: Rules) -> None:
        self.job: Answer | None = None  # the status that was read last
        self.wanted = wanted
        self._record = record
        self._rules = rules
        self._asked_at = float("-inf")  # when the status was asked for
        self._held_until = float("-inf")
        self._succeeded_at: float | None = None  # when a job was first seen that had ended well

    @property
    def held_until(self) -> float:
        """Monotonic time until which 'not started' proves nothing.

        An intent that was refused or withdrawn is no longer open, so it holds nothing up.
        """
        torn = self._rules.torn_until
        return max(torn, self._held_until) if self._record.unseen_since is not None else torn

    @property
    def clean(self) -> bool:
        """Whatever is there after a Start is its work: nothing was, or a failed job only.

        Where a job had SUCCEEDED, a later reading of SUCCEEDED does not say whose it is.
        """
        return self.job is not None and self.job.job is not JobStatus.SUCCEEDED

    @property
    def decided(self) -> bool:
        """The status alone says what to do, so the config need not be read."""
        job = self.job.job if self.job is not None else None
        return job is JobStatus.IN_PROGRESS or (job is JobStatus.FAILED and is_ours(self._record))

    def resume(self, moment: Moment) -> None:
        """Take up the hold of a Start that an earlier run has left without an end."""
        self._held_until = held_until(self._record, self._rules, moment)

    def hold(self, moment: Moment) -> None:
        """Begin the hold of an intent that is being recorded."""
        self._held_until = moment.now + self._rules.hold

    def let_go(self) -> None:
        """End the hold: the Start was answered, so it is not on its way any more."""
        self._held_until = float("-inf")

    def ask(self, moment: Moment) -> None:
        """Take note that the job's status is about to be asked for."""
        self._asked_at = moment.now

    def read(self, job: Answer, moment: Moment) -> None:
        """Take in the job's status."""
        self.job = job
        if job.job is JobStatus.SUCCEEDED and self._succeeded_at is None:
            self._succeeded_at = moment.now

    def find(self, config: Answer, moment: Moment) -> Finding:
        """Judge what was read, the config included."""
        return find(
            Reading(self.job.job if self.job is not None else None, config.encryption),
            self._record,
            self.wanted,
            # The config may have taken many tries: its answer says nothing of the status's age.
            held=self._asked_at < self.held_until,
            recent=self._age_of_end(moment) < self._rules.consistency_window,
        )

    def _age_of_end(self, moment: Moment) -> float:
        """Return how many seconds ago the job ended, as far as is known."""
        record = self._record
        if record.state in DONE:
            passed = moment.wall - (record.finished_at or _LONG_AGO)
            # Where a clock was set back a little, the end seems to lie ahead, and is as recent.
            return abs(passed.total_seconds())
        if record.onboarded and self._succeeded_at is None:
            return float("inf")  # it was given up in between, and no job of late is known
        return moment.now - (moment.now if self._succeeded_at is None else self._succeeded_at)

    def facts(self, found: Finding, live: Encryption | None) -> dict[str, Any]:
        """Return what an entry says about a finding that ends a course."""
        wanted = self.wanted
        facts: dict[str, Any] = {
            "encryption": str(wanted),
            "alias": wanted.alias,
            "ours": is_made_by_us(self._record),
        }
        if found is Finding.MISSING:
            facts["error_code"] = NOT_ONBOARDED
            facts["message"] = "it was onboarded before, and has no config any more"
        elif found is Finding.DRIFT:
            facts["encryption"], facts["alias"] = str(live), None
            facts["message"] = f"onboarded with encryption {live}, the manifest asks for {wanted}"
        elif live is not None and wanted.compare(live) is Comparison.UNKNOWN:
            facts["message"] = f"it is not known whether {live} and {wanted} are the same key"
        return facts
