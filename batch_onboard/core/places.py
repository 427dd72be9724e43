"""How many jobs may run at once in one account and Region, learned from conflicts.

Starts in one account touch one shared EventBridge rule and service-linked roles, so a 409 may mean
that another job of the account is running (inference; undocumented). How many may run at once is
not known, and it may be any number. So there is no cap until a Start is refused while others run;
those are what the account has places for. If a look then shows that the conflict was about the
instance itself, and no other has been about places, the cap is lifted. From time to time one more
is tried, ever more rarely while that fails. A conflict says nothing about the rate of calls, and
nothing about other domains.
"""

from __future__ import annotations

_MOST_PATIENCE = 32


class Places:
    """The places for jobs of one domain."""

    __slots__ = ("_cap", "_ended", "_patience", "_probing", "_sure", "_taken")

    def __init__(self) -> None:
        self._cap: int | None = None
        self._taken = 0
        self._ended = 0
        self._patience = 1
        self._probing = False
        self._sure = False

    @property
    def cap(self) -> int | None:
        """Jobs that may run at once; None while no limit is known."""
        return self._cap

    @property
    def taken(self) -> int:
        """Jobs that run, and Starts that are under way."""
        return self._taken

    @property
    def free(self) -> bool:
        """Another Start may go."""
        return self._cap is None or self._taken < self._cap

    def take(self) -> None:
        """Take a place for a Start."""
        self._taken += 1

    def give_back(self) -> None:
        """Give back the place of a Start that made no job."""
        self._taken -= 1

    def ended(self) -> None:
        """Give back the place of a job that has ended, and now and then make room for one more.

        One more is tried when as many jobs have ended as there are places, times the patience,
        which doubles with each try that met a conflict.
        """
        self._taken -= 1
        if self._cap is None:
            return
        self._ended += 1
        if self._ended >= self._cap * self._patience:
            self._cap += 1
            self._ended = 0
            self._probing = True

    def refused(self, others: int) -> None:
        """Take note of a Start that was answered with a 409.

        Args:
            others: places that were taken, besides its own. If none was, it was not our own jobs
                that were in the way, and nothing is learned.
        """
        if others < 1 or (self._cap is not None and others >= self._cap):
            return
        if self._probing:
            self._patience = min(2 * self._patience, _MOST_PATIENCE)
        self._cap = others
        self._ended = 0
        self._probing = False

    def explained(self, *, by_places: bool) -> None:
        """Take note of what a look showed about a Start that was refused.

        Args:
            by_places: nothing is there for its instance, so others held the places.
        """
        self._sure = self._sure or by_places
        if not self._sure:
            self._cap = None
