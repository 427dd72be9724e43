"""A ledger's bytes as lines, and the way to the last of its checkpoints."""

from __future__ import annotations

import os
from functools import partial
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, Protocol

from batch_onboard.ledger.codec import LONGEST_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

    from batch_onboard.ledger.trail import Trail

_BUFFER = 1 << 20
_NEAR = 1 << 12
"""Bytes before and after a place in a short line, within which all of that line is."""


class Source(Protocol):
    """Where a ledger can be read, more than once."""

    def lines(self) -> Iterator[bytes]:
        """Yield its lines."""
        ...

    def lines_from(self, offset: int, trail: Trail) -> Iterator[bytes]:
        """Yield its lines from an offset on, after all bytes before it were added to `trail`."""
        ...

    def last_with(self, mark: bytes) -> bytes | None:
        """Return the last line that has some bytes in it; None if none is found.

        One that is far from the end, or longer than lines of its kind, may not be found.
        """
        ...


class FileSource:
    """A ledger in a file; conforms to `Source`.

    Args:
        descriptor: the file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def lines(self) -> Iterator[bytes]:
        """Yield the lines that the file has now."""
        return lines_of(self._descriptor)

    def lines_from(self, offset: int, trail: Trail) -> Iterator[bytes]:
        """Yield its lines from an offset on, after all bytes before it were added to `trail`."""
        at = 0
        while at < offset:
            block = os.pread(self._descriptor, min(_BUFFER, offset - at), at)
            if not block:
                return
            trail.add(block)
            at += len(block)
        yield from lines_of(self._descriptor, offset)

    def last_with(self, mark: bytes) -> bytes | None:
        """Return the last line that has some bytes in it; None if there is none."""
        end = os.fstat(self._descriptor).st_size
        while end > 0:
            begin = max(0, end - _BUFFER)
            # A mark that ends in the block after this one is found too.
            at = os.pread(self._descriptor, end - begin + len(mark) - 1, begin).rfind(mark)
            if at != -1:
                near = max(0, begin + at - _NEAR)
                return line_around(os.pread(self._descriptor, 2 * _NEAR, near), begin + at - near)
            end = begin
        return None


class _Stretch(RawIOBase):
    """A file's bytes from an offset on, wherever others who read the same descriptor are."""

    def __init__(self, descriptor: int, offset: int) -> None:
        self._descriptor = descriptor
        self._offset = offset

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        size = os.preadv(self._descriptor, [buffer], self._offset)
        self._offset += size
        return size


def lines_of(descriptor: int, offset: int = 0) -> Iterator[bytes]:
    """Yield the lines that the file has now, not what is written to it meanwhile.

    Args:
        descriptor: the file.
        offset: where the first of them begins, in bytes.
    """
    left = os.fstat(descriptor).st_size - offset
    file = BufferedReader(_Stretch(descriptor, offset), _BUFFER)
    for raw in iter(partial(file.readline, LONGEST_LINE), b""):
        left -= len(raw)
        if left <= 0:
            if whole := raw[: len(raw) + left]:
                yield whole
            return
        yield raw


def line_around(data: bytes, at: int) -> bytes | None:
    """Return the line in which a place is; None if its line feed is not among the bytes."""
    end = data.find(b"\n", at)
    return None if end == -1 else data[data.rfind(b"\n", 0, at) + 1 : end + 1]
