"""Who holds which of an account's places for jobs, in each account and Region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.core.calls import Meaning, Operation
from batch_onboard.core.places import Places
from batch_onboard.core.steps import Priority

if TYPE_CHECKING:
    from collections.abc import Mapping

    from batch_onboard.core.calls import Answer
    from batch_onboard.core.course import Course
    from batch_onboard.core.steps import Next
    from batch_onboard.core.targets import Domain

_MAY_RUN = frozenset({Meaning.OK, Meaning.UNCLEAR})


class Seats:
    """The places of all domains, and the courses whose Starts or jobs hold them."""

    def __init__(self) -> None:
        self._places: dict[Domain, Places] = {}
        self._holders: dict[Course, Places] = {}
        self._refused: set[Course] = set()  # their conflict is not explained yet

    @property
    def places(self) -> Mapping[Domain, Places]:
        """The places of each domain that had a Start."""
        return self._places

    def forget(self, domain: Domain) -> None:
        """Let go a domain in which nothing is left to start or to follow."""
        self._places.pop(domain, None)

    def free(self, domain: Domain) -> bool:
        """Another Start may go in this domain."""
        places = self._places.get(domain)
        return places is None or places.free

    def take(self, course: Course) -> None:
        """Take a place for a course whose Start goes out."""
        places = self._places.setdefault(course.target.key.domain, Places())
        places.take()
        self._holders[course] = places

    def answered(self, course: Course, answer: Answer) -> None:
        """Take note of the answer to a Start: its place is free unless a job may run now."""
        places = self._holders[course]
        if answer.meaning is Meaning.CONFLICT:
            places.refused(places.taken - 1)
            self._refused.add(course)
        if answer.meaning not in _MAY_RUN:
            del self._holders[course]
            places.give_back()

    def went_on(self, course: Course, following: Next | None) -> None:
        """Take note of where a course goes: on to another Start, on with its job, or home.

        A refused Start that leads to another one had nothing there for its instance, so others
        held the places. One that leads to a job, or to an end, was about the instance itself.
        """
        again = following is not None and following.operation is Operation.START
        if (again or following is None) and (places := self._holders.pop(course, None)):
            if again:
                places.give_back()
            else:
                places.ended()
        told = again or following is None or following.priority is Priority.POLL
        if told and course in self._refused:
            self._refused.remove(course)
            self._places[course.target.key.domain].explained(by_places=again)
