"""Taking down what happens to one target: each entry is applied to its record at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batch_onboard.core.record import Entry

if TYPE_CHECKING:
    from batch_onboard.core.calls import Answer
    from batch_onboard.core.lifecycle import Event
    from batch_onboard.core.record import Record
    from batch_onboard.core.steps import Moment
    from batch_onboard.core.targets import TargetKey


class Notes:
    """The entries of one target that are not yet handed over to the journal."""

    __slots__ = ("_entries", "_key", "_record")

    def __init__(self, key: TargetKey, record: Record) -> None:
        self._key = key
        self._record = record
        self._entries: list[Entry] = []

    def add(self, event: Event, moment: Moment, **facts: Any) -> None:
        """Note an event with the facts that `Entry` has fields for.

        Raises:
            IllegalMoveError: the event is not possible in the record's state.
        """
        entry = Entry(event, self._key, moment.wall, **facts)
        self._record.apply(entry)
        self._entries.append(entry)

    def add_answer(
        self, event: Event, answer: Answer, moment: Moment, *, ours: bool = False
    ) -> None:
        """Note an event with all that the answer says that led to it.

        Raises:
            IllegalMoveError: the event is not possible in the record's state.
        """
        self.add(
            event,
            moment,
            failure_code=answer.failure_code,
            error_code=answer.error_code,
            message=answer.message,
            request_id=answer.request_id,
            ours=ours,
        )

    def take(self) -> tuple[Entry, ...]:
        """Hand over the entries, once."""
        entries = tuple(self._entries)
        self._entries.clear()
        return entries
