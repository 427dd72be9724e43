from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_onboard.core.calls import Answer, JobStatus, Meaning, Operation
from batch_onboard.core.course import Course
from batch_onboard.core.lifecycle import Event, State
from batch_onboard.core.patience import MAX_LOST_STARTS, MAX_TRIES
from batch_onboard.core.polling import PollPlan
from batch_onboard.core.record import Record
from batch_onboard.core.steps import Next, Priority, Rules
from batch_onboard.core.targets import Encryption
from tests.core import examples as e
from tests.core.examples import ALIAS, NOON, at, target

if TYPE_CHECKING:
    from batch_onboard.core.record import Entry

START, STATUS = Operation.START, Operation.STATUS
CONFIG, DELETE = Operation.CONFIG, Operation.DELETE


class Play:
    """A course that is fed answers, each at the time at which its call was due."""

    def __init__(
        self, record: Record | None = None, rules: Rules | None = None, **facts: object
    ) -> None:
        self.record = record or Record()
        self.course = Course(target(**facts), self.record, rules or Rules(), PollPlan())
        self.now = 0.0
        self.events: list[Event] = []
        self.calls: list[Operation] = []
        self.next: Next | None = self.course.begin(at(0.0)).next

    def answer(self, *answers: Answer, later: float = 0.1) -> Play:
        for answer in answers:
            assert self.next is not None, f"{answer} to a course that is over"
            self.now = max(self.now, self.next.at)
            operation = self.next.operation
            self.calls.append(operation)
            self._note(self.course.intend(operation, at(self.now)))
            self.now += later
            step = self.course.answered(operation, answer, at(self.now))
            self._note(step.entries)
            self.next = step.next
        return self

    def _note(self, entries: tuple[Entry, ...]) -> None:
        self.events += [entry.event for entry in entries]

    @property
    def state(self) -> State:
        return self.record.state

    @property
    def expects(self) -> Operation | None:
        return self.next.operation if self.next else None


def test_a_fresh_target_is_read_started_and_followed_to_its_end() -> None:
    """The live state is read, the Start is intended and sent, the job polled until it succeeds."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG, e.RUNNING, e.RUNNING, e.SUCCEEDED)
    assert play.calls == [STATUS, CONFIG, START, STATUS, STATUS]
    assert play.events == [Event.INTENDED, Event.RUNNING, Event.JOB_SUCCEEDED]
    assert (play.state, play.record.ours, play.next) == (State.SUCCEEDED, True, None)
    assert play.course.done


def test_an_intent_tells_what_is_sent_and_how_long_it_holds() -> None:
    """The entry that must be on disk first names key and identity, and that nothing was there."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG)
    (entry,) = play.course.intend(START, at(1))
    assert (entry.encryption, entry.clean, entry.hold) == (e.ARN, True, 85.0)
    assert entry.identity == "arn:aws:iam::111122223333:role/Onboarder"
    assert play.course.intend(STATUS, at(1)) == ()


def test_without_a_precheck_the_first_call_is_the_start() -> None:
    """--no-precheck sends the Start unread, and claims nothing about what was there before."""
    play = Play(rules=Rules(precheck=False))
    assert play.expects is START
    (entry,) = play.course.intend(START, at(0))
    assert not entry.clean


def test_without_waiting_a_course_ends_when_its_job_runs() -> None:
    """--no-wait leaves the target in progress, with no further call."""
    play = Play(rules=Rules(wait=False)).answer(e.NO_JOB, e.NO_CONFIG, e.RUNNING)
    assert (play.state, play.next) == (State.IN_PROGRESS, None)


@pytest.mark.parametrize(
    ("answers", "state", "calls"),
    [
        ([e.NO_JOB, e.CONFIG], State.ALREADY_ONBOARDED, [STATUS, CONFIG]),
        ([e.SUCCEEDED, e.CONFIG], State.ALREADY_ONBOARDED, [STATUS, CONFIG]),
        ([e.SUCCEEDED, e.OTHER_CONFIG], State.DRIFTED, [STATUS, CONFIG]),
        ([e.FAILED, e.NO_CONFIG], State.FAILED, [STATUS, CONFIG]),
        ([e.REJECTED], State.REJECTED, [STATUS]),
        ([e.NO_JOB, e.NO_CONFIG, e.REJECTED], State.REJECTED, [STATUS, CONFIG, START]),
        ([e.NO_JOB, e.NO_CONFIG, e.NO_JOB], State.REJECTED, [STATUS, CONFIG, START]),
        ([e.DENIED, e.DENIED], State.UNRESOLVED, [STATUS, STATUS]),
    ],
)
def test_a_target_that_needs_no_job_ends_where_the_reads_lead(
    answers: list[Answer], state: State, calls: list[Operation]
) -> None:
    """What is onboarded, drifts, failed before or is refused ends so, and nothing is started."""
    play = Play().answer(*answers)
    assert (play.state, play.next, play.calls) == (state, None, calls)
    assert not play.record.ours


