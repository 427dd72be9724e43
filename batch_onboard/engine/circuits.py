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
from batch_onboard.core.calls import NOT_SENT, REGIONAL_CODES, TRANSIENT, Meaning
from batch_onboard.core.permission import LET_IN, REFUSALS, Permission
from batch_onboard.engine.watching import Circuit, Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from batch_onboard.core.calls import Answer, Operation
    from batch_onboard.core.course import Course
    from batch_onboard.core.steps import Next
    from batch_onboard.core.targets import Domain, Identity

_DOMAIN_TRIPS = 5
_LASTING = frozenset({"tls"})
"""Causes that no waiting mends: which certificates are trusted is a setting."""
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
        # Only what has failed lately is kept, so that all that is well costs next to nothing.
        self._breakers: dict[Domain | str, Breaker] = {}  # by domain, and by Region
        self._permissions: dict[_Access, Permission] = {}
        self._let_in: defaultdict[Domain, dict[_Access, set[Operation]]] = defaultdict(dict)
        self._unavailable: dict[Identity | _Access, Answer] = {}
        self._refused: dict[Course, Answer] = {}  # by the latest answer to its calls
        self._suspects: set[Course] = set()
        self._held: dict[_Access, list[Held]] = {}
        self._released: list[Held] = []
        self._notices: list[Notice] = []

    def sent(self, course: Course) -> None:
        """Take note that a call is tried."""
        for breaker in self._on_the_way(course.target.key.domain):
            breaker.sent(course)

    def withdrawn(self, course: Course) -> None:
        """Take note that a call was not tried after all."""
        for breaker in self._on_the_way(course.target.key.domain):
            breaker.withdrawn(course)

    def answered(self, course: Course, operation: Operation, answer: Answer, now: float) -> None:
        """Take note of what came of a call."""
        if answer.meaning in TRANSIENT:
            self._failed(course, answer, now)
        elif answer.meaning in NOT_SENT:
            self.withdrawn(course)
        else:
            self._worked(course.target.key.domain, answer)
        if self._refused:
            self._refused.pop(course, None)
        if answer.meaning is Meaning.NO_IDENTITY:
            self._close(course, answer)
            return
        self._judge(course, operation, answer)

    def _judge(self, course: Course, operation: Operation, answer: Answer) -> None:
        """Take note of what an answer says about an identity's permission."""
        access = _access(course)
        if answer.meaning in REFUSALS:
            self._refused[course] = answer
            if access not in self._permissions:
                self._permissions[access] = Permission(self._operations_of(course))
        elif answer.meaning in LET_IN:
            self._operations_of(course).add(operation)
        permission = self._permissions.get(access)
        if permission is None:
            return
        if permission.answered(course, operation, answer.meaning):
            self._release(access, course)
        elif permission.suspect is course:
            self._suspects.add(course)

    def _operations_of(self, course: Course) -> set[Operation]:
        """Return the operations for which a course's identity was let in, to be added to."""
        known = self._let_in[course.target.key.domain]
        access = _access(course)
        if access not in known:
            known[access] = set()
        return known[access]

    def over(self, course: Course) -> None:
        """Take note that a course makes no further call."""
        if not self._permissions:
            return
        access = _access(course)
        permission = self._permissions.get(access)
        if permission is None:
            return
        refused = self._refused.pop(course, None)
        if refused is not None:
            refused = replace(refused, message=course.record.message)
        open_before = permission.is_open
        if permission.over(course, refused):
            self._release(access, course)
        if refused is not None and permission.is_open is not open_before:
            scope = f"{course.target.identity} in {course.target.key.region}"
            self._notices.append(Notice(Circuit.REFUSED, scope, refused))

    def forget(self, domain: Domain) -> None:
        """Let go what is known of a domain to which no further call is made."""
        for access in self._let_in.pop(domain, ()):
            self._permissions.pop(access, None)
        self._breakers.pop(domain, None)

    def waits_until(self, scope: Domain | str, now: float) -> float | None:
        """Return when a call to a domain, or to any of a Region, may be tried; None: at once.

        Where a trial is under way that is never: its answer decides.
        """
        waits: float | None = None
        for breaker in self._on_the_way(scope):
            if breaker.given_up is not None:
                return None
            if breaker.on_trial:
                waits = inf
            elif breaker.ready_at > now:
                waits = max(waits or now, breaker.ready_at)
        return waits

    def is_out(self, course: Course) -> bool:
        """The way to the target's account or Region is known to be out of order."""
        return any(breaker.is_open for breaker in self._on_the_way(course.target.key.domain))

    @property
    def out(self) -> list[str]:
        """What is out of order now, and not given up: accounts and Regions."""
        return [
            str(scope)
            for scope, breaker in self._breakers.items()
            if breaker.is_open and breaker.given_up is None
        ]

    def refusal(self, course: Course, operation: Operation) -> Answer | None:
        """Return why a call need not be tried: it was in vain, or refused, for others before."""
        for breaker in self._on_the_way(course.target.key.domain):
            if breaker.given_up is not None:
                return breaker.given_up
        if not (self._permissions or self._unavailable):
            return None
        access = _access(course)
        permission = self._permissions.get(access)
        closed = permission.closed(operation) if permission is not None else None
        closed = closed or self._unavailable.get(course.target.identity)
        return closed or self._unavailable.get(access)

    def hold(self, course: Course, following: Next) -> bool:
        """Keep a course, if another is about to find out whether their identity is let in."""
        if not self._permissions:
            return False
        access = _access(course)
        permission = self._permissions.get(access)
        if permission is None or not permission.waits(course):
            return False
        self._held.setdefault(access, []).append((course, following))
        return True

    def suspect_in(self, domain: Domain) -> Course | None:
        """Return a course of a domain for which others of its identity wait, if there is one."""
        return next((each for each in self._suspects if each.target.key.domain == domain), None)

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

    def _release(self, access: _Access, suspect: Course) -> None:
        self._suspects.discard(suspect)
        self._released += self._held.pop(access, ())

    def _on_the_way(self, scope: Domain | str) -> Iterator[Breaker]:
        if self._breakers:
            for each in (scope,) if isinstance(scope, str) else (scope, scope.region):
                breaker = self._breakers.get(each)
                if breaker is not None:
                    yield breaker

    def _failed(self, course: Course, answer: Answer, now: float) -> None:
        domain = course.target.key.domain
        kinds = ((domain, _DOMAIN_TRIPS, 1), (domain.region, _REGION_TRIPS, _REGION_ACCOUNTS))
        for scope, trips, sources in kinds:
            breaker = self._breakers.get(scope)
            if breaker is None:
                breaker = self._breakers[scope] = Breaker(trips, sources=sources)
            before = _turn(breaker)
            breaker.failed(course, domain.account_id, answer, now, self._chance())
            if breaker.is_open and answer.error_code in _LASTING:
                breaker.given_up = answer
            if _turn(breaker) is not before:
                self._notices.append(Notice(_turn(breaker), str(scope), answer))

    def _worked(self, domain: Domain, answer: Answer) -> None:
        if not self._breakers:
            return
        for scope in (domain, domain.region):
            breaker = self._breakers.get(scope)
            if breaker is not None and breaker.given_up is None:
                if breaker.is_open:
                    self._notices.append(Notice(Circuit.BACK, str(scope), answer))
                del self._breakers[scope]


def _turn(breaker: Breaker) -> Circuit:
    if breaker.given_up is not None:
        return Circuit.GIVEN_UP
    return Circuit.OUT if breaker.is_open else Circuit.BACK


def _access(course: Course) -> _Access:
    return course.target.identity, course.target.key.region
