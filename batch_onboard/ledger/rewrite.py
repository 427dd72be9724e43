"""Writing a ledger anew while it is held: when that pays, and how."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from batch_onboard.ledger.codec import unplaced
from batch_onboard.ledger.lines import FORMAT, RewrittenLine
from batch_onboard.ledger.snapshot import snapshot
from batch_onboard.ledger.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Sized
    from datetime import datetime
    from pathlib import Path

    from batch_onboard.ledger.history import History

LEAST_LINES = 100_000
"""A ledger with fewer lines is opened in less than a second."""
_TIMES = 3


def pays(history: History, lines: int) -> bool:
    """Say whether a ledger has so many lines that a run had better compact it first.

    Args:
        history: what it knows.
        lines: how many lines it takes to say so.
    """
    return lines > LEAST_LINES and lines > _TIMES * _lines_needed(history)


def rewrite(path: Path, history: History, lines: int, tool_version: str, now: datetime) -> int:
    """Put a ledger that says the same in the place of one whose lock is held.

    Args:
        path: the ledger.
        history: what it knows.
        lines: how many lines it has.
        tool_version: the version of batch-onboard.
        now: what time it is.

    Returns:
        How many lines it has now.

    Raises:
        OSError: it can't be written.
    """
    header = msgspec.structs.replace(unplaced(history.header), format=FORMAT)
    end = RewrittenLine(at=now, why="compact", lines=lines, tool=tool_version)
    return write_whole(path, header, chain(snapshot(history, now), [end]))


def _lines_needed(history: History) -> int:
    """Return how many lines it takes to say what is known, one thing a line."""
    once: tuple[Sized, ...] = (
        history.targets,
        history.records,
        history.learned,
        history.paced,
        history.cuts,
    )
    return sum(len(each) for each in once) + 2 * (len(history.runs) + len(history.removed))
