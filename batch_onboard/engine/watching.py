"""What the engine tells those who watch it: progress, logs, metrics."""

from __future__ import annotations

from dataclasses import dataclass
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


class Watcher(Protocol):
    """Is told of each answer, in the engine's own task: it must be quick, and must not block."""

    def happened(self, happening: Happening) -> None:
        """Take note of an answer and what it has led to."""
        ...
