"""What the engine tells those who watch it: progress, logs, metrics."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from batch_onboard.core.calls import Answer, Operation
    from batch_onboard.core.course import Course
    from batch_onboard.core.record import Entry


@dataclass(frozen=True, slots=True)
class Happening:
    """One answer, and what it has led to. Its entries are on disk.

    Attributes:
        course: of which target.
        operation: the call that was answered.
        answer: the answer.
        entries: what was journaled because of it.
        over: the course is over for this run.
    """

    course: Course
    operation: Operation
    answer: Answer
    entries: tuple[Entry, ...]
    over: bool


class Circuit(Enum):
    """What a circuit has turned to."""

    OUT = "outage"
    BACK = "outage_over"
    GIVEN_UP = "outage_given_up"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that holds for many targets.

    Attributes:
        circuit: what has happened.
        scope: to what: an account and Region, a Region, or an identity.
        answer: the answer that has shown it.
    """

    circuit: Circuit
    scope: str
    answer: Answer


class Watcher(Protocol):
    """Is told of each answer, in the engine's own task: it must be quick, and must not block."""

    def happened(self, happening: Happening) -> None:
        """Take note of an answer and what it has led to."""
        ...

    def noticed(self, notice: Notice) -> None:
        """Take note of something that holds for many targets."""
        ...


class Unwatched:
    """Takes note of nothing."""

    def happened(self, happening: Happening) -> None:
        """Let an answer pass."""

    def noticed(self, notice: Notice) -> None:
        """Let a notice pass."""
