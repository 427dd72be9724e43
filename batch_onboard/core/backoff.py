"""How long to wait before trying again: exponential backoff with full jitter.

Full jitter spreads callers best for the fewest calls (AWS Architecture Blog, "Exponential Backoff
And Jitter"). Chance is an argument, so that a wait can be computed by hand.
"""

from __future__ import annotations


def full_jitter(attempt: int, chance: float, *, base: float, cap: float) -> float:
    """Return the seconds to wait before the next attempt.

    Args:
        attempt: which failure this was, from 1.
        chance: a number from 0 up to, not including, 1.
        base: seconds: the longest wait after the first failure.
        cap: seconds: the longest wait of all.
    """
    return chance * min(cap, base * 2.0 ** min(attempt - 1, 62))