def test_another_teams_job_is_followed_and_then_judged_by_its_config() -> None:
    """A job that was in progress before is nobody's success of ours, and may turn out drifted."""
    play = Play().answer(e.RUNNING, e.RUNNING, e.SUCCEEDED, e.OTHER_CONFIG)
    assert play.events == [Event.RUNNING, Event.FOUND_DRIFT]
    assert (play.state, play.record.ours) == (State.DRIFTED, False)
    assert "manifest asks for" in (play.record.message or "")


def test_a_config_that_lags_behind_its_job_is_asked_for_again() -> None:
    """After another team's job has succeeded, a config of 404 is read again before it counts."""
    play = Play().answer(e.RUNNING, e.SUCCEEDED, e.NO_CONFIG, e.NO_CONFIG, e.CONFIG)
    assert play.calls == [STATUS, STATUS, CONFIG, CONFIG, CONFIG]
    assert play.state is State.ALREADY_ONBOARDED


def test_an_alias_is_onboarded_with_a_note_never_drift() -> None:
    """Where the keys can't be compared, the target counts as onboarded and says so."""
    play = Play(encryption=Encryption(enabled=True, key_arn=ALIAS)).answer(e.NO_JOB, e.CONFIG)
    assert play.state is State.ALREADY_ONBOARDED
    assert "not known" in (play.record.message or "")


def test_a_200_that_carries_an_old_failure_is_no_success() -> None:
    """Start without a precheck answers with an earlier FAILED: the config is read, it is failed."""
    play = Play(rules=Rules(precheck=False)).answer(e.FAILED, e.NO_CONFIG)
    assert (play.state, play.record.failure_code) == (State.FAILED, "KMS_ACCESS_DENIED")
    assert (play.record.ours, play.next) == (False, None)


def test_a_start_that_answers_succeeded_unread_is_judged_by_the_config() -> None:
    """It may have been onboarded before, with another key even, so it is not claimed as ours."""
    play = Play(rules=Rules(precheck=False)).answer(e.SUCCEEDED, e.CONFIG)
    assert (play.state, play.record.ours) == (State.ALREADY_ONBOARDED, False)
    drifted = Play(rules=Rules(precheck=False)).answer(e.SUCCEEDED, e.OTHER_CONFIG)
    assert drifted.state is State.DRIFTED


