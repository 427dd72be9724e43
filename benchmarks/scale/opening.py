"""`python -m benchmarks.scale.opening LEDGER`: opening it beside decoding its lines, in turn."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from benchmarks.scale.steps import Turns
from benchmarks.scale.yardsticks import lines_typed, opening

if TYPE_CHECKING:
    from collections.abc import Callable

_LEAST = 5
"""Rounds."""
_ENOUGH = 5.0
"""Seconds of processor time after which there are no more rounds than these."""


def compare(path: Path) -> Turns:
    """Take turns, so that what else the machine does weighs on both alike."""
    pairs: list[tuple[float, float]] = []
    while len(pairs) < _LEAST or (sum(map(sum, pairs)) < _ENOUGH and len(pairs) < 10 * _LEAST):
        pairs.append((_cpu(lines_typed, path), _cpu(opening, path)))
    return Turns(
        median(opened for _, opened in pairs), median(opened / bare for bare, opened in pairs)
    )


def _cpu(work: Callable[[Path], None], path: Path) -> float:
    began = time.process_time()
    work(path)
    return time.process_time() - began


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(compare(Path(sys.argv[1]))))
