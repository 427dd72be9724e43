"""The course of one target through one run: after each answer, what has happened and what is next.

A course is in one of four modes:

- `LOOK`: the live state is read, the job's status first, then (unless a job runs) the config. What
  both together mean, `verdict` decides.
- `START`: a Start is due. Its intent is durable before it leaves.
- `FOLLOW`: a job runs and is asked from time to time.
- `CLEAR`: the record of a failed job is to be deleted, so that a Start is possible again.

Rules that the code below must keep, each learned from how the service behaves:

- A Start whose fate is unknown leads to `LOOK`, never to a second Start. A reading of 'not started'
  counts only when the intent's hold has passed, since an accepted job may stay invisible for a
  while and a delayed request may land late.
- A 409 proves nothing but that this Start was not accepted. The live state is read.
- A 200 from Start may carry the FAILED status of an older job.
- SUCCEEDED without a config means offboarded since. Of what this ledger had onboarded, a person
  decides (`--restart-missing`); what was never its own is started.
- 'Ours' is claimed only of what this ledger's Start did: its answer said so, or nothing was there
  before the intent and something is there after it.

Nothing here waits, draws chance or reads a clock: a `Moment` brings all three.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from batch_onboard.core.calls import KEYED, Answer, JobStatus, Meaning, Operation
from batch_onboard.core.lifecycle import Event, State
from batch_onboard.core.look import Look
from batch_onboard.core.notes import Notes
from batch_onboard.core.opening import began_at, is_done, may_clear, opening
from batch_onboard.core.steps import Step
from batch_onboard.core.trouble import Trouble
from batch_onboard.core.verdict import Finding, is_ours
from batch_onboard.core.way import Mode, Way

if TYPE_CHECKING:
    from batch_onboard.core.opening import Opening
    from batch_onboard.core.polling import PollPlan
    from batch_onboard.core.record import Entry, Record
    from batch_onboard.core.steps import Moment, Next, Rules
    from batch_onboard.core.targets import Encryption, Target


MAX_CLEARS = 2
"""How often one run tries to delete a failed job's record: the job may change under its hands."""