def test_a_start_that_answers_succeeded_after_a_clean_read_is_ours() -> None:
    """Nothing was there, now it is done: this Start did it."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG, e.SUCCEEDED)
    assert (play.state, play.record.ours) == (State.SUCCEEDED, True)
    failed = Play().answer(e.NO_JOB, e.NO_CONFIG, e.FAILED)
    assert (failed.state, failed.record.ours) == (State.FAILED, True)


def test_a_foreign_failed_record_is_deleted_only_on_demand() -> None:
    """With --clear-failed the record is deleted, noted before and after, and the target started."""
    play = Play(rules=Rules(clear_failed=True))
    play.answer(e.FAILED, e.NO_CONFIG, e.DELETED, e.RUNNING, e.SUCCEEDED)
    assert play.calls == [STATUS, CONFIG, DELETE, START, STATUS]
    assert play.events == [
        Event.JOB_FAILED,
        Event.CLEARING,
        Event.CLEARED,
        Event.INTENDED,
        Event.RUNNING,
        Event.JOB_SUCCEEDED,
    ]
    assert (play.state, play.record.automatic_clears) == (State.SUCCEEDED, 0)


def test_the_request_that_deleted_a_record_can_be_found_in_cloudtrail() -> None:
    """Its id stands in the ledger."""
    play = Play(rules=Rules(clear_failed=True)).answer(e.FAILED, e.NO_CONFIG)
    play.answer(replace(e.DELETED, request_id="r-9"))
    assert play.record.request_id == "r-9"


def test_our_internal_failure_is_started_again_by_the_next_run_only() -> None:
    """In the run that saw it, it is failed; the next deletes the record and starts again."""
    first = Play().answer(e.NO_JOB, e.NO_CONFIG, e.RUNNING, e.RUNNING, e.FAILED_INSIDE)
    assert (first.state, first.next) == (State.FAILED, None)
    second = Play(first.record)
    second.answer(e.FAILED_INSIDE, e.DELETED, e.RUNNING, e.RUNNING, e.FAILED_INSIDE)
    assert second.calls == [STATUS, DELETE, START, STATUS, STATUS]
    assert (second.state, second.record.automatic_clears) == (State.FAILED, 1)
    third = Play(first.record)
    third.answer(e.FAILED_INSIDE, e.DELETED, e.RUNNING, e.RUNNING, e.FAILED_INSIDE)
    assert Play(first.record).next is None


def test_deletes_that_are_refused_use_up_no_automatic_retry() -> None:
    """A throttled or denied delete has deleted nothing, so the next run still may."""
    record = Record(
        state=State.FAILED, ours=True, failure_code="INTERNAL_FAILURE", encryption=e.ARN
    )
    Play(record).answer(e.FAILED_INSIDE, e.THROTTLED, e.THROTTLED, e.DENIED, e.DENIED)
    assert (record.state, record.automatic_clears) == (State.UNRESOLVED, 0)
    play = Play(record).answer(e.FAILED_INSIDE, e.THROTTLED, e.DELETED, e.RUNNING)
    assert (play.state, record.automatic_clears) == (State.IN_PROGRESS, 1)


def test_a_job_of_ours_with_another_key_than_is_now_asked_for_has_drifted() -> None:
    """The manifest was changed while the job ran: its end is judged by the config."""
    record = Record(state=State.IN_PROGRESS, ours=True, started_at=NOON, encryption="disabled")
    play = Play(record).answer(e.RUNNING, e.SUCCEEDED, e.OTHER_CONFIG)
    assert play.state is State.DRIFTED


def test_an_old_failure_that_a_start_meets_is_cleared_in_the_same_run() -> None:
    """--no-precheck with --clear-failed: the Start made no job, so the record may go."""
    rules = Rules(precheck=False, clear_failed=True)
    play = Play(rules=rules).answer(e.FAILED, e.NO_CONFIG, e.DELETED, e.RUNNING)
    assert play.calls == [START, CONFIG, DELETE, START]


def test_what_others_onboarded_after_our_job_had_failed_is_not_ours() -> None:
    """A config that appears after our failure is somebody else's work."""
    record = Record(state=State.FAILED, ours=True, failure_code="KMS_KEY_NOT_FOUND")
    play = Play(record, Rules(retry_failed=True)).answer(e.NO_JOB, e.CONFIG)
    assert (play.state, record.ours) == (State.ALREADY_ONBOARDED, False)


def test_a_record_that_can_not_be_deleted_is_read_again() -> None:
    """InvalidStateException means that the job has changed: it is read, and here it runs."""
    play = Play(rules=Rules(clear_failed=True))
    play.answer(e.FAILED, e.NO_CONFIG, e.CONFLICT, e.RUNNING)
    assert (play.calls[-1], play.state) == (STATUS, State.IN_PROGRESS)


def test_a_delete_that_keeps_conflicting_comes_to_an_end() -> None:
    """However the job changes under our hands, one run tries only so often."""
    play = Play(rules=Rules(clear_failed=True)).answer(e.FAILED, e.NO_CONFIG, e.CONFLICT)
    play.answer(e.FAILED, e.NO_CONFIG, e.CONFLICT, e.FAILED, e.NO_CONFIG)
    assert (play.state, play.next) == (State.FAILED, None)


def test_a_conflict_is_read_before_it_counts() -> None:
    """After a 409 the live state decides: here somebody else's job was faster."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG, e.CONFLICT, e.RUNNING, e.SUCCEEDED, e.CONFIG)
    assert play.calls == [STATUS, CONFIG, START, STATUS, STATUS, CONFIG]
    assert (play.state, play.record.ours) == (State.ALREADY_ONBOARDED, False)


def test_a_conflict_with_another_job_of_the_account_is_tried_again() -> None:
    """Where the reads show nothing, the account's place was taken, and the Start is repeated."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG, e.CONFLICT, e.NO_JOB, e.NO_CONFIG, e.RUNNING)
    assert play.calls == [STATUS, CONFIG, START, STATUS, CONFIG, START]
    assert (play.state, play.record.ours, play.record.attempts) == (State.IN_PROGRESS, True, 2)


