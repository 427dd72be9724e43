"""The one place that writes segments to a ledger that is held."""

from __future__ import annotations

import errno
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from batch_onboard.ledger.checkpoint import closing
from batch_onboard.ledger.codec import UNREADABLE, decode, encode
from batch_onboard.ledger.errors import LostHoldError
from batch_onboard.ledger.lines import ClaimLine, HeartbeatLine, ReleasedLine

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from batch_onboard.core.ports import WallClock
    from batch_onboard.ledger.codec import Seal
    from batch_onboard.ledger.lines import Line
    from batch_onboard.ledger.row import Row, SegmentStore, Timing
    from batch_onboard.ledger.trail import Trail

_LARGEST = 1 << 20
"""Bytes of a segment, after which the next one is begun: each is sent within one call's time."""


class SegmentAppender:
    """Gives lines their places, and writes each commit as the next segment, or several.

    After the first failure nothing more is written. A failure to find the next number free is the
    news that another has taken the ledger over.

    Args:
        row: the segments.
        seal: the ledger's seal.
        number: the number of the last segment.
        seq: the sequence number of its last line.
        trail: all bytes of the segments.
        checkpoint: the number of the line that closes their last checkpoint; 0 if there is none.
        began: when, by `timing.clock`, it was begun to be written, with a claim of this holder.
        timing: for how long a holder is certain.
        wall: what time it is.
    """

    def __init__(
        self,
        row: Row,
        seal: Seal,
        *,
        number: int,
        seq: int,
        trail: Trail,
        checkpoint: int,
        began: float,
        timing: Timing,
        wall: WallClock,
    ) -> None:
        self._row = row
        self._seal = seal
        self._number = number
        self._seq = seq
        self._durable = seq
        self._trail = trail
        self._checkpoint = checkpoint
        self._began = began
        self._timing = timing
        self._wall = wall
        self._failure: OSError | None = None
        self._lock = Lock()

    @property
    def since_checkpoint(self) -> int:
        """How many lines there are after the last checkpoint."""
        return self._seq - self._checkpoint

    @property
    def idle(self) -> float:
        """Seconds since the last segment was begun."""
        return self._timing.clock() - self._began

    def is_certain(self) -> bool:
        """Say whether nobody else can have taken the ledger: nobody does so soon."""
        return self._failure is None and self.idle < self._timing.certain

    def commit(self, bodies: Iterable[bytes], closed_at: datetime | None = None) -> None:
        """Write lines, and return when they and all before them are in the store.

        Args:
            bodies: the lines.
            closed_at: the time, if the lines are a checkpoint, which is then closed.

        Raises:
            LostHoldError: another run has taken the ledger over. Every later call raises it too.
            OSError: they may not be there. Every later call raises it too.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            try:
                first, begin = self._seq + 1, self._trail.size
                self._write(bodies)
                if closed_at is not None:
                    self._write([encode(closing(closed_at, first, begin, self._trail))])
                    self._checkpoint = self._seq
            except OSError as error:
                self._failure = error
                raise
            except BaseException:
                self._failure = OSError(errno.EBADF, "an earlier write to it failed")
                raise

    def beat(self) -> None:
        """Write that the holder lives, if nothing else has said so for long enough.

        Raises:
            OSError: as `commit` does.
        """
        if self.idle >= self._timing.beat:
            self.commit([encode(HeartbeatLine(at=self._wall()))])

    def close(self) -> None:
        """Wait for a commit under way, then release the ledger. A second call does nothing."""
        with self._lock:
            if self._failure is None:
                # A courtesy: without it, the next run waits until this one is certainly dead.
                with suppress(OSError):
                    self._write([encode(ReleasedLine(at=self._wall()))])
            self._failure = self._failure or OSError(errno.EBADF, "it is closed")

    def _write(self, bodies: Iterable[bytes]) -> None:
        batch = bytearray()
        for body in bodies:
            self._seq += 1
            batch += self._seal.line(self._seq, self._durable, body)
            if len(batch) >= _LARGEST:
                self._put(bytes(batch))
                batch.clear()
        if batch:
            self._put(bytes(batch))

    def _put(self, data: bytes) -> None:
        began = self._timing.clock()
        if not self._row.put(self._number + 1, data):
            raise LostHoldError(claim_in(self._row.read(self._number + 1)))
        self._number += 1
        self._durable = self._seq
        self._trail.add(data)
        self._began = began


class Heart:
    """Keeps a ledger held by a thread that beats, until `release` or the end of the process."""

    def __init__(self, appender: SegmentAppender, store: SegmentStore, timing: Timing) -> None:
        self._appender = appender
        self._store = store
        self._beat = timing.beat
        self._over = Event()
        self._thread = Thread(target=self._run, name="ledger heartbeat", daemon=True)
        self._thread.start()

    def is_certain(self) -> bool:
        """Say whether nobody else can have taken the ledger meanwhile."""
        return self._appender.is_certain()

    def release(self) -> None:
        """Stop. A second call does nothing."""
        self._over.set()
        self._thread.join()
        self._store.close()

    def _run(self) -> None:
        with suppress(OSError):  # whoever writes next learns of it
            while not self._over.wait(max(0.0, self._beat - self._appender.idle)):
                self._appender.beat()


def last_line(segment: bytes | None) -> Line | None:
    """Return the last line of a segment; None if nobody can read it."""
    try:
        return decode((segment or b"").rstrip(b"\n").rpartition(b"\n")[2])
    except UNREADABLE:
        return None


def claim_in(segment: bytes | None) -> ClaimLine | None:
    """Return the claim with which a segment begins, after the header if it has one."""
    for raw in (segment or b"").split(b"\n", 2)[:2]:
        with suppress(*UNREADABLE):
            line = decode(raw)
            if isinstance(line, ClaimLine):
                return line
    return None
