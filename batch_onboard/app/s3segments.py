"""The segments of a ledger as objects in S3."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING

from batch_onboard.app.s3 import CALL_TIMEOUT, reached, told_as_os_error
from batch_onboard.core.redaction import Secrets
from batch_onboard.ledger.errors import LedgerUnusableError
from batch_onboard.ledger.opening import told_as_unusable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batch_onboard.core.s3place import S3Place
    from batch_onboard.service.objects import Objects

_NAME = re.compile(r"(\d{10})\.jsonl", re.ASCII)
_LARGEST = 2 << 30
"""Bytes of a segment that is read: a ledger's whole file may have been put there as the first."""


class S3Segments:
    """A ledger's segments; conforms to `ledger.row.SegmentStore`.

    Args:
        place: the ledger's; each segment is an object beneath it.
        objects: reach S3.
        opened: what is closed at the end.
    """

    def __init__(self, place: S3Place, objects: Objects, opened: ExitStack) -> None:
        self._place = place
        self._objects = objects
        self._opened = opened

    @property
    def place(self) -> S3Place:
        """Where the ledger is."""
        return self._place

    def put_new(self, number: int, data: bytes) -> bool:
        """Write a segment durably, or return False because there is one of this number."""
        with told_as_os_error():
            return self._objects.put_new(self._at(number), data)

    def read(self, number: int) -> bytes | None:
        """Return a segment; None if there is none."""
        return self.read_all([number])[0]

    def read_all(self, numbers: Sequence[int]) -> list[bytes | None]:
        """Return segments, in this order, that are read at once; None for one that is missing."""
        with told_as_os_error():
            return self._objects.get_all([self._at(number) for number in numbers], _LARGEST)

    def numbers(self, after: int = 0) -> list[int]:
        """Return the numbers of the segments above a number, in ascending order."""
        with told_as_os_error():
            names = self._objects.names(self._place, _name(after))
        return [int(match[1]) for match in map(_NAME.fullmatch, names) if match]

    def close(self) -> None:
        """Close the connections to S3. A second call does nothing."""
        self._opened.close()

    def _at(self, number: int) -> S3Place:
        return self._place / _name(number)


def open_s3_segments(
    place: S3Place, secrets: Secrets, call_timeout: float = CALL_TIMEOUT
) -> S3Segments:
    """Open the way to a ledger's segments, for whoever closes them.

    Args:
        place: the ledger's.
        secrets: is told of the credentials.
        call_timeout: seconds for one call.

    Raises:
        LedgerUnusableError: no ledger can be there.
    """
    if place.is_folder:
        raise LedgerUnusableError(f"{place} can't be used: it is a folder: name a ledger in it")
    opened = ExitStack()
    return S3Segments(place, opened.enter_context(reached(secrets, "ledger", call_timeout)), opened)


def folders_in(place: S3Place) -> list[str]:
    """Return the names of what is right beneath a place and has objects beneath it, in order.

    Raises:
        LedgerUnusableError: they can't be listed.
    """
    with told_as_unusable(place), told_as_os_error(), reached(Secrets(), "ledger") as objects:
        return objects.folders(place)


def _name(number: int) -> str:
    return f"{number:010}.jsonl"
