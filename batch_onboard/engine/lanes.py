"""Which call goes next: lanes of waiting courses, paced by one limiter per domain and operation.

A lane holds the courses of one (account, Region, operation, priority) in order. A lane is in one
of five places: empty, and forgotten; ready (in the queue of its priority); waiting (in the timer
heap, until its limiter, or the pause of an outage, lets it go on); stalled while a trial finds out
whether an outage is over; or, for Starts, parked while the account has no place for another job. A
course that must wait for its own sake, a backoff or a poll that is not due, stands in the same heap
until it joins its lane. So each event costs the same however many targets a manifest has, there is
one timer per lane, and a slow domain takes nothing from others.

Lanes decide, and do nothing else: no waiting, no clock. Times are monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from batch_onboard.core.calls import Answer, Meaning, Operation
from batch_onboard.core.picture import Wait
from batch_onboard.core.steps import Next, Priority
from batch_onboard.engine.call import Call
from batch_onboard.engine.lane import Lane, wait_of
from batch_onboard.engine.limiters import Limiters, forgotten
from batch_onboard.engine.seats import Seats
from batch_onboard.engine.timers import Timers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from batch_onboard.core.course import Course
    from batch_onboard.core.limiter import Limiter
    from batch_onboard.core.places import Places
    from batch_onboard.core.polling import PollPlan
    from batch_onboard.core.targets import Domain
    from batch_onboard.engine.circuits import Circuits
    from batch_onboard.engine.watching import Notice

_NOT_SENT = Answer(Meaning.UNSENT)
_UNKNOWN = Answer(Meaning.UNCLEAR)


class Lanes:
    """All courses that wait for a call, and the limiters that pace them.

    Attributes:
        limiters: of the domains that have calls left, for statistics too.
    """

    def __init__(
        self,
        make_limiter: Callable[[Domain, Operation], Limiter],
        circuits: Circuits,
        let_go: Callable[[Domain, Operation, Limiter], None] = forgotten,
    ) -> None:
        """Begin without lanes.

        Args:
            make_limiter: called once per domain and operation.
            circuits: what is out of order.
            let_go: takes each limiter when its domain is over.
        """
        self.limiters = Limiters(make_limiter, let_go)
        self._circuits = circuits
        self._stalled: dict[str, list[Lane]] = {}  # by Region
        self._lanes: dict[tuple[Domain, Operation, Priority], Lane] = {}
        self._by_limiter: dict[Limiter, list[Lane]] = {}
        self._under_way: set[Call] = set()
        self._seats = Seats()
        self._ready: dict[Priority, deque[Lane]] = {priority: deque() for priority in Priority}
        self._timers = Timers()

    @property
    def places(self) -> Mapping[Domain, Places]:
        """The places for jobs in each domain that had a Start and has calls left."""
        return self._seats.places

    @property
    def out(self) -> list[str]:
        """What is out of order now: accounts and Regions."""
        return self._circuits.out

    def starts_due(self, domain: Domain) -> int:
        """Return how many courses of a domain need only their turn to be started."""
        lane = self._lanes.get((domain, Operation.START, Priority.START))
        return len(lane.courses) if lane is not None else 0

    def ahead(self, domain: Domain) -> int:
        """Return how many courses of a domain were read and wait for their turn."""
        config = self._lanes.get((domain, Operation.CONFIG, Priority.LOOK))
        return self.starts_due(domain) + (len(config.courses) if config is not None else 0)

    def pause_of(self, region: str, now: float) -> float | None:
        """Return until when a Region that is out of order gets no calls; None if it gets them."""
        return self._circuits.waits_until(region, now)

    def forget(self, domain: Domain) -> None:
        """Let go what is known of a domain all of whose courses are over."""
        for limiter in self.limiters.forget(domain):
            self._by_limiter.pop(limiter, None)
        self._seats.forget(domain)
        self._circuits.forget(domain)

    def wait_of(self, domain: Domain, now: float) -> Wait | None:
        """Say what the calls of a domain wait for; None if none waits here."""
        if self._circuits.waits_until(domain, now) is not None:
            return Wait.CIRCUIT
        kinds = ((operation, priority) for operation in Operation for priority in Priority)
        lanes = (self._lanes.get((domain, *kind)) for kind in kinds)
        wait = wait_of([lane for lane in lanes if lane is not None], now)
        under_way = any(call.course.target.key.domain == domain for call in self._under_way)
        return wait or (Wait.ANSWER if under_way else None)

    def go_on(self, course: Course, following: Next | None, now: float) -> None:
        """Let a course wait for its next call, or let it go if there is none."""
        self._seats.went_on(course, following)
        self._unpark(course.target.key.domain)
        if following is not None:
            self.add(course, following, now)
        else:
            self._circuits.over(course)
            self._take_back(now)

    def add(self, course: Course, following: Next, now: float) -> None:
        """Let a course wait for a call."""
        if following.at > now:
            self._timers.add(following.at, (course, following))
        else:
            self._join(course, following)

    def take(self, now: float) -> Call | None:
        """Return the call that goes next, or None if none may go now."""
        self._release(now)
        for queue in self._ready.values():
            while queue:
                lane = queue.popleft()
                lane.queued = False
                if self._may_go(lane, now) and (call := self._go(lane, now)) is not None:
                    return call
        return None

    def notices(self) -> list[Notice]:
        """Hand over what has turned out to hold for many targets, once."""
        return self._circuits.notices()

    def is_out(self, course: Course) -> bool:
        """The way to a course's account or Region is known to be out of order."""
        return self._circuits.is_out(course)

    def wake_at(self) -> float:
        """Return when `take` may have a call though nothing else happens; inf if never."""
        return self._timers.first

    def answered(self, call: Call, answer: Answer, now: float) -> None:
        """Tell limiter and circuits what came of a call, and let lanes go on that may now."""
        self._circuits.answered(call.course, call.operation, answer, now)
        self._settle(call, answer, now)
        self._take_back(now)

    def _settle(self, call: Call, answer: Answer, now: float) -> None:
        self._under_way.discard(call)
        domain = call.course.target.key.domain
        if call.operation is Operation.START:
            self._seats.answered(call.course, answer)
            self._unpark(domain)
        self.limiters.answered(domain, call.operation, call.ticket, answer, now)
        self._hasten(call.limiter, now, throttled=answer.meaning is Meaning.THROTTLED)
        for lane in self._stalled.pop(domain.region, ()):
            self._queue(lane)

    def _hasten(self, limiter: Limiter, now: float, *, throttled: bool) -> None:
        """Let the lanes of a limiter go on as soon as it now allows."""
        at = limiter.ready_at(now)
        for lane in self._by_limiter[limiter]:
            if throttled:
                lane.throttled_at = now
            if lane.waits_until is not None and at < lane.waits_until:
                self._wait(lane, at)

    def put_back(self, call: Call, now: float) -> None:
        """Take a call back that was not sent after all: it goes first when its turn comes again."""
        self.withdraw(call, now)
        self.add(call.course, Next(call.operation, call.priority, now, first=True), now)

    def abandon(self, call: Call, now: float) -> None:
        """Let a course go in the middle of a call, of which nothing can be learned."""
        if call in self._under_way:
            self._circuits.withdrawn(call.course)
            self._settle(call, _UNKNOWN, now)
        self.go_on(call.course, None, now)

    def withdraw(self, call: Call, now: float) -> None:
        """Take note that a call was not sent after all."""
        self._circuits.withdrawn(call.course)
        self._settle(call, _NOT_SENT, now)

    def _take_back(self, now: float) -> None:
        """Let the courses go on, in their order, that circuits have kept."""
        for course, following in reversed(self._circuits.released()):
            self.add(course, replace(following, at=now, first=True), now)

    def bring_polls_forward(self, plan: PollPlan, now: float) -> None:
        """Ask jobs anew when they are due, after the first lengths of jobs have become known.

        This walks over all that waits, and happens once in a run.
        """
        self._timers.bring_polls_forward(plan, now)

    def _release(self, now: float) -> None:
        for at, waiting in self._timers.due(now):
            if isinstance(waiting, tuple):
                self._join(*waiting)
            elif waiting.waits_until == at:  # else it was given another time since
                waiting.waits_until = None
                self._queue(waiting)

    def _join(self, course: Course, following: Next) -> None:
        lane = self._lane(course.target.key.domain, following)
        if following.first:
            lane.courses.appendleft(course)
        else:
            lane.courses.append(course)
        if lane.parked:
            self._unpark(lane.domain)
        elif not lane.queued and lane.waits_until is None:
            self._queue(lane)

    def _lane(self, domain: Domain, following: Next) -> Lane:
        operation, priority = following.operation, following.priority
        lane = self._lanes.get((domain, operation, priority))
        if lane is None:
            limiter = self.limiters.of(domain, operation)
            throttled_at = self.limiters.throttled_at(domain, operation)
            lane = Lane(domain, limiter, operation, priority, throttled_at)
            self._lanes[domain, operation, priority] = lane
            self._by_limiter.setdefault(limiter, []).append(lane)
        return lane

    def _may_go(self, lane: Lane, now: float) -> bool:
        """Say whether a lane may have a call; if not, see to it that it is asked again."""
        waits = self._circuits.waits_until(lane.domain, now)
        if waits == inf:
            self._stalled.setdefault(lane.domain.region, []).append(lane)
            lane.queued = True
            return False
        if not self._has_place(lane):
            lane.parked = True
            return False
        at = max(waits or now, lane.limiter.ready_at(now))
        if at > now:
            self._wait(lane, at)
        return at <= now

    def _go(self, lane: Lane, now: float) -> Call | None:
        course = self._pick(lane, now)
        if lane.courses:
            self._queue(lane)
        else:  # of many domains, few have calls at one time
            del self._lanes[lane.domain, lane.operation, lane.priority]
            self._by_limiter[lane.limiter].remove(lane)
        if course is None:
            return None
        refusal = self._circuits.refusal(course, lane.operation)
        if refusal is not None:
            return Call(course, lane.operation, lane.priority, lane.limiter, 0, refusal)
        if lane.operation is Operation.START:
            self._seats.take(course)
        self._circuits.sent(course)
        ticket = lane.limiter.send(now)
        call = Call(course, lane.operation, lane.priority, lane.limiter, ticket)
        self._under_way.add(call)
        return call

    def _pick(self, lane: Lane, now: float) -> Course | None:
        """Take the first course of a lane that no circuit keeps."""
        following = Next(lane.operation, lane.priority, now)
        if not self._is_free(lane) and (suspect := self._circuits.suspect_in(lane.domain)):
            lane.courses.remove(suspect)
            return suspect
        while lane.courses:
            course = lane.courses.popleft()
            if not self._circuits.hold(course, following):
                return course
        return None

    def _is_free(self, lane: Lane) -> bool:
        return lane.operation is not Operation.START or self._seats.free(lane.domain)

    def _has_place(self, lane: Lane) -> bool:
        """A Start needs a place, unless those who hold the places wait for what it meets."""
        return self._is_free(lane) or self._circuits.suspect_in(lane.domain) in lane.courses

    def _unpark(self, domain: Domain) -> None:
        lane = self._lanes.get((domain, Operation.START, Priority.START))
        if lane is not None and lane.parked and self._has_place(lane):
            lane.parked = False
            self._queue(lane)

    def _queue(self, lane: Lane) -> None:
        lane.queued = True
        self._ready[lane.priority].append(lane)

    def _wait(self, lane: Lane, at: float) -> None:
        lane.waits_until = at
        self._timers.add(at, lane)
