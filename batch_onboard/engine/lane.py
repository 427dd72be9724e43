"""The queue of courses that wait for the same kind of call in the same domain."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from batch_onboard.core.picture import Wait

if TYPE_CHECKING:
    from collections.abc import Iterable

    from batch_onboard.core.calls import Operation
    from batch_onboard.core.course import Course
    from batch_onboard.core.limiter import Limiter
    from batch_onboard.core.steps import Priority
    from batch_onboard.core.targets import Domain


_JUST_NOW = 5.0
"""Seconds for which a throttle, not the limiter's pace, is why a domain waits."""


class Lane:
    """One such queue, and in which of its five places it is: see `engine.lanes`.

    Attributes:
        courses: those that wait, in their order.
        queued: it is ready, or stalled while a trial is under way.
        parked: its domain has no place for another job.
        waits_until: when its limiter, or the pause of an outage, lets it go on; None: it does not
            wait for that.
        throttled_at: when a call that its limiter had let go was last throttled.
    """

    __slots__ = (
        "courses",
        "domain",
        "limiter",
        "operation",
        "parked",
        "priority",
        "queued",
        "throttled_at",
        "waits_until",
    )

    def __init__(
        self, domain: Domain, limiter: Limiter, operation: Operation, priority: Priority
    ) -> None:
        self.domain = domain
        self.limiter = limiter
        self.operation = operation
        self.priority = priority
        self.courses: deque[Course] = deque()
        self.queued = False
        self.parked = False
        self.waits_until: float | None = None
        self.throttled_at = float("-inf")


def wait_of(lanes: Iterable[Lane], now: float) -> Wait | None:
    """Say what the lanes of a domain wait for; None if nothing waits in them."""
    waiting = [lane for lane in lanes if lane.courses]
    if any(lane.parked for lane in waiting):
        return Wait.PLACES
    paced = [lane for lane in waiting if lane.waits_until is not None]
    if any(now - lane.throttled_at < _JUST_NOW for lane in paced):
        return Wait.THROTTLE
    if paced:
        return Wait.QUOTA
    return Wait.ANSWER if waiting else None
