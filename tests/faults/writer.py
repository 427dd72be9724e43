"""Writes to a ledger until it is stopped, and says what it has been told is safe.

    python -m tests.faults.writer LEDGER

Each line on stdout is a number: so many targets, from the first on, are durable now.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.ledger.building import intent, opened

GROUP = 3


async def write(path: Path) -> None:
    """Go on from what is there, without end."""
    with opened(path) as ledger:
        number = len(ledger.history.records)
        print(number, flush=True)  # noqa: T201 - what this program is for
        async with ledger.journal() as journal:
            while True:
                await journal.write(*(intent(number + n) for n in range(GROUP)))
                number += GROUP
                print(number, flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1])))
