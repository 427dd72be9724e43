"""Whether an identity is let in, in one Region: one refusal to confirm, instead of thousands.

A 403 is confirmed by one retry of the same call, for which the identity's other targets in that
Region wait. If it is refused again, all of them are, without a call. Two refinements: where other
targets were let through the same operation before, the refusal may be about this one target (the
service reads the instance with the caller's rights, which may name instances), so it takes a second
target to close the circuit; and a refused delete closes it for deletes alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.core.calls import Meaning, Operation

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from batch_onboard.core.calls import Answer

REFUSALS = frozenset({Meaning.DENIED, Meaning.CREDENTIALS})
"""Meanings that are about an identity, or its Region, and not about a target."""

LET_IN = frozenset({Meaning.OK, Meaning.ABSENT, Meaning.CONFLICT, Meaning.REJECTED})
"""Meanings that only an answer to somebody who was let in can have."""


class Permission:
    """What is known of one identity in one Region. `caller` is whoever makes a call."""

    __slots__ = ("_closed", "_let_in", "_refused", "_suspect", "_suspected")

    def __init__(self, let_in: AbstractSet[Operation]) -> None:
        """Begin with nothing refused.

        Args:
            let_in: the operations for which the identity was let in; whoever calls keeps it so.
        """
        self._let_in = let_in
        self._refused: set[Operation] = set()  # once for good, since it was last let in
        self._suspect: object = None
        self._suspected: Operation | None = None
        self._closed: dict[Operation, Answer] = {}

    @property
    def is_open(self) -> bool:
        """Calls other than deletes may go."""
        return Operation.START not in self._closed

    @property
    def suspect(self) -> object:
        """Who is about to find out whether a refusal stands; None if nobody is."""
        return self._suspect

    def closed(self, operation: Operation) -> Answer | None:
        """Return the refusal that stands for every further call, if there is one."""
        return self._closed.get(operation)

    def waits(self, caller: object) -> bool:
        """Another caller is about to find out."""
        return self._suspect is not None and self._suspect is not caller

    def answered(self, caller: object, operation: Operation, meaning: Meaning) -> bool:
        """Take note of an answer.

        Returns:
            Whether those who wait may go on.
        """
        if meaning in REFUSALS:
            if self._suspect is None and operation not in self._closed:
                self._suspect, self._suspected = caller, operation
            return False
        if meaning not in LET_IN:
            return False
        self._refused.discard(operation)
        return self._suspected is operation and self._release(caller)

    def over(self, caller: object, refusal: Answer | None) -> bool:
        """Take note that a caller makes no further call.

        Args:
            caller: who.
            refusal: the confirmed refusal that ended it, if that is why.

        Returns:
            Whether those who wait may go on, be it to the same refusal.
        """
        if self._suspect is caller and self._suspected is not None and refusal is not None:
            self._confirm(self._suspected, refusal)
        return self._release(caller)

    def _confirm(self, operation: Operation, refusal: Answer) -> None:
        if operation in self._let_in and operation not in self._refused:
            self._refused.add(operation)
        elif operation is Operation.DELETE:
            self._closed[operation] = refusal
        else:
            self._closed = dict.fromkeys(Operation, refusal) | self._closed

    def _release(self, caller: object) -> bool:
        if self._suspect is not caller:
            return False
        self._suspect = self._suspected = None
        return True
