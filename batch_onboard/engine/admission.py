"""Who is in a run: targets begin when there is room for them, and are let go when they are over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.engine.backlog import Backlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.core.course import Course
    from batch_onboard.core.record import Entry
    from batch_onboard.core.steps import Moment, Next
    from batch_onboard.core.targets import Domain, Target
    from batch_onboard.engine.call import Call
    from batch_onboard.engine.helm import Helm
    from batch_onboard.engine.lanes import Lanes
    from batch_onboard.engine.tally import Tally


def even(domain: Domain) -> float:
    """Return the same rate for every domain."""
    del domain
    return 1.0


def unseen(course: Course) -> None:
    """Let a course go without a look at it."""
    del course


class Admission:
    """Begins with targets one by one, and ends them.

    Attributes:
        open: how many targets have begun and are not over.
    """

    def __init__(
        self,
        helm: Helm,
        lanes: Lanes,
        tally: Tally,
        make_course: Callable[[Target], Course],
        *,
        let_go: Callable[[Course], None] = unseen,
        rate_of: Callable[[Domain], float] = even,
    ) -> None:
        """Begin with nobody.

        Args:
            helm: decides which targets begin, and when the run has gone wrong enough.
            lanes: where their courses wait for calls.
            tally: counts.
            make_course: makes the course of a target that begins.
            let_go: takes each course when it is over.
            rate_of: returns how many targets a second a domain's quota allows: the domains that
                take longest begin first.
        """
        self.helm = helm
        self.lanes = lanes
        self.tally = tally
        self.open = 0
        self._make_course = make_course
        self._let_go = let_go
        self._backlog = Backlog(
            helm.opening_of, ahead_of=lanes.ahead, pause_of=lanes.pause_of, rate_of=rate_of
        )

    @property
    def over(self) -> bool:
        """All targets of the stages so far are over."""
        return not (self.open or self._backlog.left)

    def next_stage(self) -> bool:
        """Let the targets of the next stage wait for room; say whether there is such a stage."""
        stage = self.helm.next_stage()
        if stage is not None:
            self._await(stage)
        return stage is not None

    def admit(
        self, moment: Callable[[], Moment], note: Callable[[tuple[Entry, ...]], None]
    ) -> bool:
        """Begin with the target whose turn it is, and say whether there was one.

        Args:
            moment: returns the moment in which it begins.
            note: takes what is to be journaled if that ends it at once.
        """
        now = moment()
        target = self._backlog.next(now.now)
        if target is None:
            return False
        self.open += 1
        course = self._make_course(target)
        following = self._begin(course, now, note) if self.helm.admits(course) else None
        if following is not None:
            self.lanes.add(course, following, now.now)
        else:
            self._backlog.gone(target.key)
            self.end(course)
        return True

    def take(self, now: float) -> Call | None:
        """Return the call that goes next of all who are in; None if none may go now."""
        call = self.lanes.take(now)
        if call is not None:
            self._backlog.gone(call.course.target.key)
        return call

    def end(self, course: Course) -> None:
        """Let a course go that is over for this run."""
        self.open -= 1
        self._let_go(course)
        if self.tally.finished(course):
            self.lanes.forget(course.target.key.domain)
        if instead := self.helm.over(course):
            self._await(instead)

    def wake_at(self, now: float) -> float:
        """Return when there is something to do though nothing else happens; inf if never."""
        return min(self.lanes.wake_at(), self._backlog.wake_at(now))

    def _await(self, targets: list[Target]) -> None:
        self.tally.settled(self._backlog.add(targets))

    def _begin(
        self, course: Course, now: Moment, note: Callable[[tuple[Entry, ...]], None]
    ) -> Next | None:
        before = course.record.state
        step = course.begin(now)
        self.tally.moved(course, before)
        if step.entries:
            note(step.entries)
        return step.next
