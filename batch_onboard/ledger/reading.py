"""A ledger's bytes as lines."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from batch_onboard.ledger.codec import LONGEST_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator

_BUFFER = 1 << 20


def lines_of(descriptor: int) -> Iterator[bytes]:
    """Yield the lines that the file has now, not what is written to it meanwhile."""
    left = os.fstat(descriptor).st_size
    with open(descriptor, "rb", buffering=_BUFFER, closefd=False) as file:
        file.seek(0)
        while left > 0 and (raw := file.readline(min(left, LONGEST_LINE))):
            left -= len(raw)
            yield raw
