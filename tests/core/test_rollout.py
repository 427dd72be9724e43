"""Selectors, stages and tolerances, worked by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from batch_onboard.core.course import Course
from batch_onboard.core.lifecycle import State
from batch_onboard.core.opening import Opening
from batch_onboard.core.polling import PollPlan
from batch_onboard.core.record import Record
from batch_onboard.core.rollout import Rollout
from batch_onboard.core.selection import Selection, SelectionError, Selector
from batch_onboard.core.steps import Rules
from batch_onboard.core.tolerance import Failures, Tolerance
from tests.engine.examples import named

if TYPE_CHECKING:
    from batch_onboard.core.targets import Target

PILOT = named("pilot-1", account="1" * 12, labels=(("pilot", "yes"),), wave=2)
PLAIN = named("plain-1", account="2" * 12)
RECORDS = {
    PILOT.key: Record(),
    PLAIN.key: Record(state=State.FAILED, failure_code="KMS_ACCESS_DENIED"),
}


def selected(include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[str]:
    """Return the names of those of the two targets that are selected."""
    selection = Selection(
        tuple(Selector.parse(text) for text in include),
        tuple(Selector.parse(text) for text in exclude),
    )
    chosen = selection.of([PILOT, PLAIN], lambda target: RECORDS[target.key])
    return [target.key.instance_id for target in chosen]


@pytest.mark.parametrize(
    ("include", "exclude", "names"),
    [
        ((), (), ["pilot-1", "plain-1"]),
        (("instance_id=pilot-*",), (), ["pilot-1"]),
        (("account_id=2*",), (), ["plain-1"]),
        (("labels.pilot=yes",), (), ["pilot-1"]),
        (("labels.pilot=",), (), ["plain-1"]),
        (("wave=2",), (), ["pilot-1"]),
        (("api=v1", "region=eu-*"), (), ["pilot-1", "plain-1"]),
        (("state=pending", "state=failed"), (), ["pilot-1", "plain-1"]),
        (("state=pending", "state=failed", "wave=1"), (), ["plain-1"]),
        (("failure_code=KMS_*",), (), ["plain-1"]),
        (("error_code=",), ("state=failed",), ["pilot-1"]),
        ((), ("labels.pilot=yes", "region=us-*"), ["plain-1"]),
    ],
)
def test_selectors_of_one_key_are_alternatives_and_keys_add_up(
    include: tuple[str, ...], exclude: tuple[str, ...], names: list[str]
) -> None:
    """Each kind of fact can be asked for, including what a target does not have."""
    assert selected(include, exclude) == names


@pytest.mark.parametrize(
    ("include", "exclude", "told"),
    [
        (("region=us-*",), (), "--include region=us-* matches no target"),
        (("wave=1", "state=drifted"), (), "--include state=drifted matches no target"),
        ((), ("region=eu-*",), "no target is selected"),
        (("wave=1", "state=pending"), (), "no target is selected"),
    ],
)
def test_an_empty_selection_is_an_error_and_never_all(
    include: tuple[str, ...], exclude: tuple[str, ...], told: str
) -> None:
    """A selector that finds nothing, or that leaves nothing, is named."""
    with pytest.raises(SelectionError, match=told.replace("*", r"\*")):
        selected(include, exclude)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("region", "is not of the form KEY=GLOB"),
        ("regoin=eu-*", "did you mean region?"),
        ("labels.=x", "did you mean labels.?"),
        ("x=y", "there are account_id, region"),
    ],
)
def test_what_is_no_selector_is_told_with_the_nearest_key(text: str, told: str) -> None:
    """A slip in a key is an error, so that it can't select all by chance."""
    with pytest.raises(SelectionError) as caught:
        Selector.parse(text)
    assert told in str(caught.value)


def course(target: Target, record: Record | None = None) -> Course:
    """Make a course for a target."""
    return Course(target, record or Record(), Rules(), PollPlan())


def looks(_target: Target) -> Opening:
    """Every target is read first."""
    return Opening.LOOK


def names(stage: list[Target] | None) -> list[str]:
    """Return the names of a stage's instances."""
    assert stage is not None
    return [each.key.instance_id for each in stage]


def test_waves_go_in_ascending_order() -> None:
    """Whatever their order in the manifest, the stages are the waves by number."""
    rollout = Rollout([named("b", wave=10), named("a", wave=2)], looks)
    assert names(rollout.next_stage()) == ["a"]
    assert names(rollout.next_stage()) == ["b"]
    assert rollout.next_stage() is None


def test_a_canary_takes_different_accounts_of_the_first_wave() -> None:
    """Three canaries of three accounts go first, then the rest of the wave, then the next."""
    rollout = Rollout(
        [
            *(named(f"a{i}", account="1" * 12) for i in range(3)),
            named("b", account="2" * 12),
            named("later", account="4" * 12, wave=2),
            named("c", account="3" * 12),
        ],
        looks,
        canary=3,
    )
    assert names(rollout.next_stage()) == ["a0", "b", "c"]
    assert names(rollout.next_stage()) == ["a1", "a2"]
    assert names(rollout.next_stage()) == ["later"]


