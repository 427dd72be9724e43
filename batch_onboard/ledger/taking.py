"""Taking a ledger in a row of segments, to go on with it.

It is held by the row itself. Whoever takes it writes a claim as the next segment, so that the
holder before finds that number used, and stops. A holder that ends says so; one that has died is
known by its silence. Nothing is ever changed or deleted.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from batch_onboard.core.lifecycle import State
from batch_onboard.ledger.codec import Seal, encode
from batch_onboard.ledger.errors import LedgerLockedError
from batch_onboard.ledger.history import History
from batch_onboard.ledger.ledger import Ledger, check_goes_on, other_manifest
from batch_onboard.ledger.lines import ClaimLine, ReleasedLine
from batch_onboard.ledger.opening import told_as_unusable
from batch_onboard.ledger.pieces import place_of
from batch_onboard.ledger.row import Row, Timing
from batch_onboard.ledger.segment_appender import Heart, SegmentAppender, claim_in
from batch_onboard.ledger.segments import End, none_there, read_end, reading_row
from batch_onboard.ledger.trail import Trail
from batch_onboard.ledger.vigil import Vigil
from batch_onboard.ledger.whole import new_header

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from batch_onboard.core.ports import WallClock
    from batch_onboard.ledger.lines import HeaderLine
    from batch_onboard.ledger.row import SegmentStore

_UNLOCKING = 20
"""How often a claim is tried against a holder that writes on."""


def open_segments(
    store: SegmentStore,
    *,
    manifest_name: str,
    tool_version: str,
    wall: WallClock,
    lock_timeout: float = 0.0,
    notify: Callable[[str], None] = lambda _: None,
    timing: Timing | None = None,
) -> Ledger:
    """Take a ledger, create it if there is none, and make it ready for a run.

    Args:
        store: its segments; closed with the ledger.
        manifest_name: the name of the manifest, for a new ledger's header.
        tool_version: the version of batch-onboard, likewise.
        wall: what time it is.
        lock_timeout: seconds to wait for another run, which lives, to end.
        notify: is told, in a sentence, what is waited for.
        timing: how long to wait for signs of life; None: as in the documentation.

    Raises:
        LedgerLockedError: another run holds it.
        LedgerUnusableError: it can't be used.
        LedgerFormatError: it is not a ledger, or not one that this version can read.
        LedgerDamagedError: something has been changed, or is missing.
    """
    timing = timing or Timing()
    header = new_header(manifest_name, tool_version, wall())
    with told_as_unusable(store.place):
        row = Row(store, timing, timing.first_patience)
        taking = _Taking(row, Vigil(row, timing, lock_timeout, notify), new_claim(wall()))
        began, end = taking.carry_out(header, timing.clock)
    appender = SegmentAppender(
        Row(store, timing, timing.patience),
        end.seal,
        number=end.number,
        seq=end.seq,
        trail=end.trail,
        checkpoint=end.checkpoint,
        began=began,
        timing=timing,
        wall=wall,
    )
    history = end.history
    _distrust_clocks(history, now := wall())
    return Ledger(
        store.place,
        history,
        appender,
        Heart(appender, store, timing),
        wall,
        created=history.header is header,
        warnings=other_manifest(store.place, history, manifest_name),
        recounted=now,
    )


def unlock_segments(
    store: SegmentStore, *, wall: WallClock, timing: Timing | None = None
) -> ClaimLine | None:
    """Take a ledger from whoever holds it, and release it at once.

    A holder that lives finds out with the next thing that it writes: before its next Start.

    Returns:
        Who held it; None if nobody did.

    Raises:
        LedgerError: the ledger can't be used.
    """
    with told_as_unusable(store.place):
        row = reading_row(store, timing)
        end = read_end(row)
        if end is None:
            raise none_there(store)
        if end.history.holder is not None:
            _break_in(row, end, wall())
        return end.history.holder


@dataclass(frozen=True, slots=True)
class _Taking:
    """Who takes a ledger, and how long it waits for others."""

    row: Row
    vigil: Vigil
    claim: ClaimLine

    def carry_out(self, header: HeaderLine, clock: Callable[[], float]) -> tuple[float, End]:
        """Write a claim where the ledger ends, with a header if there is none.

        Returns:
            When the claim was begun to be written, and where the ledger ends now.
        """
        while True:
            found = read_end(self.row)
            end = _new_end(header) if found is None else self._free(found)
            check_goes_on(self.row.store.place, end.history)
            began = clock()
            number, seq = end.number + 1, end.seq + 1
            data = end.unwritten + end.seal.line(seq, end.seq, encode(self.claim))
            if self.row.put(number, data):
                self.row.check_condition(number, data)
                end.history.holder = self.claim
                end.trail.add(data)
                return began, replace(end, number=number, seq=seq, unwritten=b"")
            self.vigil.heard_of(claim_in(self.row.read(number)))

    def _free(self, found: End) -> End:
        """Return the end of a ledger once its holder has released it, or was silent."""
        check_goes_on(self.row.store.place, found.history)
        holder = found.history.holder
        if holder is None:
            return found
        number = self.vigil.keep(holder, found.number)
        # Whatever was written since is read; what is written from now on makes the claim fail.
        return found if number == found.number else read_end(self.row, number) or found


def new_claim(now: datetime) -> ClaimLine:
    """Return a claim of this process, unlike any other."""
    return ClaimLine(at=now, id=secrets.token_hex(8), host=socket.gethostname(), pid=os.getpid())


def _break_in(row: Row, end: End, now: datetime) -> None:
    """Write a claim and its release where a ledger ends, though its holder goes on writing."""
    number, seq = end.number, end.seq
    claim, released = encode(new_claim(now)), encode(ReleasedLine(at=now))
    for _ in range(_UNLOCKING):
        data = end.seal.line(seq + 1, seq, claim) + end.seal.line(seq + 2, seq, released)
        if row.put(number + 1, data):
            return
        new = row.numbers(number)
        last = (row.read(new[-1]) or b"").splitlines()[-1:] if new else []
        place = place_of(last[0]) if last else None
        if place is not None:
            number, seq = new[-1], place.seq
    raise LedgerLockedError.by(end.history.holder, str(row.store.place))


def _new_end(header: HeaderLine) -> End:
    seal = Seal(header.id)
    return End(History(header), seal, 0, 1, Trail(), unwritten=seal.line(1, 0, encode(header)))


def _distrust_clocks(history: History, now: datetime) -> None:
    """Let open intents count from now: another machine's clock may have been ahead or behind."""
    for record in history.records.values():
        if record.state is State.SUBMITTING and record.intent_at is not None:
            record.intent_at = max(record.intent_at, now)