def test_conflicts_are_read_after_waits_that_double_up_to_half_a_minute() -> None:
    """With a chance of a half: a half of 1, 2, 4, 8, 16 and then 30 s after each conflict."""
    play, waits = Play().answer(e.NO_JOB, e.NO_CONFIG), []
    for _ in range(7):
        play.answer(e.CONFLICT)
        assert play.next is not None
        waits.append(play.next.at - play.now)
        play.answer(e.NO_JOB, e.NO_CONFIG)
    assert waits == pytest.approx([0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0])


def test_conflicts_are_counted_from_the_first_one() -> None:
    """A target whose turn comes late in a run has as much patience as the others."""
    play = Play(rules=Rules(job_timeout=100))
    play.now = 1000.0
    play.answer(e.NO_JOB, e.NO_CONFIG, e.CONFLICT, e.NO_JOB, e.NO_CONFIG, e.CONFLICT)
    assert (play.state, play.expects) == (State.PENDING, STATUS)


def test_conflicts_without_end_are_given_up_after_the_job_timeout() -> None:
    """A place that is never free leaves the target unresolved, with the cause."""
    play = Play(rules=Rules(job_timeout=100)).answer(e.NO_JOB, e.NO_CONFIG)
    while play.next is not None:
        play.answer(e.CONFLICT if play.expects is START else e.NO_JOB)
    assert (play.state, play.record.error_code) == (State.UNRESOLVED, "conflict")
    assert 100 < play.now < 200


def test_right_after_a_start_a_404_means_ask_again() -> None:
    """While the job is younger than the consistency window, its absence proves nothing."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG, e.RUNNING, e.NO_JOB, e.NO_JOB, e.RUNNING)
    play.answer(e.SUCCEEDED)
    assert play.state is State.SUCCEEDED


def test_a_job_that_vanishes_for_good_is_unresolved() -> None:
    """When neither job nor config is there after the window, nobody knows: the next run reads."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG, e.RUNNING)
    while play.next is not None:
        play.answer(e.NO_JOB)
    assert (play.state, play.record.error_code) == (State.UNRESOLVED, "job_vanished")
    assert play.now - play.course.job_began > 60


def test_a_job_whose_record_has_expired_is_judged_by_its_config() -> None:
    """A run that resumes after the job's record is gone finds the config, and it is ours."""
    record = Record(state=State.IN_PROGRESS, ours=True, started_at=NOON, encryption=e.ARN)
    play = Play(record)
    play.now = 3600.0
    play.next = play.course.begin(at(3600)).next
    play.answer(e.NO_JOB, e.CONFIG)
    assert (play.state, record.ours) == (State.SUCCEEDED, True)


def test_a_job_that_never_ends_is_given_up_after_the_job_timeout() -> None:
    """The target is unresolved, and the next run follows the job further."""
    play = Play(rules=Rules(job_timeout=300)).answer(e.NO_JOB, e.NO_CONFIG, e.RUNNING)
    while play.next is not None:
        play.answer(e.RUNNING)
    assert (play.state, play.record.error_code) == (State.UNRESOLVED, "job_timeout")
    again = Play(play.record, Rules(job_timeout=300)).answer(*[e.RUNNING] * 5, e.SUCCEEDED)
    assert (again.state, again.record.ours) == (State.SUCCEEDED, True)


def test_a_lost_answer_is_read_and_the_accepted_job_is_ours() -> None:
    """A Start without an answer leaves 'submitting'; the job that is found then is this Start's."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG, e.UNCLEAR)
    assert (play.state, play.expects) == (State.SUBMITTING, STATUS)
    play.answer(e.RUNNING, e.RUNNING, e.SUCCEEDED)
    assert (play.state, play.record.ours, play.record.attempts) == (State.SUCCEEDED, True, 1)


def test_a_lost_start_is_repeated_only_after_its_hold() -> None:
    """Reads that show nothing count only 60 s after the intent; then one more Start is sent."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG, e.UNCLEAR)
    intended = play.now - 0.1
    while play.expects is not START:
        play.answer(e.NO_JOB)
    assert play.next is not None
    assert play.now - intended >= 60
    assert play.events == [Event.INTENDED, Event.NOT_ONBOARDED]
    assert play.calls.count(STATUS) <= 14


