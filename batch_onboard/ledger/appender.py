"""What makes lines durable, and the one place that writes them to a ledger's file."""

from __future__ import annotations

import errno
import os
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from batch_onboard.ledger.opening import write_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from batch_onboard.ledger.codec import Seal

_BATCH = 1 << 20
"""Bytes that are collected before they are written."""


class Sink(Protocol):
    """What makes lines durable, in the order in which they come."""

    def commit(self, bodies: Iterable[bytes]) -> None:
        """Return when lines and all before them survive a power cut.

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
    """

    def __init__(self, descriptor: int, seal: Seal, seq: int) -> None:
        self._descriptor = descriptor
        self._seal = seal
        self._seq = seq
        self._durable = seq
        self._size = os.fstat(descriptor).st_size
        self._usable = True
        # A commit may run in a thread that its caller no longer waits for.
        self._lock = Lock()

    @property
    def seq(self) -> int:
        """The sequence number of the last line."""
        return self._seq

    def commit(self, bodies: Iterable[bytes]) -> None:
        """Write lines, and return when they and all before them survive a power cut.

        Raises:
            OSError: they may not. Every later call raises it too.
        """
        with self._lock:
            if not self._usable:
                raise OSError(errno.EBADF, "an earlier write to it failed, or it is closed")
            self._usable = False
            self._write(bodies)
            os.fdatasync(self._descriptor)
            self._check_file()
            self._durable = self._seq
            self._usable = True

    def close(self) -> None:
        """Wait for a commit under way, then close the file. A second call does nothing."""
        with self._lock:
            self._usable = False
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor != -1:
                os.close(descriptor)

    def _check_file(self) -> None:
        """See that what was written stands in a file that is still the ledger, and ours alone."""
        status = os.fstat(self._descriptor)
        if not status.st_nlink:
            # The system would go on writing to it, and forget it all in the end.
            raise FileNotFoundError(errno.ENOENT, "it was deleted, or its folder was")
        if status.st_size != self._size:
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
        self._size += len(batch)
        batch.clear()
