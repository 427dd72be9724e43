"""Waiting for credentials and keys: a worker for each identity, so a slow one holds none up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from batch_onboard.core.calls import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.core.calls import Operation
    from batch_onboard.core.course import Course
    from batch_onboard.core.ports import Service
    from batch_onboard.core.targets import Identity
    from batch_onboard.engine.call import Call


class Preparing:
    """The identities whose credentials are waited for."""

    def __init__(self, service: Service, put_back: Callable[[Call], None]) -> None:
        """Begin with none.

        Args:
            service: has the credentials ready.
            put_back: takes a call back that has waited for somebody else's wait to end.
        """
        self._service = service
        self._put_back = put_back
        self._waiting: dict[Identity, list[Call]] = {}
        self._scopes: set[anyio.CancelScope] = set()

    def joins(self, call: Call) -> bool:
        """Keep a call whose credentials are being waited for, until they are there."""
        waiting = self._waiting.get(call.course.target.identity)
        if waiting is not None:
            waiting.append(call)
        return waiting is not None

    async def prepare(self, course: Course, operation: Operation) -> Answer | None:
        """Have all ready that a call needs, or return the answer that says what is missing."""
        identity = course.target.identity
        self._waiting[identity] = []
        try:
            with anyio.CancelScope() as scope:
                self._scopes.add(scope)
                return await self._prepare(course, operation)
            return None
        finally:
            self._scopes.discard(scope)
            for call in reversed(self._waiting.pop(identity)):
                self._put_back(call)

    async def _prepare(self, course: Course, operation: Operation) -> Answer | None:
        missing = await self._service.prepare(course.target)
        if missing is not None or not course.needs_key(operation):
            return missing
        found = await self._service.resolve(course.target)
        if isinstance(found, Answer):
            return found
        course.resolved(found)
        return None

    def cancel(self) -> None:
        """Wait for no credentials any more: nothing was sent with them yet."""
        for scope in self._scopes:
            scope.cancel()