class Course:
    """One target on its way through one run.

    `begin` gives the first call. Before a call is sent, `intend` gives the entries that must be
    durable first. Each answer goes to `answered`, which says what is next.

    Attributes:
        target: what is to be onboarded.
        record: what is known of it.
        spared: it was given up because of what others had met.
    """

    __slots__ = (
        "_attempts_before",
        "_clears_left",
        "_look",
        "_notes",
        "_rules",
        "_trouble",
        "_way",
        "record",
        "spared",
        "target",
    )

    def __init__(self, target: Target, record: Record, rules: Rules, plan: PollPlan) -> None:
        """Prepare a course.

        Args:
            target: what is to be onboarded.
            record: what is known of it; the course keeps it up to date.
            rules: what the operator asked for.
            plan: what is known about the length of jobs, shared by all courses.
        """
        self.target = target
        self.record = record
        self.spared = False
        self._rules = rules
        self._attempts_before = record.attempts
        self._clears_left = MAX_CLEARS
        self._notes = Notes(target.key, record)
        self._look = Look(target.encryption, record, rules)
        self._way = Way(rules, plan)
        self._trouble = Trouble(target.identity, record, rules, self._notes, self._way)

    @property
    def done(self) -> bool:
        """The target is as the manifest wants it, or its drift is accepted there."""
        return is_done(self.record, self.target.accept_drift)

    @property
    def opening(self) -> Opening:
        """What the run does first about this target."""
        return opening(self.target, self.record, self._rules)

    @property
    def started(self) -> bool:
        """This run has sent a Start for the target, whatever became of it."""
        return self.record.attempts > self._attempts_before

    @property
    def job_began(self) -> float:
        """Monotonic time from which the age of the followed job is counted."""
        return self._way.since

    def begin(self, moment: Moment) -> Step:
        """Say what the run does first about this target, if anything."""
        self._look.resume(moment)
        return Step(next=self._way.begin(self.opening, self.record, moment))

    def needs_key(self, operation: Operation) -> bool:
        """Say whether a call has to wait until the alias of the target's key is resolved."""
        return operation in KEYED and self.target.encryption.by_alias

    def resolved(self, encryption: Encryption) -> None:
        """Take in which key the alias of the target's key names."""
        self.target = replace(self.target, encryption=encryption)
        self._look.wanted = encryption

    def intend(self, operation: Operation, moment: Moment) -> tuple[Entry, ...]:
        """Return the entries that must be durable before the call leaves.

        They are already applied to the record.
        """
        if operation is Operation.START:
            if self.record.state is State.DRIFTED:  # what was there before is missing
                self._notes.add(Event.NOT_ONBOARDED, moment)
            self._way.sent_start = True
            self._look.hold(moment)
            self._notes.add(
                Event.INTENDED,
                moment,
                encryption=str(self.target.encryption),
                alias=self.target.encryption.alias,
                identity=str(self.target.identity),
                clean=self._look.clean,
                hold=self._rules.hold,
            )
        elif operation is Operation.DELETE:
            self._notes.add(Event.CLEARING, moment)
        elif operation is Operation.STATUS:
            self._look.ask(moment)
        return self._notes.take()

    def answered(self, operation: Operation, answer: Answer, moment: Moment) -> Step:
        """Take in an answer: decide what it means for the target, and what is next."""
        if answer.meaning in {Meaning.OK, Meaning.ABSENT}:
            self._trouble.patience.renew()
            following = self._told(operation, answer, moment)
        elif operation is Operation.START:
            following = self._trouble.with_start(answer, moment)
        else:
            following = self._trouble.with_call(operation, answer, moment)
        return Step(self._notes.take(), following)

    def spare(self, answer: Answer, moment: Moment) -> Step:
        """Give the target up for a cause that another one's call has brought to light.

        Args:
            answer: that call's.
            moment: when.
        """
        self.spared = True
        return self.give_up(answer, moment)

    def give_up(self, answer: Answer, moment: Moment) -> Step:
        """Give the target up: no call is made for it any more in this run.

        Args:
            answer: the cause.
            moment: when.
        """
        self._trouble.give_up(answer.error_code or answer.meaning.value, answer, moment)
        return Step(self._notes.take())

    # What an answer tells.

    def _told(self, operation: Operation, answer: Answer, moment: Moment) -> Next | None:
        match operation:
            case Operation.START:
                return self._start_answered(answer, moment)
            case Operation.CONFIG:
                return self._act_on(answer, moment)
            case Operation.DELETE:
                return self._record_deleted(answer, moment)
        if self._way.mode is Mode.FOLLOW:
            return self._poll_answered(answer, moment)
        return self._status_read(answer, moment)

    def _start_answered(self, answer: Answer, moment: Moment) -> Next | None:
        if answer.meaning is Meaning.ABSENT:
            self._notes.add_answer(Event.REJECTED, answer, moment)
            return None
        if answer.job is JobStatus.IN_PROGRESS:
            self._notes.add(Event.RUNNING, moment, request_id=answer.request_id, ours=True)
            return self._way.follow(moment, moment.now)
        if self.record.clean:
            return self._job_ended(answer, moment)
        # Nothing was read before this Start, so an end at once is an older job's: the config and
        # the rules for jobs that are not ours decide, as if nothing had been sent.
        self._way.sent_start = False
        self._look.let_go()
        return self._status_read(answer, moment)

    def _poll_answered(self, answer: Answer, moment: Moment) -> Next | None:
        way = self._way
        if answer.job is JobStatus.IN_PROGRESS:
            if way.is_too_long(moment):
                return self._trouble.give_up("job_timeout", answer, moment)
            return way.goes_on(moment)
        if answer.job is None and moment.now - way.since < self._rules.consistency_window:
            wait = self._trouble.patience.between_looks(moment.chance)
            return way.next(Operation.STATUS, moment.now + wait)
        as_wanted = self.record.has(self.target.encryption)
        if answer.job and self.record.ours and way.last_running is not None and as_wanted:
            way.ended(moment)
            return self._job_ended(answer, moment)
        return self._status_read(answer, moment)

    def _job_ended(self, answer: Answer, moment: Moment) -> Next | None:
        failed = answer.job is JobStatus.FAILED
        event = Event.JOB_FAILED if failed else Event.JOB_SUCCEEDED
        self._notes.add_answer(event, answer, moment, ours=True)
        return None

    def _record_deleted(self, answer: Answer, moment: Moment) -> Next | None:
        by_rule = self.record.ours and not self._rules.retry_failed
        self._notes.add(Event.CLEARED, moment, request_id=answer.request_id, automatic=by_rule)
        return self._way.turn_to(Mode.START, moment.now)

    # What the live state tells.

    def _status_read(self, answer: Answer, moment: Moment) -> Next | None:
        self._way.mode = Mode.LOOK
        self._look.read(answer, moment)
        if self._look.decided:
            return self._act_on(Answer(Meaning.ABSENT), moment)
        return self._way.next(Operation.CONFIG, moment.now)

    def _act_on(self, config: Answer, moment: Moment) -> Next | None:
        """Do what the live state, now read as far as is needed, asks for."""
        job = self._look.job or config
        found = self._look.find(config, moment)
        match found:
            case Finding.LAGGING | Finding.HELD:
                return self._wait_for(found, moment)
            case Finding.RUNNING:
                ours = is_ours(self.record)
                self._notes.add_answer(Event.RUNNING, job, moment, ours=ours)
                return self._way.follow(moment, began_at(self.record, moment))
            case Finding.FAILED:
                return self._found_failed(job, moment)
            case Finding.VANISHED:
                return self._trouble.give_up("job_vanished", config, moment)
            case Finding.STARTABLE:
                return self._found_nothing(config, moment)
            case _:
                return self._found_end(found, config, moment)

    def _wait_for(self, found: Finding, moment: Moment) -> Next:
        soon = moment.now + self._trouble.patience.between_looks(moment.chance)
        if found is Finding.LAGGING:
            return self._way.next(Operation.CONFIG, soon)
        return self._way.next(Operation.STATUS, min(soon, max(moment.now, self._look.held_until)))

    def _found_failed(self, job: Answer, moment: Moment) -> Next | None:
        self._notes.add_answer(Event.JOB_FAILED, job, moment, ours=is_ours(self.record))
        # What fails after a Start of this run is for the next run.
        may = self._clears_left and may_clear(self.record, self._rules)
        if self._way.sent_start or not may:
            return None
        self._clears_left -= 1
        return self._way.turn_to(Mode.CLEAR, moment.now)

    def _found_nothing(self, config: Answer, moment: Moment) -> Next | None:
        if self.record.state is not State.PENDING:
            self._notes.add_answer(Event.NOT_ONBOARDED, config, moment)
        lost = self._trouble.patience.lost_starts()
        if lost is not None:
            return self._trouble.give_up(lost.error_code or lost.meaning.value, lost, moment)
        return self._way.turn_to(Mode.START, moment.now)

    def _found_end(self, found: Finding, config: Answer, moment: Moment) -> Next | None:
        """Note a finding after which nothing is left to do in this run, unless it was asked for."""
        facts = self._look.facts(found, config.encryption)
        self._notes.add(_END[found], moment, request_id=config.request_id, **facts)
        # What goes missing after a Start of this run is for the next run.
        if found is Finding.MISSING and self._rules.restart_missing and not self._way.sent_start:
            return self._way.turn_to(Mode.START, moment.now)
        return None


_END = {
    Finding.SUCCEEDED: Event.JOB_SUCCEEDED,
    Finding.ONBOARDED: Event.FOUND_ONBOARDED,
    Finding.DRIFT: Event.FOUND_DRIFT,
    Finding.MISSING: Event.FOUND_MISSING,
}
