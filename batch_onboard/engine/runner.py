"""Works courses through: a dispatcher hands calls that may go to a bounded pool of workers.

One task dispatches, as many as `concurrency` work; no task belongs to a target. The dispatcher asks
the lanes for a call only when a worker is free, so that a call that its limiter has let go leaves
at once. While one worker waits for an identity's credentials, other calls of that identity are put
back, so that an account whose credentials hang holds one worker. All that can be decided without
waiting is decided in `Lanes` and `Course`; here is only what waits: for credentials, for the
journal, for the service, for time.

The order of one call is the promise of the ledger: credentials, then the intent on disk, then the
request, then the outcome on disk, and only then the watchers are told.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import anyio
from anyio.lowlevel import checkpoint

from batch_onboard.core.budget import RetryBudget
from batch_onboard.core.ports import JournalError, UnusableServiceError
from batch_onboard.core.steps import Moment
from batch_onboard.engine.call import Call, too_late
from batch_onboard.engine.preparing import Preparing
from batch_onboard.engine.saving import Saving
from batch_onboard.engine.watching import Happening

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from batch_onboard.core.calls import Answer
    from batch_onboard.core.course import Course
    from batch_onboard.core.lifecycle import State
    from batch_onboard.core.polling import PollPlan
    from batch_onboard.core.ports import Journal, Service, WallClock
    from batch_onboard.core.record import Entry
    from batch_onboard.core.steps import Step
    from batch_onboard.engine.admission import Admission
    from batch_onboard.engine.watching import Watcher


_AT_ONCE = 100
"""Targets with which the dispatcher begins before it gives others their turn."""


class Runner:
    """One run of the engine.

    Attributes:
        out_of_time: the run was stopped by its longest duration.
        bugs: exceptions that nobody foresaw, each of which has ended one course.
    """

    def __init__(
        self,
        *,
        service: Service,
        journal: Journal,
        admission: Admission,
        plan: PollPlan,
        watcher: Watcher,
        wall: WallClock,
        chance: Callable[[], float],
        concurrency: int = 128,
        drain_timeout: float = 20.0,
        max_duration: float | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            service: answers calls.
            journal: makes entries durable.
            admission: decides who begins, and knows the lanes, which decide what goes next.
            plan: learns how long jobs take; the same that the courses have.
            watcher: is told of each answer once its entries are durable.
            wall: tells the time for people.
            chance: draws a number from 0 up to, not including, 1.
            concurrency: how many calls may be under way at once.
            drain_timeout: seconds that calls under way have to finish after `stop`.
            max_duration: seconds after which the run stops by itself; None: never.
        """
        self._service = service
        self._saving = Saving(journal, self.stop)
        self._admission = admission
        self._helm, self._lanes, self._tally = admission.helm, admission.lanes, admission.tally
        self._budget = RetryBudget()
        self._plan = plan
        self._watcher = watcher
        self._wall = wall
        self._chance = chance
        self._concurrency = concurrency
        self._drain_timeout = drain_timeout
        self._max_duration = inf if max_duration is None else max_duration
        self._ends_at = inf
        self.out_of_time = False
        self.bugs: list[Exception] = []
        self._idle = 0
        self._admitted = 0
        self._stopping = False
        self._lengths_known = plan.expected is not None
        self._preparing = Preparing(
            service, lambda call: self._lanes.put_back(call, anyio.current_time())
        )
        self._scope = anyio.CancelScope()
        self._wake = anyio.Event()

    async def run(self) -> None:
        """Work all courses through until they are over, or the run is stopped.

        Raises:
            JournalError: entries could not be made durable; calls under way were finished first.
            UnusableServiceError: in a group; no call can be made with the settings in force.
        """
        self._ends_at = anyio.current_time() + self._max_duration
        with self._scope:
            async with anyio.create_task_group() as group:
                sender, receiver = anyio.create_memory_object_stream[Call](self._concurrency)
                self._idle = min(self._concurrency, self._helm.size)
                for _ in range(self._idle):
                    group.start_soon(self._work, receiver.clone())
                receiver.close()
                await self._dispatch(sender)
        self._saving.end()

    def stop(self) -> None:
        """Begin no further call, and give those under way `drain_timeout` to finish."""
        if not self._stopping:
            self._stopping = True
            self._scope.deadline = anyio.current_time() + self._drain_timeout
            self._wake.set()
            self._preparing.cancel()

    def abort(self) -> None:
        """Stop at once. A Start whose answer is not awaited any more stays `submitting`."""
        self._stopping = True
        self._scope.cancel()

    def _end(self, course: Course) -> None:
        self._admission.end(course)
        if self._helm.stopped is not None:
            self.stop()

    async def _dispatch(self, sender: MemoryObjectSendStream[Call]) -> None:
        """Hand calls to idle workers; where nothing may go that has begun, begin something."""
        with sender:
            while self._goes_on():
                call = self._admission.take(anyio.current_time()) if self._idle else None
                if call is None:
                    await self._admit_or_rest()
                elif not self._helm.allows(call):
                    self._leave(call)
                else:
                    self._idle -= 1
                    sender.send_nowait(call)

    async def _admit_or_rest(self) -> None:
        if not (self._idle and self._admission.admit(self._moment, self._saving.note)):
            await self._rest()
            return
        if self._helm.stopped is not None:
            self.stop()
        self._admitted += 1
        if self._admitted % _AT_ONCE == 0:  # they may all be over without a call
            await checkpoint()

    def _goes_on(self) -> bool:
        """Say whether there is more to do, after beginning the next stage if it is its turn."""
        while self._admission.over and not self._stopping:
            if not self._admission.next_stage():
                return False
        if anyio.current_time() >= self._ends_at:
            self.out_of_time = True
            self.stop()
        return not self._stopping

    def _leave(self, call: Call) -> None:
        """Let a course go whose call is not wanted any more."""
        now = anyio.current_time()
        self._lanes.withdraw(call, now)
        self._lanes.go_on(call.course, None, now)
        self._end(call.course)

    async def _rest(self) -> None:
        """Wait until a call may go: the next timer, or a change that a worker makes."""
        self._wake = anyio.Event()
        wake_at = self._admission.wake_at(anyio.current_time()) if self._idle else inf
        with anyio.CancelScope(deadline=min(wake_at, self._ends_at)):
            await self._wake.wait()

    async def _work(self, receiver: MemoryObjectReceiveStream[Call]) -> None:
        with receiver:
            async for call in receiver:
                self._tally.began()
                try:
                    await self._carry_out(call)
                except JournalError as error:
                    self._saving.broke(error)
                except UnusableServiceError:
                    raise
                except Exception as error:  # noqa: BLE001 - a bug of ours, told at the run's end
                    self._abandon(call, error)
                finally:
                    self._tally.ended()
                self._idle += 1
                self._wake.set()

    async def _carry_out(self, call: Call) -> None:
        course, operation = call.course, call.operation
        if call.refusal is not None:
            await self._give_up(call, call.refusal)
            return
        if self._preparing.joins(call):
            return
        answer = await self._preparing.prepare(course, operation)
        if self._stopping:
            return
        if answer is None:
            answer = await self._intend(call) or await self._service.send(operation, course.target)
        self._tally.answered(operation, answer)
        self._lanes.answered(call, answer, anyio.current_time())
        moment = self._moment(course)
        before = course.record.state
        step = self._budget.bound(
            course, answer, course.answered(operation, answer, moment), moment
        )
        await self._go_on(call, answer, step, before)

    def _abandon(self, call: Call, error: Exception) -> None:
        """Let a course go in which a bug has shown itself; it costs the others nothing.

        What is on disk of it is right: the next run reads the live state before anything is sent.
        """
        self.bugs.append(error)
        self._lanes.abandon(call, anyio.current_time())
        self._end(call.course)

    async def _give_up(self, call: Call, refusal: Answer) -> None:
        """Give a course up, without a call, to the answer that another one has had."""
        before = call.course.record.state
        step = call.course.spare(refusal, self._moment())
        await self._go_on(call, refusal, step, before)

    async def _go_on(self, call: Call, answer: Answer, step: Step, before: State) -> None:
        course, now = call.course, anyio.current_time()
        self._tally.moved(course, before)
        self._lanes.go_on(course, step.next, now)
        self._share_lengths(now)
        await self._tell(call, answer, step.entries, over=step.next is None)

    async def _intend(self, call: Call) -> Answer | None:
        """Have the intent of a call on disk, or say why the call must not go on it."""
        before, moment = call.course.record.state, self._moment()
        entries = call.course.intend(call.operation, moment)
        if not entries:
            return None
        self._tally.moved(call.course, before)
        await self._saving.write(entries)
        return too_late(anyio.current_time() - moment.now)

    async def _tell(
        self, call: Call, answer: Answer, entries: tuple[Entry, ...], *, over: bool
    ) -> None:
        if entries:
            await self._saving.write(entries)
        self._watcher.happened(Happening(call.course, call.operation, answer, entries, over))
        for notice in self._lanes.notices():
            self._watcher.noticed(notice)
        if over:
            self._end(call.course)

    def _share_lengths(self, now: float) -> None:
        if not self._lengths_known and self._plan.expected is not None:
            self._lengths_known = True
            self._lanes.bring_polls_forward(self._plan, now)

    def _moment(self, course: Course | None = None) -> Moment:
        outage = course is not None and self._lanes.is_out(course)
        return Moment(anyio.current_time(), self._wall(), self._chance(), outage)