def test_a_lost_start_without_a_precheck_is_claimed_by_nobody() -> None:
    """Nothing was read before, so a job found after the lost answer may be somebody else's."""
    play = Play(rules=Rules(precheck=False)).answer(e.UNCLEAR, e.RUNNING, e.SUCCEEDED, e.CONFIG)
    assert (play.state, play.record.ours) == (State.ALREADY_ONBOARDED, False)


def test_after_a_torn_ledger_nothing_is_started_before_the_hold() -> None:
    """Even a target without an intent waits it out, since its intent may have been cut off."""
    play = Play(rules=Rules(precheck=False, torn_at=0.0))
    while play.expects is not START:
        play.answer(e.NO_JOB)
    assert play.now >= 60


def test_a_status_that_was_read_within_the_hold_proves_nothing_after_it() -> None:
    """Where the config took long to read, the status is asked for again before a Start is."""
    play = Play(rules=Rules(consistency_window=30.0)).answer(e.NO_JOB, e.NO_CONFIG, e.UNCLEAR)
    play.answer(e.NO_JOB).answer(e.NO_CONFIG, later=60.0)
    assert (play.state, play.expects) == (State.SUBMITTING, STATUS)
    assert play.next is not None
    assert play.next.at >= play.now
    play.answer(e.RUNNING)
    assert (play.state, play.record.ours) == (State.IN_PROGRESS, True)


def test_a_start_that_is_lost_on_an_offboarded_instance_is_repeated_after_its_hold() -> None:
    """The SUCCEEDED that is read then may be the old job's: it is not claimed, nor called gone."""
    rules = Rules(consistency_window=30.0)
    play = Play(rules=rules).answer(e.SUCCEEDED, e.NO_CONFIG, e.UNCLEAR)
    assert not play.record.clean
    while play.expects is not START:
        play.answer(e.SUCCEEDED if play.expects is STATUS else e.NO_CONFIG)
    assert (play.state, play.now > 30.0) == (State.PENDING, True)
    play.answer(e.RUNNING)
    assert (play.state, play.record.ours) == (State.IN_PROGRESS, True)


def test_a_failed_job_that_is_not_ours_is_deleted_only_after_the_hold_of_a_lost_start() -> None:
    """That Start may still land, once the old record is gone: so it is waited for."""
    rules = Rules(precheck=False, clear_failed=True, consistency_window=30.0)
    killed = Play(rules=rules).answer(e.UNCLEAR)
    play = Play(killed.record, rules)
    while play.expects is not DELETE:
        play.answer(e.FAILED if play.expects is STATUS else e.NO_CONFIG)
    assert play.now > 30.0
    play.answer(e.DELETED)
    assert play.expects is START


def test_starts_that_are_lost_again_and_again_come_to_an_end() -> None:
    """After three lost Starts, each read live and waited out, the target is unresolved."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG)
    while play.next is not None:
        play.answer(e.UNCLEAR if play.expects is START else e.NO_JOB)
    assert play.calls.count(START) == MAX_LOST_STARTS
    assert (play.state, play.record.error_code) == (State.UNRESOLVED, "timeout")


def test_a_start_that_was_not_sent_is_withdrawn_and_tried_again() -> None:
    """Without a connection nothing left, so no read is needed before the next Start."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG, e.UNSENT, e.RUNNING)
    assert play.events[:2] == [Event.INTENDED, Event.WITHDRAWN]
    assert (play.state, play.record.attempts) == (State.IN_PROGRESS, 1)


@pytest.mark.parametrize("answer", [e.UNCLEAR, e.UNSENT])
def test_a_read_that_leads_nowhere_is_tried_a_few_times(answer: Answer) -> None:
    """Then the target is unresolved, with the last cause."""
    play = Play().answer(*[answer] * MAX_TRIES)
    assert (play.state, play.next) == (State.UNRESOLVED, None)
    assert play.record.error_code == answer.error_code


def test_a_throttled_call_goes_back_to_the_head_of_its_queue() -> None:
    """It waits for nothing but its limiter, and a throttled Start is proven not accepted."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG, e.THROTTLED)
    assert play.next == Next(START, Priority.START, play.now, first=True)
    assert (play.state, play.record.intent_at) == (State.PENDING, None)
    play.answer(e.RUNNING)
    assert play.state is State.IN_PROGRESS


def test_a_quota_of_nothing_comes_to_an_end() -> None:
    """A target that is throttled a hundred times in a row is unresolved."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG, *[e.THROTTLED] * 100)
    assert (play.state, play.record.error_code) == (State.UNRESOLVED, "throttled")


