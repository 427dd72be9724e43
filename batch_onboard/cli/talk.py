"""What a run says on stderr: sentences for people, or events of one log for programs.

Off a terminal nobody reads along, so whatever is said there is a line of JSON with the run's id,
from the first warning about the manifest to the last word. A terminal, or `--log-format console`,
gets the sentence alone.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, TextIO, cast

import click
import structlog

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger, Processor

_LEVELS = {1: logging.INFO}


class Talk:
    """Says things on stderr.

    Attributes:
        events: whether they are events, not sentences.
        log: the log of what happens to targets, for as much as `--verbose` asks for.
    """

    def __init__(self, form: str, *, verbosity: int = 0, quiet: bool = False) -> None:
        """Begin to talk.

        Args:
            form: `console` or `json`; `auto` is `console` on a terminal.
            verbosity: 0: what stopped a target, but only for programs, since people get a
                summary; 1: each change of a target; 2: each answer.
            quiet: say only what needs a person.
        """
        self.events = form == "json" or (form == "auto" and not sys.stderr.isatty())
        self._quiet = quiet
        least = logging.WARNING if self.events else logging.ERROR
        level = least if verbosity == 0 else _LEVELS.get(verbosity, logging.DEBUG)
        self.log = _logger(level, events=self.events)
        self._notices = _logger(logging.NOTSET, events=self.events)
        # People get what libraries call errors; what they warn of is told by the answer it led to.
        heard = logging.WARNING if self.events or verbosity else logging.ERROR
        logging.basicConfig(handlers=[_Forwarding(self, heard)], level=logging.WARNING)

    def name_run(self, run: str) -> None:
        """Let every event from now on name its run."""
        self.log, self._notices = self.log.bind(run=run), self._notices.bind(run=run)

    def say(self, event: str, sentence: str, **facts: Any) -> None:
        """Say what is good to know, unless it is to be quiet.

        Args:
            event: names it for programs.
            sentence: tells it to people; the event has it as `message`.
            **facts: what programs may want to know exactly.
        """
        if not self._quiet:
            self._tell("info", event, sentence, facts)

    def warn(self, event: str, sentence: str, **facts: Any) -> None:
        """Say what is wrong, but ends nothing."""
        self._tell("warning", event, sentence, facts)

    def fail(self, event: str, sentence: str, **facts: Any) -> None:
        """Say what ends the command."""
        self._tell("error", event, sentence, facts)

    def ask(self, question: str) -> bool:
        """Ask a person on a terminal; only a yes is one."""
        try:
            return click.confirm(question, err=True)
        except click.Abort:  # stdin is at its end; a signal would have ended the process
            click.echo(err=True)
            return False

    def note(self, event: str, *, well: bool, **facts: Any) -> None:
        """Tell programs what people read on stdout.

        Args:
            event: names it.
            well: whether nothing needs a person.
            **facts: what is to be known.
        """
        if self.events:
            self._notices.log(logging.INFO if well else logging.WARNING, event, **facts)

    def _tell(self, level: str, event: str, sentence: str, facts: dict[str, Any]) -> None:
        if self.events:
            getattr(self._notices, level)(event, message=sentence, **facts)
        else:
            print(sentence, file=sys.stderr, flush=True)  # noqa: T201


class _Forwarding(logging.Handler):
    """Lets what libraries say stand in the same log, as events `library`; never a traceback."""

    def __init__(self, talk: Talk, level: int) -> None:
        super().__init__(level)
        self._talk = talk

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if record.exc_info and (error := record.exc_info[1]):
            said = f"{said} {type(error).__name__}: {error}"
        self._talk.warn("library", f"{record.name}: {said}", logger=record.name)


class _Stderr:
    """Whatever `sys.stderr` is when something is written: the live view puts itself before it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def _logger(level: int, *, events: bool) -> FilteringBoundLogger:
    render: Processor = structlog.processors.JSONRenderer()
    if not events:
        render = structlog.dev.ConsoleRenderer(colors=False)
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(cast("TextIO", _Stderr())),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            render,
        ],
    )
    return logger
