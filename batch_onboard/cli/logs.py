"""Logs by structlog, on stderr: what happened to which target, for people or for programs."""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import structlog

from batch_onboard.cli.texts import safe
from batch_onboard.core.lifecycle import Event

if TYPE_CHECKING:
    from batch_onboard.core.record import Entry
    from batch_onboard.engine.lanes import Lanes
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
_ENTRY_FACTS = ("failure_code", "error_code", "message", "request_id")


def configure_logs(form: str, *, verbosity: int, run: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of a run.

    Args:
        form: `console` or `json`; `auto` is `console` on a terminal.
        verbosity: 0: what stopped a target, but only for programs, since people get a summary;
            1: each change of a target; 2: each answer.
        run: the run's id, which each line names.
    """
    if form == "auto":
        form = "console" if sys.stderr.isatty() else "json"
    render: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if form == "console":
        render = structlog.dev.ConsoleRenderer(colors=False)
    least = logging.WARNING if form == "json" else logging.ERROR
    level = {0: least, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            render,
        ],
    )
    return logger.bind(run=run)


class LogWatcher:
    """Logs what the engine tells."""

    def __init__(self, logger: structlog.typing.FilteringBoundLogger) -> None:
        self._logger = logger

    def happened(self, happening: Happening) -> None:
        """Log an answer, and each change of its target."""
        answer, course = happening.answer, happening.course
        self._logger.debug(
            "answer",
            operation=happening.operation.value,
            target=str(course.target.key),
            attempt=course.record.attempts,
            meaning=answer.meaning.value,
            **_facts(answer),
        )
        for entry in happening.entries:
            stopped = entry.event in _WARNINGS and not course.done
            log = self._logger.warning if stopped else self._logger.info
            log(
                entry.event.value,
                target=str(entry.key),
                attempt=course.record.attempts,
                **_facts(entry),
            )


def log_limiters(logger: structlog.typing.FilteringBoundLogger, lanes: Lanes) -> None:
    """Log what each limiter has seen and learned."""
    for (domain, operation), limiter in lanes.limiters.items():
        statistics = asdict(limiter.statistics())
        logger.info("limiter", domain=str(domain), operation=operation.value, **statistics)


def _facts(source: Entry | Any) -> dict[str, str]:
    facts = {name: getattr(source, name) for name in _ENTRY_FACTS}
    return {name: safe(value) for name, value in facts.items() if value is not None}