def test_a_403_is_confirmed_by_one_retry() -> None:
    """The second refusal leaves the target unresolved, with who was denied what."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG, e.DENIED)
    assert play.expects is START
    play.answer(e.DENIED)
    assert play.state is State.UNRESOLVED
    assert play.record.message == (
        "arn:aws:iam::111122223333:role/Onboarder was denied "
        "connect-campaigns:StartInstanceOnboardingJob: not you"
    )
    assert play.record.error_code == "AccessDeniedException"


def test_expired_credentials_are_renewed_not_failed() -> None:
    """An expired token leads to the same call again, a few times in a row at most."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG, e.EXPIRED, e.RUNNING)
    assert play.state is State.IN_PROGRESS
    play.answer(*[e.EXPIRED] * 4)
    assert (play.state, play.record.error_code) == (State.UNRESOLVED, "ExpiredTokenException")


@pytest.mark.parametrize("meaning", [Meaning.NO_IDENTITY, Meaning.WRONG_ACCOUNT])
def test_without_the_right_credentials_a_target_is_unresolved_at_once(meaning: Meaning) -> None:
    """Nothing is sent, and nothing is tried again in this run."""
    play = Play(rules=Rules(precheck=False))
    step = play.course.answered(START, Answer(meaning, error_code="x", message="why"), at(0))
    assert (play.state, step.next, play.record.message) == (State.UNRESOLVED, None, "why")
    assert play.record.attempts == 0


def test_a_rejected_read_of_a_job_that_we_started_is_no_rejection() -> None:
    """A 400 to a poll says nothing about the job: unresolved, to be read again."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG, e.RUNNING, e.REJECTED)
    assert (play.state, play.record.ours) == (State.UNRESOLVED, True)


def test_a_done_target_whose_manifest_asks_for_another_key_is_read() -> None:
    """It drifts if the live key differs, and is done again if it is the one now asked for."""
    done = Record(state=State.SUCCEEDED, ours=True, encryption="disabled")
    play = Play(done).answer(e.NO_JOB, e.CONFIG)
    assert (play.state, done.ours, done.encryption) == (State.SUCCEEDED, True, e.ARN)
    drifted = Record(state=State.SUCCEEDED, ours=True, encryption="disabled")
    play = Play(drifted).answer(e.NO_JOB, e.OTHER_CONFIG)
    assert (play.state, drifted.ours) == (State.DRIFTED, True)


def test_what_was_onboarded_and_is_gone_is_left_to_a_person() -> None:
    """It is drifted for that reason, stays so at the next run, and is never started."""
    record = Record(state=State.SUCCEEDED, ours=True, encryption="disabled")
    play = Play(record).answer(e.NO_JOB, e.NO_CONFIG)
    assert (play.state, record.error_code) == (State.DRIFTED, "not_onboarded")
    again = Play(record).answer(e.NO_JOB, e.NO_CONFIG)
    assert (again.state, again.next, again.course.done) == (State.DRIFTED, None, False)


ANSWERS = st.sampled_from(
    [
        *(Answer(Meaning.OK, job=job) for job in JobStatus),
        *(e.FAILED_INSIDE, e.CONFIG, e.OTHER_CONFIG),
        *(
            Answer(meaning, error_code=meaning.value)
            for meaning in sorted(set(Meaning) - {Meaning.OK}, key=lambda m: m.value)
        ),
    ]
)
RULES = st.builds(
    Rules,
    precheck=st.booleans(),
    wait=st.booleans(),
    retry_failed=st.booleans(),
    clear_failed=st.booleans(),
    job_timeout=st.sampled_from([50.0, 1800.0]),
)


@settings(max_examples=400)
@given(runs=st.lists(st.tuples(RULES, st.lists(ANSWERS, max_size=40)), max_size=5))
def test_whatever_the_service_answers_a_course_keeps_its_promises(
    runs: list[tuple[Rules, list[Answer]]],
) -> None:
    """No answer breaks it, replay equals life, and a lost Start is not repeated within its hold."""
    record, replayed, now = Record(), Record(), 0.0
    unproven: float | None = None
    for rules, answers in runs:
        course = Course(target(), record, rules, PollPlan())
        following = course.begin(at(now)).next
        for answer in answers:
            if following is None:
                break
            now = max(now, following.at)
            operation = following.operation
            entries = course.intend(operation, at(now))
            if operation is START:
                assert unproven is None or now - unproven >= rules.hold
                unproven = now
            fits = answer.meaning is not Meaning.OK or _fits(operation, answer)
            step = course.answered(operation, answer if fits else e.UNCLEAR, at(now))
            for entry in (*entries, *step.entries):
                replayed.apply(entry)
            if record.intent_at is None:
                unproven = None
            following = step.next
            assert replayed == record


def _fits(operation: Operation, answer: Answer) -> bool:
    match operation:
        case Operation.CONFIG:
            return answer.encryption is not None
        case Operation.DELETE:
            return True
        case _:
            return answer.job is not None


def test_only_calls_that_send_or_compare_the_key_wait_for_an_alias() -> None:
    """A Start sends it and a config is compared with it; a status and a delete need none."""
    by_alias = Play(encryption=Encryption(enabled=True, key_arn=ALIAS)).course
    assert [by_alias.needs_key(each) for each in (START, CONFIG, STATUS, DELETE)] == [
        *(True, True),
        *(False, False),
    ]
    assert not any(Play().course.needs_key(each) for each in Operation)


def test_an_alias_that_is_resolved_is_sent_and_compared_as_its_key() -> None:
    """The intent tells the key's own ARN and the alias; another live key is drift then."""
    key = Encryption(enabled=True, key_arn=ALIAS).resolved(e.ARN)
    assert (key.key_arn, key.alias, key.enabled) == (e.ARN, ALIAS, True)
    play = Play(encryption=Encryption(enabled=True, key_arn=ALIAS))
    play.course.resolved(key)
    assert not play.course.needs_key(START)
    play.answer(e.NO_JOB, e.NO_CONFIG)
    (entry,) = play.course.intend(START, at(1))
    assert (entry.encryption, entry.alias) == (e.ARN, ALIAS)
    drifted = Play(encryption=Encryption(enabled=True, key_arn=ALIAS))
    drifted.course.resolved(key)
    assert drifted.answer(e.NO_JOB, e.OTHER_CONFIG).state is State.DRIFTED


