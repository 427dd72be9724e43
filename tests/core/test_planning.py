"""What a run may do that is bound to a plan."""

from __future__ import annotations

import pytest

from batch_onboard.core.planning import Action, Planned
from tests.core.examples import ARN, OTHER_ARN

START = Planned(Action.START, "absent", ARN)
FOLLOW = Planned(Action.FOLLOW, None, ARN)
CHECK = Planned(Action.CHECK, None, ARN)
DONE = Planned(Action.DONE, None, ARN)
DRIFTED = Planned(Action.DRIFTED, "not_onboarded", ARN)
BLOCKED = Planned(Action.BLOCKED, "KMS_KEY_NOT_FOUND", ARN)


@pytest.mark.parametrize(
    ("planned", "found", "covered"),
    [
        (START, START, True),
        (START, Planned(Action.START, "absent", OTHER_ARN), False),  # the alias names another key
        (START, Planned(Action.START, "INTERNAL_FAILURE", ARN), False),  # a record to be deleted
        (START, FOLLOW, False),
        (START, DONE, False),
        (FOLLOW, FOLLOW, True),
        (FOLLOW, DONE, True),
        (FOLLOW, BLOCKED, True),
        (FOLLOW, START, False),
        (CHECK, START, True),
        (CHECK, DONE, True),
        (DONE, Planned(Action.DONE, "accepted", ARN), True),
        (DONE, START, False),
        (DONE, DRIFTED, False),
        (DRIFTED, DRIFTED, True),
        (DRIFTED, START, False),
        (BLOCKED, Planned(Action.BLOCKED, "AccessDenied", ARN), True),
        (BLOCKED, START, False),
    ],
)
def test_a_plan_covers_what_it_says_and_no_other_start(
    planned: Planned, found: Planned, covered: bool
) -> None:
    """A Start is covered only as it was planned; a job may end; an open question may be settled."""
    assert planned.covers(found) is covered


def test_what_is_planned_says_why() -> None:
    """Messages name the action and its cause, if it has one."""
    assert (str(START), str(FOLLOW)) == ("start (absent)", "follow")
