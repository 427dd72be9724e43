"""What a discovery has read so far, on disk, so that the next one goes on from there.

JSON Lines: a head, then a line for each account and Region that was read. A line is written at once
and needs no fsync: what a power cut takes away is read again.
"""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from batch_onboard.core.catalogue import FoundInstance  # noqa: TC001 - msgspec reads it
from batch_onboard.core.targets import Domain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class StateError(Exception):
    """The state can't be read or written. `str()` says why, and what to do."""


class StateLockedError(StateError):
    """Another discovery has it."""


class Head(msgspec.Struct, frozen=True, tag="discovery"):
    """The first line.

    Attributes:
        world: what was asked; answers of different worlds are never mixed.
        version: of this format.
    """

    world: str
    version: int = 1


class Read(msgspec.Struct, frozen=True, tag="read"):
    """An account and Region, and what is there."""

    account_id: str
    region: str
    instances: list[FoundInstance]


class Wrote(msgspec.Struct, frozen=True, tag="wrote"):
    """A manifest was written from this state, of which something is not covered yet.

    Attributes:
        digest: the SHA-256 of its bytes, in hex.
    """

    digest: str


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Head | Read | Wrote)


class State:
    """What was read so far. `open_state` makes one.

    Attributes:
        covered: the instances of each pair.
        wrote: the digest of the manifest that was last written from it.
    """

    def __init__(self, path: Path | None, descriptor: int | None) -> None:
        self.covered: dict[Domain, tuple[FoundInstance, ...]] = {}
        self.wrote: str | None = None
        self._path = path
        self._descriptor = descriptor

    def keep(self, domain: Domain, instances: list[FoundInstance]) -> None:
        """Take note of what a pair has.

        Raises:
            StateError: it can't be written.
        """
        self.covered[domain] = tuple(instances)
        self._append(Read(domain.account_id, domain.region, instances))

    def keep_digest(self, digest: str) -> None:
        """Take note of what was written from it.

        Raises:
            StateError: it can't be written.
        """
        self.wrote = digest
        self._append(Wrote(digest))

    def remove(self) -> None:
        """Forget all: the discovery is complete."""
        if self._path is not None:
            with suppress(FileNotFoundError):
                self._path.unlink()

    def load(self, world: str) -> None:
        """Read what is there, and cut off a line that was not finished.

        Raises:
            StateError: it is damaged, or of another world.
        """
        if self._descriptor is None:
            return
        data = _whole(self._descriptor)
        intact, _, torn = data.rpartition(b"\n")
        if torn:
            os.ftruncate(self._descriptor, len(data) - len(torn))
        lines = intact.splitlines()
        for number, line in enumerate(lines, 1):
            self._apply(number, line, world)
        if not lines:
            self._append(Head(world))

    def _apply(self, number: int, line: bytes, world: str) -> None:
        try:
            entry = _DECODER.decode(line)
        except msgspec.MsgspecError as error:
            raise StateError(
                f"{self._path}:{number}: is damaged: {error}; delete the file to begin anew"
            ) from error
        if number == 1 and (not isinstance(entry, Head) or entry != Head(world)):
            raise StateError(
                f"{self._path} is not of a discovery of {world}: name another output, or delete it"
            )
        if isinstance(entry, Read):
            self.covered[Domain(entry.account_id, entry.region)] = tuple(entry.instances)
        elif isinstance(entry, Wrote):
            self.wrote = entry.digest

    def _append(self, line: Head | Read | Wrote) -> None:
        if self._descriptor is None:
            return
        data = _ENCODER.encode(line) + b"\n"
        try:
            written = os.write(self._descriptor, data)
        except OSError as error:
            raise StateError(f"{self._path} can't be written: {error.strerror}") from error
        if written < len(data):
            raise StateError(f"{self._path} can't be written: the disk is full")


@contextmanager
def open_state(path: Path | None, world: str) -> Iterator[State]:
    """Open the state of a discovery, creating it if there is none.

    One that holds nothing is not left behind.

    Args:
        path: its file; None: kept in memory alone.
        world: what is asked, in words.

    Raises:
        StateLockedError: another discovery has it.
        StateError: it can't be used.
    """
    if path is None:
        yield State(None, None)
        return
    descriptor = _open(path)
    try:
        _lock(descriptor, path)
        state = State(path, descriptor)
        state.load(world)
        try:
            yield state
        finally:
            if not state.covered:
                state.remove()
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise StateError(f"{path} can't be opened: {error.strerror}") from error
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise StateError(f"{path} can't be opened: it is not a regular file; name another output")


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StateLockedError(
            f"another discovery is at work on {path}: wait for its end, or name another output"
        ) from error


def _whole(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read()
