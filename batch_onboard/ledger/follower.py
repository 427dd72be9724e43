"""A ledger that another process writes to, read on as it grows. Repairs nothing, locks nothing."""

from __future__ import annotations

import os
from itertools import takewhile
from typing import TYPE_CHECKING, Self

from batch_onboard.ledger.opening import open_regular, told_as_unusable
from batch_onboard.ledger.reading import FileSource, lines_of
from batch_onboard.ledger.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.lines import Line
    from batch_onboard.ledger.trail import Trail


class Follower:
    """Reads a ledger from where it came to the last time, as a context manager.

    Lines count before they are known to be on disk. Should a power cut take them away again, or
    should the ledger be written anew, all of it is read again.

    Args:
        path: the ledger.
        watch: is told of each line once it is taken in; of all of them anew after such a change.
            Of what stands before a checkpoint it is told which run was the latest, no more.
    """

    def __init__(self, path: Path, watch: Callable[[Line], None]) -> None:
        self._path = path
        self._watch = watch
        self._descriptor = -1
        self._replay: Replay | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def catch_up(self) -> History:
        """Take in what was written since the last time, and return all that the ledger knows.

        Raises:
            LedgerUnusableError: the file can't be read.
            LedgerFormatError: it is not a ledger, or not one that this version can read.
            LedgerDamagedError: what was durable has been changed.
        """
        with told_as_unusable(self._path):
            if self._replay is None or self._has_gone(self._replay.scan.offset):
                self._close()
                self._descriptor = open_regular(self._path, os.O_RDONLY)
                self._replay = Replay.of(_Growing(self._descriptor), str(self._path))
            else:
                offset = self._replay.scan.offset
                self._replay.scan.go_on(_whole(lines_of(self._descriptor, offset)))
            self._replay.run(self._watch)
            return self._replay.history

    def _has_gone(self, offset: int) -> bool:
        """Say whether what was read is no longer what stands under the ledger's name."""
        ours, named = os.fstat(self._descriptor), self._path.lstat()
        return not os.path.samestat(ours, named) or ours.st_size < offset

    def _close(self) -> None:
        if self._descriptor != -1:
            os.close(self._descriptor)
            self._descriptor = -1


class _Growing(FileSource):
    """A ledger that is written to: what is being written now may end anywhere."""

    def lines(self) -> Iterator[bytes]:
        return _whole(super().lines())

    def lines_from(self, offset: int, trail: Trail) -> Iterator[bytes]:
        return _whole(super().lines_from(offset, trail))


def _whole(lines: Iterator[bytes]) -> Iterator[bytes]:
    return takewhile(lambda raw: raw.endswith(b"\n"), lines)
