"""What holds for many targets at once: outages of an account or a Region, refused identities.

The state of each circuit is in `core.breaker` and `core.permission`; here is which of them bears on
a call, and who waits for one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from batch_onboard.core.breaker import Breaker
from batch_onboard.core.calls import REGIONAL_CODES, TRANSIENT, Meaning
from batch_onboard.core.permission import REFUSALS, Permission
from batch_onboard.engine.watching import Circuit, Notice

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.core.calls import Answer, Operation
    from batch_onboard.core.course import Course
    from batch_onboard.core.steps import Next
    from batch_onboard.core.targets import Domain, Identity

_DOMAIN_TRIPS = 5
_REGION_TRIPS, _REGION_ACCOUNTS = 10, 3

Held = tuple["Course", "Next"]
_Access = tuple["Identity", str]


class Circuits:
    """All circuits of a run."""

    def __init__(self, chance: Callable[[], float]) -> None:
        """Begin with all circuits closed.

        Args:
            chance: draws a number from 0 up to, not including, 1.
        """
        self._chance = chance
        self._domains: defaultdict[Domain, Breaker] = defaultdict(lambda: Breaker(_DOMAIN_TRIPS))
        self._regions: defaultdict[str, Breaker] = defaultdict(
            lambda: Breaker(_REGION_TRIPS, sources=_REGION_ACCOUNTS)
        )
        self._permissions: defaultdict[_Access, Permission] = defaultdict(Permission)
        self._unavailable: dict[Identity | _Access, Answer] = {}
        self._refused: dict[Course, Answer] = {}  # by the latest answer to its calls
        self._held: dict[_Access, list[Held]] = {}
        self._released: list[Held] = []
        self._notices: list[Notice] = []

    def sent(self, course: Course) -> None:
        """Take note that a call is tried."""
        for breaker in self._breakers(course):
            breaker.sent(course)

    def withdrawn(self, course: Course) -> None:
        """Take note that a call was not tried after all."""
        for breaker in self._breakers(course):
            breaker.withdrawn(course)

    def answered(self, course: Course, operation: Operation, answer: Answer, now: float) -> None:
        """Take note of what came of a call."""
        domain = course.target.key.domain
        for scope, breaker in zip((domain, domain.region), self._breakers(course), strict=True):
            before = _turn(breaker)
            if answer.meaning in TRANSIENT:
                breaker.failed(course, domain.account_id, answer, now, self._chance())
            else:
                breaker.worked()
            if _turn(breaker) is not before:
                self._notices.append(Notice(_turn(breaker), str(scope), answer))
        self._refused.pop(course, None)
        if answer.meaning is Meaning.NO_IDENTITY:
            self._close(course, answer)
        elif answer.meaning in REFUSALS:
            self._refused[course] = answer
        access = _access(course)
        if self._permissions[access].answered(course, operation, answer.meaning):
            self._release(access)

    def over(self, course: Course) -> None:
        """Take note that a course makes no further call."""
        refused = self._refused.pop(course, None)
        if refused is not None:
            refused = replace(refused, message=course.record.message)
        access = _access(course)
        permission = self._permissions[access]
        open_before = permission.is_open
        if permission.over(course, refused):
            self._release(access)
        if refused is not None and permission.is_open is not open_before:
            scope = f"{course.target.identity} in {course.target.key.region}"
            self._notices.append(Notice(Circuit.REFUSED, scope, refused))

    def waits_until(self, domain: Domain, now: float) -> float | None:
        """Return when a call to a domain may be tried; None: at once.

        Where a trial is under way that is never: its answer decides.
        """
        waits: float | None = None
        for breaker in (self._domains[domain], self._regions[domain.region]):
            if breaker.given_up is not None:
                return None
            if breaker.on_trial:
                waits = inf
            elif breaker.ready_at > now:
                waits = max(waits or now, breaker.ready_at)
        return waits

    def is_out(self, course: Course) -> bool:
        """The way to the target's account or Region is known to be out of order."""
        return any(breaker.is_open for breaker in self._breakers(course))

    def refusal(self, course: Course, operation: Operation) -> Answer | None:
        """Return why a call need not be tried: it was in vain, or refused, for others before."""
        known = self._permissions[_access(course)].closed(operation)
        known = known or self._unavailable.get(course.target.identity)
        known = known or self._unavailable.get(_access(course))
        for breaker in self._breakers(course):
            known = known or breaker.given_up
        return known

    def hold(self, course: Course, following: Next) -> bool:
        """Keep a course, if another is about to find out whether their identity is let in."""
        access = _access(course)
        if not self._permissions[access].waits(course):
            return False
        self._held.setdefault(access, []).append((course, following))
        return True

    def released(self) -> list[Held]:
        """Hand over the courses that were kept and may go on, once."""
        released, self._released = self._released, []
        return released

    def notices(self) -> list[Notice]:
        """Hand over what has turned out to hold for many targets, once."""
        notices, self._notices = self._notices, []
        return notices

    def _close(self, course: Course, answer: Answer) -> None:
        """Take it that an identity cannot be had: anywhere, or in one Region."""
        identity, region = _access(course)
        regional = answer.error_code in REGIONAL_CODES
        closed = (identity, region) if regional else identity
        if closed not in self._unavailable:
            self._unavailable[closed] = answer
            scope = f"{identity} in {region}" if regional else str(identity)
            self._notices.append(Notice(Circuit.REFUSED, scope, answer))

    def _release(self, access: _Access) -> None:
        self._released += self._held.pop(access, ())

    def _breakers(self, course: Course) -> tuple[Breaker, Breaker]:
        domain = course.target.key.domain
        return self._domains[domain], self._regions[domain.region]


def _turn(breaker: Breaker) -> Circuit:
    if breaker.given_up is not None:
        return Circuit.GIVEN_UP
    return Circuit.OUT if breaker.is_open else Circuit.BACK


def _access(course: Course) -> _Access:
    return course.target.identity, course.target.key.region
