"""The way from lines to a history: each line, in order, checked against all before it."""

from __future__ import annotations

from sys import intern
from typing import TYPE_CHECKING, Any, cast

from batch_onboard.core.lifecycle import IllegalMoveError
from batch_onboard.core.targets import TargetKey
from batch_onboard.ledger.history import RunSummary, TargetInfo
from batch_onboard.ledger.known import KnownLine, infos_of, keys_of, records_of
from batch_onboard.ledger.lines import (
    ENTRY_LINES,
    CheckpointLine,
    ClaimLine,
    CutLine,
    EntryLine,
    GoneLine,
    HeartbeatLine,
    LearnedLine,
    Line,
    MergedLine,
    MovedLine,
    OriginLine,
    PacedLine,
    ReleasedLine,
    RewrittenLine,
    RunEndedLine,
    RunLine,
    TargetLine,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from batch_onboard.core.record import Entry, Record
    from batch_onboard.ledger.history import History


class ContradictionError(Exception):
    """A line says what cannot have happened after the lines before it."""


class Fold:
    """Takes the lines of a ledger, in order, into its history.

    Keys, and infos that many targets share, are held once however many lines name them.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._keys: dict[str, TargetKey] = {}
        self._records: dict[str, Record] = {}
        self._infos: dict[TargetInfo, TargetInfo] = {}
        self._of_targets: dict[type[Line], Callable[[Any], None]] = {
            **dict.fromkeys(ENTRY_LINES.values(), self._take_entry),
            KnownLine: self._take_known,
            TargetLine: self._take_target,
            GoneLine: self._take_gone,
        }

    def take(self, line: Line) -> None:
        """Take in one line.

        Raises:
            ContradictionError: it contradicts what came before; nothing has changed.
        """
        self._of_targets.get(type(line), self._take_of_run)(line)

    def recall(self, line: KnownLine) -> None:
        """Take in what a line says is known, in place of the lines that say so one by one.

        Raises:
            ContradictionError: it can't be; of targets nothing has changed.
        """
        for each in line.lines:
            self.take(each)
        try:
            keys = keys_of(line)
            infos = infos_of(line, self._held)
            records = records_of(line, keys)
        except ValueError:
            raise ContradictionError("its columns do not fit together") from None
        if infos is not None:
            self._place_all(keys, infos, gone=line.gone)
        self._history.records.update(records)
        if self._records:  # those that were there are not the ones that live in the history now
            for key in keys:
                self._records.pop(str(key), None)

    def _place_all(self, keys: list[TargetKey], infos: Iterable[TargetInfo], *, gone: bool) -> None:
        there, elsewhere = self._history.targets, self._history.removed
        if gone:
            there, elsewhere = elsewhere, there
        there.update(zip(keys, infos, strict=True))
        if elsewhere:
            for key in keys:
                elsewhere.pop(key, None)

    def _take_known(self, line: KnownLine) -> None:
        if not line.again:
            self.recall(line)

    def _take_of_run(self, line: Line) -> None:
        if isinstance(line, RunLine):
            self._history.runs.append(RunSummary(line))
        elif isinstance(line, RunEndedLine):
            self._take_run_ended(line)
        elif isinstance(line, LearnedLine):
            self._history.learned[line.domain, line.operation] = line
        else:
            self._take_aside(line)

    def _take_entry(self, line: EntryLine) -> None:
        record = self._records.get(line.target)
        if record is None:
            record = self._records[line.target] = self._history.record(self._key(line.target))
        try:
            # A record reads only what a line has as well, and making an entry would cost more
            # than all the rest of taking it in.
            record.apply(cast("Entry", line))
        except IllegalMoveError as error:
            raise ContradictionError(f"{line.target}: {error}") from error

    def _take_target(self, line: TargetLine) -> None:
        labels = tuple(line.labels.items())
        info = TargetInfo(line.api, line.encryption, line.wave, labels, line.accept_drift)
        self._history.place(self._key(line.target), self._held(info))

    def _take_gone(self, line: GoneLine) -> None:
        try:
            self._history.remove(self._key(line.target))
        except KeyError:
            raise ContradictionError(f"{line.target} is gone, but was not there") from None

    def _take_run_ended(self, line: RunEndedLine) -> None:
        for summary in reversed(self._history.runs):
            if summary.began.run == line.run:
                summary.ended = line
                return
        raise ContradictionError(f"run {line.run} ended, but never began")

    def _take_aside(self, line: Line) -> None:
        """Take in a line that tells of a run or of the ledger, not of targets."""
        if isinstance(line, PacedLine):
            self._history.paced.append(line)
        elif isinstance(line, CutLine):
            self._history.cuts.append(line)
        elif isinstance(line, MergedLine):
            self._history.merged.append(line)
        elif isinstance(line, (ClaimLine, ReleasedLine, MovedLine, OriginLine)):
            self._take_of_holders(line)
        elif not isinstance(line, (CheckpointLine, RewrittenLine, HeartbeatLine)):
            raise ContradictionError("a header stands within the ledger")

    def _take_of_holders(self, line: ClaimLine | ReleasedLine | MovedLine | OriginLine) -> None:
        history = self._history
        match line:
            case ClaimLine():
                history.holder = line
            case ReleasedLine():
                history.holder = history.origin = None
            case MovedLine():
                history.moved = line.to
            case OriginLine():
                history.origin = line.of

    def _held(self, info: TargetInfo) -> TargetInfo:
        return self._infos.setdefault(info, info)

    def _key(self, text: str) -> TargetKey:
        key = self._keys.get(text)
        if key is None:
            try:
                account_id, region, instance_id = text.split("/")
            except ValueError:
                raise ContradictionError(f"{text!r} names no target") from None
            key = self._keys[text] = TargetKey(intern(account_id), intern(region), instance_id)
        return key
