"""The log of what happened to which target."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from batch_onboard.app.happenings import told_of
from batch_onboard.cli.texts import safe
from batch_onboard.core.calls import Meaning
from batch_onboard.engine.watching import Circuit

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from batch_onboard.app.happenings import Said
    from batch_onboard.cli.talk import Talk
    from batch_onboard.engine.limiters import Limiters
    from batch_onboard.engine.watching import Happening, Notice

_TOLD_ONE_BY_ONE = 3


class LogWatcher:
    """Logs what the engine tells.

    People are told of the first few accounts or identities that meet the same, not of thousands:
    the summary counts them. A log for programs has them all.
    """

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._alike: Counter[tuple[Circuit, str | None]] = Counter()
        self._told: set[str] = set()

    def happened(self, happening: Happening) -> None:
        """Log an answer, and each change of its target."""
        for said in told_of(happening):
            self.said(said)

    def said(self, said: Said, **facts: Any) -> None:
        """Log a line.

        Args:
            said: the line.
            **facts: what is to be known besides.
        """
        self._talk.log.log(said.level, said.event, **said.facts, **facts)

    def noticed(self, notice: Notice) -> None:
        """Tell what holds for many targets, also where single targets are not logged."""
        scope, answer = safe(notice.scope), notice.answer
        if notice.circuit is Circuit.BACK:
            if self._talk.events or scope in self._told:
                self._talk.say(notice.circuit.value, f"{scope} answers again", scope=scope)
            return
        code = answer.error_code and safe(answer.error_code)
        if self._is_one_of_many(notice, code):
            return
        self._told.add(scope)
        cause = safe(answer.message or answer.error_code or answer.meaning.value)
        sentence = f"{scope} {_sentence(notice)}: {cause}"
        self._talk.warn(notice.circuit.value, sentence, scope=scope, error_code=code)

    def _is_one_of_many(self, notice: Notice, code: str | None) -> bool:
        """Say whether people know enough of what has happened; the first time, tell them so."""
        alike = notice.circuit, code
        self._alike[alike] += 1
        if self._talk.events or self._alike[alike] <= _TOLD_ONE_BY_ONE:
            return False
        if self._alike[alike] == _TOLD_ONE_BY_ONE + 1:
            what = f"{safe(notice.scope)} {_sentence(notice)}, as above"
            self._talk.warn(notice.circuit.value, f"{what}; others are not told one by one")
        return True


def _sentence(notice: Notice) -> str:
    if notice.answer.meaning is Meaning.NO_IDENTITY:
        return "can't be used, its targets get no further calls"
    return _SENTENCES[notice.circuit]


_SENTENCES = {
    Circuit.OUT: "is out of order, a trial goes now and then",
    Circuit.GIVEN_UP: "stays out of order, its targets are left to the next run",
    Circuit.REFUSED: "is refused, its targets get no further calls",
}


def log_limiters(logger: FilteringBoundLogger, limiters: Limiters) -> None:
    """Log what each limiter has seen and learned; of domains that are over, the latest ones."""
    for (domain, operation), known in limiters.statistics().items():
        logger.info("limiter", domain=str(domain), operation=operation.value, **asdict(known))
