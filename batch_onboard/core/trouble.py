"""What goes wrong with the calls of one target: another try, another look, or the end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from batch_onboard.core.calls import NOT_ACCEPTED, NOT_SENT, Meaning, Operation
from batch_onboard.core.lifecycle import Event, State
from batch_onboard.core.patience import Patience
from batch_onboard.core.way import Mode

if TYPE_CHECKING:
    from batch_onboard.core.calls import Answer
    from batch_onboard.core.notes import Notes
    from batch_onboard.core.record import Record
    from batch_onboard.core.steps import Moment, Next, Rules
    from batch_onboard.core.targets import Identity
    from batch_onboard.core.way import Way

_REJECTABLE = frozenset({State.PENDING, State.UNRESOLVED, State.REJECTED})


class Trouble:
    """Decides what an answer leads to that has told nothing about its target.

    Attributes:
        patience: how often calls are tried again, and how long is waited in between.
    """

    __slots__ = ("_conflict_since", "_identity", "_notes", "_record", "_rules", "_way", "patience")

    def __init__(
        self, identity: Identity, record: Record, rules: Rules, notes: Notes, way: Way
    ) -> None:
        """Begin without any.

        Args:
            identity: whose calls these are.
            record: what is known of the target.
            rules: what the operator asked for.
            notes: where it is noted what happens.
            way: where the course is, which this may change.
        """
        self.patience = Patience()
        self._identity = identity
        self._record = record
        self._rules = rules
        self._notes = notes
        self._way = way
        self._conflict_since: float | None = None

    def with_start(self, answer: Answer, moment: Moment) -> Next | None:
        """Decide about a Start that made no job, as far as its answer tells."""
        meaning = answer.meaning
        if meaning is Meaning.REJECTED:
            self._notes.add_answer(Event.REJECTED, answer, moment)
            return None
        if meaning is Meaning.UNCLEAR:
            self._way.mode = Mode.LOOK
            self.patience.lose_start(answer)
            return self.with_call(Operation.STATUS, answer, moment)
        if meaning in NOT_SENT and self._record.state is State.SUBMITTING:
            self._notes.add_answer(Event.WITHDRAWN, answer, moment)
        if meaning in NOT_ACCEPTED:
            self._notes.add_answer(Event.REFUSED, answer, moment)
        if meaning is Meaning.CONFLICT:
            return self._conflict(answer, moment)
        return self.with_call(Operation.START, answer, moment)

    def with_call(self, operation: Operation, answer: Answer, moment: Moment) -> Next | None:
        """Try a call again that has told nothing about the target, or give up."""
        if answer.meaning is Meaning.REJECTED and self._record.state in _REJECTABLE:
            self._notes.add_answer(Event.REJECTED, answer, moment)
            return None
        wait = self.patience.after(answer, moment.chance, outage=moment.outage)
        throttled = answer.meaning is Meaning.THROTTLED
        if wait is None:
            if answer.meaning is Meaning.DENIED:
                answer = replace(answer, message=self._denial(operation, answer))
            code = None if throttled else answer.error_code
            return self.give_up(code or answer.meaning.value, answer, moment)
        if operation is Operation.DELETE and answer.meaning is Meaning.CONFLICT:
            # Only FAILED jobs can be deleted, so the job has changed: read it again.
            return self._way.turn_to(Mode.LOOK, moment.now + wait)
        return self._way.next(operation, moment.now + wait, first=throttled)

    def give_up(self, cause: str, answer: Answer, moment: Moment) -> Next | None:
        """Note that no call is made for the target any more in this run.

        Args:
            cause: why, as a code.
            answer: the answer that led to it.
            moment: when.
        """
        self._notes.add(
            Event.GAVE_UP,
            moment,
            error_code=cause,
            message=answer.message,
            request_id=answer.request_id,
        )
        return None

    def _conflict(self, answer: Answer, moment: Moment) -> Next | None:
        """Read the live state; where nothing is there, another job holds the account's place."""
        if self._conflict_since is None:
            self._conflict_since = moment.now
        elif moment.now - self._conflict_since > self._rules.job_timeout:
            return self.give_up("conflict", answer, moment)
        wait = self.patience.between_conflicts(moment.chance)
        return self._way.turn_to(Mode.LOOK, moment.now + wait)

    def _denial(self, operation: Operation, answer: Answer) -> str:
        said = f": {answer.message}" if answer.message else ""
        return f"{self._identity} was denied connect-campaigns:{operation}{said}"