def test_what_is_spared_ends_with_the_cause_that_another_target_met() -> None:
    """It is marked, so that it is not taken for a failure of its own; no call follows."""
    play = Play()
    step = play.course.spare(e.DENIED, at(7))
    (entry,) = step.entries
    assert (entry.event, entry.error_code, entry.message) == (
        Event.GAVE_UP,
        "AccessDeniedException",
        "not you",
    )
    assert (entry.at, step.next, play.state) == (at(7).wall, None, State.UNRESOLVED)
    assert play.course.spared is True
    nameless = Play()
    nameless.course.give_up(Answer(Meaning.UNSENT), at(7))
    assert (nameless.record.error_code, nameless.course.spared) == ("unsent", False)


def test_in_a_known_outage_a_failure_is_not_held_against_the_target() -> None:
    """However often it fails, it waits for the end of the outage, and then has all its tries."""
    play = Play()
    moment = replace(at(1), outage=True)
    for _ in range(3 * MAX_TRIES):
        step = play.course.answered(STATUS, e.UNCLEAR, moment)
        assert (step.entries, step.next) == ((), Next(STATUS, Priority.LOOK, 1.0))
    play.answer(*[e.UNSENT] * (MAX_TRIES - 1))
    assert play.state is State.PENDING
    assert play.answer(e.UNSENT).state is State.UNRESOLVED


def test_a_denial_without_words_is_told_without_them() -> None:
    """Who was denied what stands there all the same."""
    silent = Answer(Meaning.DENIED, error_code="AccessDeniedException")
    assert Play().answer(silent, silent).record.message == (
        "arn:aws:iam::111122223333:role/Onboarder was denied "
        "connect-campaigns:GetInstanceOnboardingJobStatus"
    )


GONE = Record(state=State.DRIFTED, encryption=e.ARN, error_code="not_onboarded")


def _onboarded(**facts: object) -> Record:
    known: dict[str, object] = {"state": State.SUCCEEDED, "encryption": e.ARN, "ours": True}
    return Record(**(known | facts))  # type: ignore[arg-type]  # a test names real fields


def test_a_recheck_reads_done_targets_and_leaves_what_is_as_it_was() -> None:
    """--recheck asks again; our success stays ours, and nothing is sent that changes anything."""
    play = Play(_onboarded(), Rules(recheck=True)).answer(e.NO_JOB, e.CONFIG)
    assert (play.calls, play.next) == ([STATUS, CONFIG], None)
    assert (play.state, play.record.ours) == (State.SUCCEEDED, True)


