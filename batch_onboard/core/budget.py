"""How many retries a run may make: each target's patience adds up, and a sick service suffers."""

from __future__ import annotations

SHARE = 0.2
"""Retries after failures that say nothing, as a share of a run's calls."""

_FLOOR = 20.0


class RetryBudget:
    """Retries that a run has left: a fifth of its calls, and a handful so that small runs have any.

    Throttles and conflicts do not draw on it: they have paces of their own.
    """

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _FLOOR

    def earn(self) -> None:
        """Take note of a call."""
        self._left += SHARE

    def spend(self) -> bool:
        """Take a retry, if there is one left."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
