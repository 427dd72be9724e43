"""A ledger that another process writes to, read on as it grows. Repairs nothing, locks nothing."""

from __future__ import annotations

import os
from itertools import takewhile
from typing import TYPE_CHECKING, Self

from batch_onboard.ledger.opening import open_regular, told_as_unusable
from batch_onboard.ledger.reading import lines_of
from batch_onboard.ledger.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.lines import Line


class Follower:
    """Reads a ledger from where it came to the last time, as a context manager.

    Lines count before they are known to be on disk. Should a power cut take them away again, or
    should the ledger be written anew, all of it is read again.

    Args:
        path: the ledger.
        watch: is told of each line once it is taken in; of all of them anew after such a change.
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
                self._replay = Replay(self._lines(0), str(self._path))
            else:
                self._replay.scan.go_on(self._lines(self._replay.scan.offset))
            self._replay.run(self._watch)
            return self._replay.history

    def _lines(self, offset: int) -> Iterator[bytes]:
        """Yield the lines that are whole: what is being written now may end anywhere."""
        return takewhile(lambda raw: raw.endswith(b"\n"), lines_of(self._descriptor, offset))

    def _has_gone(self, offset: int) -> bool:
        """Say whether what was read is no longer what stands under the ledger's name."""
        ours, named = os.fstat(self._descriptor), self._path.lstat()
        return not os.path.samestat(ours, named) or ours.st_size < offset

    def _close(self) -> None:
        if self._descriptor != -1:
            os.close(self._descriptor)
            self._descriptor = -1
