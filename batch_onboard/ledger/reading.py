"""A ledger's bytes as lines."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from batch_onboard.ledger.codec import LONGEST_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator

_BUFFER = 1 << 20


def lines_of(descriptor: int, offset: int = 0) -> Iterator[bytes]:
    """Yield the lines that the file has now, not what is written to it meanwhile.

    Args:
        descriptor: the file.
        offset: where the first of them begins, in bytes.
    """
    left = os.fstat(descriptor).st_size - offset
    with open(descriptor, "rb", buffering=_BUFFER, closefd=False) as file:
        file.seek(offset)
        while left > 0 and (raw := file.readline(min(left, LONGEST_LINE))):
            left -= len(raw)
            yield raw
