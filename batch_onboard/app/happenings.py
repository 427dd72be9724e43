"""What is told, for a log, of what happens in a run: the same in its own process and in another."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from batch_onboard.core.lifecycle import Event
from batch_onboard.core.wording import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.engine.watching import Happening

_WARNINGS = frozenset(
    {
        Event.JOB_FAILED,
        Event.FOUND_DRIFT,
        Event.FOUND_MISSING,
        Event.REJECTED,
        Event.GAVE_UP,
    }
)
_FACTS = ("failure_code", "error_code", "message", "request_id")


class Said(NamedTuple):
    """One line of a log.

    Attributes:
        level: of `logging`.
        event: names it for programs.
        facts: what there is to know.
    """

    level: int
    event: str
    facts: dict[str, Any]


def told_of(happening: Happening) -> Iterator[Said]:
    """Yield an answer, and each change of its target."""
    answer, course = happening.answer, happening.course
    about = {
        "target": str(course.target.key),
        "attempt": course.record.attempts,
        "state": course.record.state.value,
    }
    asked = {"operation": happening.operation.value, "meaning": answer.meaning.value}
    yield Said(logging.DEBUG, "answer", about | asked | _facts(answer))
    for entry in happening.entries:
        stopped = entry.event in _WARNINGS and not course.done
        level = logging.WARNING if stopped else logging.INFO
        yield Said(level, entry.event.value, about | {"target": str(entry.key)} | _facts(entry))


def _facts(source: Any) -> dict[str, str]:
    facts = {name: getattr(source, name) for name in _FACTS}
    return {name: safe(value) for name, value in facts.items() if value is not None}