def test_a_canary_takes_accounts_in_turn() -> None:
    """The first target of each account goes, then the second ones, then what is left."""
    rollout = Rollout(
        [named(f"{a}{i}", account=a * 12) for a, n in (("1", 3), ("2", 2)) for i in range(n)],
        looks,
        canary=5,
    )
    assert rollout.canary is False
    assert names(rollout.next_stage()) == ["10", "20", "11", "21", "12"]
    assert rollout.canary


def test_a_canary_that_needs_no_start_is_replaced() -> None:
    """Who turns out to be onboarded proves nothing, so another one goes in its place."""
    rollout = Rollout([named(name, account=name * 12) for name in "123"], looks, canary=1)
    assert names(rollout.next_stage()) == ["1"]
    assert names(rollout.over(started=False)) == ["2"]
    assert rollout.over(started=True) == []
    assert names(rollout.next_stage()) == ["3"]
    assert rollout.over(started=False) == []


def test_what_is_settled_or_followed_is_no_canary() -> None:
    """A canary is a target that may need a Start; without any the first wave just goes."""
    rollout = Rollout([named("runs")], lambda _target: Opening.FOLLOW, canary=2)
    assert names(rollout.next_stage()) == ["runs"]
    assert not rollout.canary
    assert Rollout([], looks, canary=2).next_stage() is None


FAILED = Record(state=State.FAILED, failure_code="KMS_ACCESS_DENIED")
DONE = Record(state=State.SUCCEEDED)


def told(tolerance: Tolerance, *ends: tuple[str, Record]) -> list[str | None]:
    """Return what is told at the end of each target."""
    failures = Failures(tolerance)
    return [failures.ended(account, record) for account, record in ends]


def test_more_failures_than_borne_stop_a_run() -> None:
    """Two of two are borne, three are not; what succeeded does not count."""
    bears_two = Tolerance(number=2)
    assert told(bears_two, ("1", FAILED), ("2", DONE), ("3", FAILED)) == [None] * 3
    assert (
        told(bears_two, *[("1", FAILED)] * 3)[-1] == "3 targets failed, more than --max-failures 2"
    )


def test_a_share_of_failures_counts_once_enough_have_ended() -> None:
    """With a sample of four, two of four are the half that is borne, three of five are more."""
    bears_half = Tolerance(percent=50, min_sample=4)
    ends = [("2", DONE), ("2", DONE), ("1", FAILED), ("1", FAILED), ("3", FAILED)]
    assert told(bears_half, *ends) == [
        *[None] * 4,
        "3 targets failed of 5 that ended, more than --max-failures 50%",
    ]


def test_one_cause_in_many_accounts_is_one_mistake() -> None:
    """The same code in three accounts stops; a success between, or one account alone, does not."""
    three = Tolerance(same_cause=3)
    assert told(three, ("1", FAILED), ("1", FAILED), ("2", FAILED)) == [None] * 3
    again = [("1", FAILED), ("2", FAILED), ("9", DONE), ("3", FAILED), ("4", FAILED)]
    assert told(three, *again) == [None] * 5
    other = Record(state=State.UNRESOLVED, error_code="timeout")
    stopped = told(three, ("1", FAILED), ("2", FAILED), ("3", other), ("4", FAILED))
    assert stopped[:3] == [None] * 3
    assert "KMS_ACCESS_DENIED has stopped targets in 3 accounts" in str(stopped[3])
    assert str(told(three, *((n, other) for n in "123"))[2]).startswith("timeout has stopped")


def test_what_was_given_up_for_others_is_no_mistake_of_its_own() -> None:
    """Nor is anything, where no number is set; but both are failures that count."""
    spared, endless = Failures(Tolerance(same_cause=2)), Failures(Tolerance(same_cause=None))
    for account in "123":
        assert spared.ended(account, FAILED, spared=True) is None
        assert endless.ended(account, FAILED) is None
    assert spared.at_gate(canary=True) == "the canary: 3 targets failed"


def test_a_canary_bears_no_failure_unless_it_is_told_to() -> None:
    """Without --max-failures one is too many for what comes after; with it, that decides."""
    for tolerance, passes in ((Tolerance(), False), (Tolerance(number=1), True)):
        failures = Failures(tolerance)
        assert failures.at_gate(canary=True) is None
        failures.ended("1", FAILED)
        assert (failures.at_gate(canary=True) is None) is passes
    share = Failures(Tolerance(percent=10))
    share.ended("1", FAILED)
    assert "1 target failed of 1" in str(share.at_gate(canary=False))


def test_a_started_course_is_known_by_its_attempts() -> None:
    """A course knows that this run has sent a Start, also when that was refused."""
    one = course(named("a"), Record(attempts=4))
    assert not one.started
    one.record.attempts += 1
    assert one.started


def test_a_glob_may_have_an_equals_sign() -> None:
    """The key ends at the first one."""
    assert Selector.parse("labels.team=a=b*") == Selector("labels.team", "a=b*")


def test_selectors_that_leave_nothing_are_an_error_never_all() -> None:
    """The message says which options did that."""
    with pytest.raises(SelectionError) as told_why:
        selected(("region=*",), ("region=*",))
    assert str(told_why.value) == ("no target is selected: --include and --exclude leave nothing")
