"""What the lines of a ledger add up to. Knows lines, no files.

A replay changes a history by the lines that it reads, a run by what it then writes as lines: the
engine applies entries to the records before it journals them. Both end with equal histories.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from batch_onboard.core.record import Record
from batch_onboard.core.targets import Api  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from batch_onboard.core.calls import Operation
    from batch_onboard.core.shard import Shard
    from batch_onboard.core.targets import Target, TargetKey
    from batch_onboard.ledger.lines import (
        ClaimLine,
        CutLine,
        HeaderLine,
        LearnedLine,
        MergedLine,
        PacedLine,
        RunEndedLine,
        RunLine,
    )


class TargetInfo(NamedTuple):
    """What the manifest says about a target, as far as the ledger keeps it.

    Attributes:
        encryption: what is asked for (`str(Encryption)`).
    """

    api: Api
    encryption: str
    wave: int = 1
    labels: tuple[tuple[str, str], ...] = ()
    accept_drift: str | None = None

    @classmethod
    def of(cls, target: Target) -> TargetInfo:
        """Take from a target what the ledger keeps."""
        return cls(
            target.api, str(target.encryption), target.wave, target.labels, target.accept_drift
        )


@dataclass(slots=True)
class RunSummary:
    """One run. `ended` is None while it lasts, and for ever if it was killed."""

    began: RunLine
    ended: RunEndedLine | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """An unfinished tail that was cut off.

    Attributes:
        size: how much, in bytes.
        kept: the file that has those bytes.
    """

    size: int
    kept: Path


@dataclass(slots=True)
class History:
    """All that a ledger knows.

    Attributes:
        header: the ledger's id, the manifest that it was created for, and when.
        runs: the runs, in the order in which they began.
        records: what happened, for the targets to which anything happened.
        targets: the targets of the manifest as of the latest run.
        removed: targets that stood in it earlier, as they last did.
        learned: what was found out about each quota, last, by domain (`str(Domain)`) and operation.
        paced: how fast the runs went, stretch by stretch.
        cuts: the tails that were cut off, ever.
        merged: of which ledgers it was made, each time that this was done.
        cut: the tail that was cut off when the ledger was opened this time.
        holder: who holds the ledger, or has died with it, where that stands in the ledger itself.
        moved: where the ledger goes on, which is closed here.
        origin: of which ledger it was to be made; that this was finished is not known.
        written: when its last line was written, by its writer's clock, where there is a holder.
    """

    header: HeaderLine
    runs: list[RunSummary] = field(default_factory=list)
    records: dict[TargetKey, Record] = field(default_factory=dict)
    targets: dict[TargetKey, TargetInfo] = field(default_factory=dict)
    removed: dict[TargetKey, TargetInfo] = field(default_factory=dict)
    learned: dict[tuple[str, Operation], LearnedLine] = field(default_factory=dict)
    paced: list[PacedLine] = field(default_factory=list)
    cuts: list[CutLine] = field(default_factory=list)
    merged: list[MergedLine] = field(default_factory=list)
    cut: Cut | None = None
    holder: ClaimLine | None = None
    moved: str | None = None
    origin: str | None = None
    written: datetime | None = None

    @property
    def shard(self) -> Shard | None:
        """The shard that the ledger is bound to: the only one whose runs go on with it."""
        if self.merged or not self.runs:
            return None
        return self.runs[-1].began.shard

    def record(self, key: TargetKey) -> Record:
        """Return what is known about a target: the one record that lives in this history."""
        record = self.records.get(key)
        if record is None:
            record = self.records[key] = Record()
        return record

    def place(self, key: TargetKey, info: TargetInfo) -> None:
        """Note that a target stands in the manifest, with these attributes."""
        if self.removed:
            self.removed.pop(key, None)
        self.targets[key] = info

    def remove(self, key: TargetKey) -> None:
        """Note that a target no longer stands in the manifest.

        Raises:
            KeyError: it did not.
        """
        self.removed[key] = self.targets.pop(key)