def test_a_recheck_tells_of_what_is_no_longer_onboarded() -> None:
    """It becomes drifted, and is not started unless --restart-missing says so."""
    play = Play(_onboarded(), Rules(recheck=True)).answer(e.NO_JOB, e.NO_CONFIG)
    assert (play.state, play.record.error_code) == (State.DRIFTED, "not_onboarded")
    assert play.next is None


@pytest.mark.parametrize(("record", "recheck"), [(_onboarded(), True), (GONE, False)])
def test_what_is_missing_is_started_again_when_asked_for(record: Record, recheck: bool) -> None:
    """--restart-missing starts it; until that is intended, the ledger says that it is missing."""
    rules = Rules(recheck=recheck, restart_missing=True)
    play = Play(replace(record), rules).answer(e.NO_JOB, e.NO_CONFIG)
    assert (play.state, play.expects) == (State.DRIFTED, START)
    play.answer(e.RUNNING, e.RUNNING, e.SUCCEEDED)
    assert play.events == [
        Event.FOUND_MISSING,
        Event.NOT_ONBOARDED,
        Event.INTENDED,
        Event.RUNNING,
        Event.JOB_SUCCEEDED,
    ]
    assert play.record.attempts == 1


def test_a_run_starts_what_is_missing_once() -> None:
    """What goes missing again after this run's Start is left to a person."""
    play = Play(_onboarded(), Rules(recheck=True, restart_missing=True))
    play.answer(e.NO_JOB, e.NO_CONFIG, e.UNCLEAR, e.SUCCEEDED)
    while play.next is not None and play.now < 600:
        play.answer(e.NO_CONFIG if play.expects is CONFIG else e.SUCCEEDED)
    assert (play.state, play.record.attempts, play.next) == (State.DRIFTED, 1, None)


def test_a_recheck_right_after_a_job_waits_for_its_config() -> None:
    """Within the consistency window of its end a config may lag, which is no reason to restart."""
    rules = Rules(recheck=True, restart_missing=True)
    play = Play(_onboarded(finished_at=NOON), rules).answer(e.SUCCEEDED, e.NO_CONFIG)
    assert (play.state, play.expects) == (State.SUCCEEDED, CONFIG)
    assert play.answer(e.CONFIG).next is None
    assert play.events == [Event.FOUND_ONBOARDED]
    assert play.state is State.SUCCEEDED


def _next_run(play: Play, rules: Rules) -> Play:
    """The same target in a run that begins, by the clocks of this test, when the first one did."""
    return Play(play.record, rules)


def test_an_accepted_start_that_was_given_up_holds_what_follows_as_a_lost_one_does() -> None:
    """A job that the service still denies, after a run gave up to follow it, is not started again."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG, e.RUNNING, e.DENIED, e.DENIED)
    assert (play.state, play.record.ours) == (State.UNRESOLVED, True)
    again = _next_run(play, Rules()).answer(e.NO_JOB, e.NO_CONFIG)
    assert (again.state, again.expects) == (State.UNRESOLVED, STATUS)
    while again.expects is not START:
        again.answer(e.NO_CONFIG if again.expects is CONFIG else e.NO_JOB)
    assert 85.0 < again.now < 130.0


def test_a_job_that_was_given_up_and_shows_again_is_followed() -> None:
    """It is still ours."""
    play = Play().answer(e.NO_JOB, e.NO_CONFIG, e.RUNNING, e.DENIED, e.DENIED)
    again = _next_run(play, Rules()).answer(e.NO_JOB, e.NO_CONFIG, e.RUNNING, e.SUCCEEDED)
    assert (again.state, again.record.ours, again.record.attempts) == (State.SUCCEEDED, True, 1)


@pytest.mark.parametrize("known", [_onboarded(), replace(GONE)], ids=["onboarded", "missing"])
def test_what_was_onboarded_is_not_forgotten_when_reading_it_is_given_up(known: Record) -> None:
    """A recheck that is denied leaves it unresolved; a later run that finds nothing starts nothing."""
    known.onboarded = True
    play = Play(replace(known), Rules(recheck=True)).answer(e.DENIED, e.DENIED)
    assert play.state is State.UNRESOLVED
    again = _next_run(play, Rules()).answer(e.NO_JOB, e.NO_CONFIG)
    assert (again.state, again.record.error_code) == (State.DRIFTED, "not_onboarded")
    assert again.next is None
