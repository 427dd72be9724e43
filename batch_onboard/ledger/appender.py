"""What makes lines durable, and the one place that writes them to a ledger's file."""

from __future__ import annotations

import errno
import os
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from batch_onboard.ledger.checkpoint import closing
from batch_onboard.ledger.codec import encode
from batch_onboard.ledger.opening import write_all

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from batch_onboard.ledger.codec import Seal
    from batch_onboard.ledger.trail import Trail

_BATCH = 1 << 20
"""Bytes that are collected before they are written."""


class Sink(Protocol):
    """What makes lines durable, in the order in which they come."""

    @property
    def since_checkpoint(self) -> int:
        """How many lines there are after the last checkpoint."""
        ...

    def commit(self, bodies: Iterable[bytes], closed_at: datetime | None = None) -> None:
        """Return when lines and all before them survive a power cut.

        Args:
            bodies: the lines.
            closed_at: the time, if the lines are a checkpoint, which is then closed.

        Raises:
            OSError: they may not. Every later call raises it too.
        """
        ...

    def close(self) -> None:
        """Wait for a commit under way, then take no more. A second call does nothing."""
        ...


class Appender:
    """Gives lines their places, writes them and makes them durable.

    After the first failure nothing more is written: how much of it reached the file is not known,
    and an fsync that is tried again may succeed falsely.

    Args:
        descriptor: the file, open for appending; closed by `close`.
        seal: the ledger's seal.
        seq: the sequence number of the last line, which is durable with all before it.
        trail: all bytes of the file.
        checkpoint: the number of the line that closes its last checkpoint; 0 if there is none.
    """

    def __init__(
        self, descriptor: int, seal: Seal, seq: int, trail: Trail, checkpoint: int = 0
    ) -> None:
        self._descriptor = descriptor
        self._seal = seal
        self._seq = seq
        self._durable = seq
        self._trail = trail
        self._checkpoint = checkpoint
        self._usable = True
        # A commit may run in a thread that its caller no longer waits for.
        self._lock = Lock()

    @property
    def seq(self) -> int:
        """The sequence number of the last line."""
        return self._seq

    @property
    def since_checkpoint(self) -> int:
        """How many lines there are after the last checkpoint."""
        return self._seq - self._checkpoint

    def commit(self, bodies: Iterable[bytes], closed_at: datetime | None = None) -> None:
        """Write lines, and return when they and all before them survive a power cut.

        Args:
            bodies: the lines.
            closed_at: the time, if the lines are a checkpoint, which is then closed.

        Raises:
            OSError: they may not. Every later call raises it too.
        """
        with self._lock:
            if not self._usable:
                raise OSError(errno.EBADF, "an earlier write to it failed, or it is closed")
            self._usable = False
            first, begin = self._seq + 1, self._trail.size
            self._save(bodies)
            if closed_at is not None:
                self._save([encode(closing(closed_at, first, begin, self._trail))])
                self._checkpoint = self._seq
            self._usable = True

    def close(self) -> None:
        """Wait for a commit under way, then close the file. A second call does nothing."""
        with self._lock:
            self._usable = False
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor != -1:
                os.close(descriptor)

    def _save(self, bodies: Iterable[bytes]) -> None:
        self._write(bodies)
        os.fdatasync(self._descriptor)
        self._check_file()
        self._durable = self._seq

    def _check_file(self) -> None:
        """See that what was written stands in a file that is still the ledger, and ours alone."""
        status = os.fstat(self._descriptor)
        if not status.st_nlink:
            # The system would go on writing to it, and forget it all in the end.
            raise FileNotFoundError(errno.ENOENT, "it was deleted, or its folder was")
        if status.st_size != self._trail.size:
            raise OSError(
                errno.EBUSY,
                "something else has written to it or cut it short, past its lock: end that, then "
                "see what ledger verify says",
            )

    def _write(self, bodies: Iterable[bytes]) -> None:
        batch = bytearray()
        for body in bodies:
            self._seq += 1
            batch += self._seal.line(self._seq, self._durable, body)
            if len(batch) >= _BATCH:
                self._put(batch)
        self._put(batch)

    def _put(self, batch: bytearray) -> None:
        write_all(self._descriptor, bytes(batch))
        self._trail.add(batch)
        batch.clear()
