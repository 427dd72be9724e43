"""What has not begun yet, handed out target by target when there is room for another one.

A target has a course from when it begins until it is over. So that a run holds what runs or waits,
and not all of its batch, nothing begins while anything that has begun may go. Then one of these is
next:

- **a line that is due.** A domain that has been opened has a line of targets for each way in which
  they begin, since each leads to another queue of the engine. Of a line one target is at the door:
  it has begun, and its first call has not gone. When that goes, the line is due. So the queue of a
  domain always has somebody whom its limiter can let go, and never more than one. Of the lines that
  are due the longest is first.
- **a domain.** Those that take longest are opened first, since the end of the run waits for them.

Two things keep from filling up what can't go on anyway: a domain in which many targets that were
read wait for their turn gets no more for now, and a Region that is out of order is not opened.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import TYPE_CHECKING

from batch_onboard.core.opening import Opening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from batch_onboard.core.targets import Domain, Target, TargetKey

AHEAD = 100
"""Targets of a domain that may be read and wait for their turn, so that none is long out of date.
They are enough for a quota of Starts to be used without a gap."""

_Group = tuple["Target", ...]


class _Line:
    """Targets of one domain that begin in the same way, the next one last.

    Attributes:
        domain: the domain.
        reads: they have to be read, or wait with those that were.
        targets: those that have not begun.
    """

    __slots__ = ("domain", "reads", "targets")

    def __init__(self, domain: Domain, *, reads: bool) -> None:
        self.domain = domain
        self.reads = reads
        self.targets: list[Target] = []


class Backlog:
    """The targets of a stage that have not begun.

    Attributes:
        left: how many these are.
    """

    def __init__(
        self,
        opening_of: Callable[[Target], Opening],
        *,
        ahead_of: Callable[[Domain], int],
        pause_of: Callable[[str, float], float | None],
        rate_of: Callable[[Domain], float] = lambda _domain: 1.0,
    ) -> None:
        """Begin with none.

        Args:
            opening_of: returns what the run does first about a target.
            ahead_of: returns how many targets of a domain were read and wait for their turn.
            pause_of: returns until when a Region that is out of order gets no calls, None if it
                is in order.
            rate_of: returns how many targets a second a domain's quota allows.
        """
        self.left = 0
        self._opening_of = opening_of
        self._ahead_of = ahead_of
        self._pause_of = pause_of
        self._rate_of = rate_of
        self._groups: list[_Group] = []  # the one that is opened next last
        self._aside: dict[str, deque[_Group]] = {}  # by Region, while that is out of order
        self._due: list[tuple[int, int, _Line]] = []
        self._order = count()
        self._at_door: dict[TargetKey, _Line] = {}
        self._full: dict[Domain, list[_Line]] = {}

    def add(self, targets: Iterable[Target]) -> int:
        """Take in targets, and return how many of them are settled, so that they never begin."""
        by_domain: dict[Domain, list[Target]] = {}
        settled = 0
        for target in targets:
            if self._opening_of(target) is Opening.NOTHING:
                settled += 1
            else:
                by_domain.setdefault(target.key.domain, []).append(target)
        self.left += sum(map(len, by_domain.values()))
        new = [tuple(group) for group in by_domain.values()]
        by_domain.clear()
        new.reverse()
        self._groups = sorted([*new, *self._groups], key=self._seconds)
        return settled

    def next(self, now: float) -> Target | None:
        """Return the target that begins next; None if none should for now.

        Whoever asks has found that nothing may go of what has begun.
        """
        while (line := self._next_line()) is None:
            group = self._next_group(now)
            if group is None:
                return None
            self._open(group)
        target = line.targets.pop()
        self._at_door[target.key] = line
        self.left -= 1
        return target

    def gone(self, key: TargetKey) -> None:
        """Take note that a call of a target has gone, or that none will."""
        line = self._at_door.pop(key, None)
        if line is not None and line.targets:
            self._put(line)
        if self._full:
            for each in self._full.pop(key.domain, ()):
                self._put(each)

    def wake_at(self, now: float) -> float:
        """Return when `next` may have a target though nothing else happens; inf if never."""
        pauses = (self._pause_of(region, now) for region in self._aside)
        return min((now if pause is None else pause for pause in pauses), default=inf)

    def _seconds(self, group: _Group) -> float:
        return len(group) / self._rate_of(group[0].key.domain)

    def _next_line(self) -> _Line | None:
        while self._due:
            line = heappop(self._due)[-1]
            if not line.reads or self._ahead_of(line.domain) < AHEAD:
                return line
            self._full.setdefault(line.domain, []).append(line)
        return None

    def _next_group(self, now: float) -> _Group | None:
        for region, aside in self._aside.items():
            if self._pause_of(region, now) is None:
                group = aside.popleft()
                if not aside:
                    del self._aside[region]
                return group
        while self._groups:
            group = self._groups.pop()
            region = group[0].key.region
            if region not in self._aside and self._pause_of(region, now) is None:
                return group
            self._aside.setdefault(region, deque()).append(group)
        return None

    def _open(self, group: _Group) -> None:
        domain = group[0].key.domain
        lines: dict[Opening, _Line] = {}
        for target in reversed(group):
            begins = self._opening_of(target)
            line = lines.get(begins)
            if line is None:
                line = lines[begins] = _Line(domain, reads=begins is not Opening.FOLLOW)
            line.targets.append(target)
        for line in lines.values():
            self._put(line)

    def _put(self, line: _Line) -> None:
        heappush(self._due, (-len(line.targets), next(self._order), line))
