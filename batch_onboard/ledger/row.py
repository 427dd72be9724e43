"""A row of segments: the objects that a ledger without a file is made of.

Each has a number, from 1 on, and is written once, whole, and only if there is none of that number.
That condition is the lock: of two who write the next segment one learns that it was not the first.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Protocol, TypeVar

from batch_onboard.ledger.errors import PassingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from batch_onboard.core.s3place import S3Place

T = TypeVar("T")

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_AT_ONCE = 32
"""Segments that are read at once."""


def _now() -> float:
    # Other than the monotonic clock of Python, this one counts while the machine is suspended.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a holder may be silent, and all that follows from it. In seconds.

    Attributes:
        beat: the longest time in which a holder writes nothing.
        certain: how long after a holder began to write its latest segment it takes for granted that
            it still holds the ledger. Well below `silence`.
        silence: for how long nothing must be written until another may take the ledger over.
        step: between two looks at a ledger that somebody holds.
        patience: how long a store that fails is asked again by a holder.
        first_patience: the same before anything was begun, and for those who only read.
        clock: a clock that never goes back; only differences of one process's count.
        pause: how to wait.
    """

    beat: float = 20.0
    certain: float = 30.0
    silence: float = 60.0
    step: float = 2.0
    patience: float = 60.0
    first_patience: float = 10.0
    clock: Callable[[], float] = _now
    pause: Callable[[float], None] = time.sleep


class SegmentStore(Protocol):
    """Where segments are kept. Safe to use from several threads.

    All methods but `close` raise `PassingError` if another try may do, and may even find that this
    one has done it; and `OSError` if none will.
    """

    @property
    def place(self) -> S3Place:
        """Where it is."""
        ...

    def put_new(self, number: int, data: bytes) -> bool:
        """Write a segment durably, or return False because there is one of this number."""
        ...

    def read(self, number: int) -> bytes | None:
        """Return a segment; None if there is none."""
        ...

    def read_all(self, numbers: Sequence[int]) -> list[bytes | None]:
        """Return segments, in this order, that are read at once; None for one that is missing."""
        ...

    def numbers(self, after: int = 0) -> list[int]:
        """Return the numbers of the segments above a number, in ascending order."""
        ...

    def close(self) -> None:
        """Give up what it has open."""
        ...


class Row:
    """The segments of one ledger, with patience for what passes.

    Args:
        store: where they are.
        timing: how long to be patient.
        patience: seconds; this one's, where `timing` has two.
    """

    def __init__(self, store: SegmentStore, timing: Timing, patience: float) -> None:
        self.store = store
        self._timing = timing
        self._patience = patience

    def put(self, number: int, data: bytes) -> bool:
        """Write a segment, and say whether it is there now with these very bytes.

        What is tried again may have been done before, and then finds its own segment in its way.

        Raises:
            OSError: it is not known to be there.
        """
        done = self._patiently(lambda: self.store.put_new(number, data))
        return done or self.read(number) == data

    def check_condition(self, number: int, data: bytes) -> None:
        """Write a segment that is there, as it is, and see that the store refuses it.

        Raises:
            OSError: it does not, so that two runs could write to one ledger.
        """
        if self._patiently(lambda: self.store.put_new(number, data)):
            raise OSError(
                "this store takes an object though there is one of that name (it ignores "
                "If-None-Match), so it can't keep two runs apart: use another, such as Amazon S3"
            )

    def read(self, number: int) -> bytes | None:
        """Return a segment; None if there is none.

        Raises:
            OSError: it can't be read.
        """
        return self._patiently(lambda: self.store.read(number))

    def numbers(self, after: int = 0) -> list[int]:
        """Return the numbers of the segments above a number, in ascending order.

        Raises:
            OSError: they can't be listed.
        """
        return self._patiently(lambda: self.store.numbers(after))

    def lines(self, numbers: Iterable[int]) -> Iterator[bytes]:
        """Yield the lines of segments.

        Raises:
            OSError: one can't be read.
        """
        for data in self.contents(numbers):
            yield from BytesIO(data)

    def contents(self, numbers: Iterable[int]) -> Iterator[bytes]:
        """Yield the bytes of segments.

        Raises:
            OSError: one can't be read.
        """
        left = list(numbers)
        while left:
            some, left = left[:_AT_ONCE], left[_AT_ONCE:]
            for data in self._patiently(partial(self.store.read_all, some)):
                yield data or b""  # what is missing shows by the numbers of lines

    def _patiently(self, call: Callable[[], T]) -> T:
        return patiently(call, self._timing, self._patience)


def patiently(call: Callable[[], T], timing: Timing, patience: float) -> T:
    """Ask a store, and ask again for as long as that may do.

    Args:
        call: raises `PassingError` if another try may do.
        timing: clock and pauses.
        patience: seconds.

    Raises:
        OSError: no try did.
    """
    until = timing.clock() + patience
    pause = _FIRST_PAUSE
    while True:
        try:
            return call()
        except PassingError as error:
            if timing.clock() + pause > until:
                raise OSError(f"{error} (tried for {patience:g} s)") from error
        timing.pause(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
