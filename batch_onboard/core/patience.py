"""How often one target's calls are tried again, and how long is waited in between."""

from __future__ import annotations

from batch_onboard.core.backoff import full_jitter
from batch_onboard.core.calls import TRANSIENT, Answer, Meaning

MAX_TRIES = 6
"""How often a call that leads nowhere (no connection, a 5xx, a timeout) is made in a row."""

MAX_DENIALS = 2
"""A refusal for want of a permission is confirmed by one retry."""

MAX_RENEWALS = 4
"""How often a call is made in a row whose credentials had expired."""

MAX_THROTTLES = 100
"""How often one call may be throttled in a row before its domain is taken to have no quota."""

MAX_LOST_STARTS = 3
"""How many Starts of one run may end without a readable answer, each read live afterwards."""

_LIMITS = {
    Meaning.THROTTLED: MAX_THROTTLES,
    Meaning.DENIED: MAX_DENIALS,
    Meaning.CREDENTIALS: MAX_DENIALS,
    Meaning.EXPIRED: MAX_RENEWALS,
    Meaning.REJECTED: 1,
    Meaning.NO_IDENTITY: 1,
    Meaning.WRONG_ACCOUNT: 1,
    Meaning.NO_KEY: 1,
}
_AT_ONCE = frozenset({Meaning.THROTTLED, Meaning.EXPIRED})


class Patience:
    """Counts what went wrong in a row for one target, and says how long to wait, if at all."""

    __slots__ = ("_conflicts", "_failures", "_looks", "_lost_starts")

    def __init__(self) -> None:
        self._failures: dict[Meaning, int] = {}
        self._looks = 0
        self._conflicts = 0
        self._lost_starts: list[Answer] = []

    def renew(self) -> None:
        """Forget what went wrong: a call has told something."""
        self._failures.clear()

    def after(self, answer: Answer, chance: float, *, outage: bool = False) -> float | None:
        """Return seconds to wait before the same call again; None when that was enough.

        A throttled call waits for its limiter, one with expired credentials for new ones, and one
        that fails in a known outage for the end of that, so none of them waits here.
        """
        meaning = answer.meaning
        if outage and meaning in TRANSIENT:
            return 0.0
        count = self._failures[meaning] = self._failures.get(meaning, 0) + 1
        if count >= _LIMITS.get(meaning, MAX_TRIES):
            return None
        if meaning in _AT_ONCE:
            return 0.0
        return full_jitter(count, chance, base=1.0, cap=20.0)

    def lose_start(self, answer: Answer) -> None:
        """Count a Start whose answer could not be read, or never came."""
        self._lost_starts.append(answer)

    def lost_starts(self) -> Answer | None:
        """Return the answer to the last Start that was lost, if too many were to try again."""
        return self._lost_starts[-1] if len(self._lost_starts) >= MAX_LOST_STARTS else None

    def between_looks(self, chance: float) -> float:
        """Return seconds to wait before a live state is read again that may still change.

        From a half to a whole of 1, 2, 4, 8 and then 16 s, so that targets that began together
        drift apart and yet none asks at once.
        """
        self._looks += 1
        longest = 2.0 ** min(self._looks - 1, 4)
        return longest / 2 + full_jitter(1, chance, base=longest / 2, cap=longest)

    def between_conflicts(self, chance: float) -> float:
        """Return seconds to wait after a 409 before the live state is read.

        Conflicts of one account come in crowds, so they spread over all of the wait.
        """
        self._conflicts += 1
        return full_jitter(self._conflicts, chance, base=1.0, cap=30.0)
