"""What is read of a plan, by people and programs."""

from __future__ import annotations

import pytest

from batch_onboard.cli.plan_text import plan_facts, plan_lines
from batch_onboard.cli.texts import span
from batch_onboard.core.calls import Operation
from batch_onboard.core.forecast import Forecast, Slowest
from batch_onboard.core.planning import Action
from batch_onboard.core.targets import Domain
from tests.app.examples import item, plan

HERE = Domain("111122223333", "eu-west-2")


@pytest.mark.parametrize(
    ("least", "most", "shown"),
    [
        (0.0, 0.1, "about 1 s"),
        (20.4, 61.0, "20 to 61 s"),
        (20.0, 301.0, "20 s to 5 min"),
        (540.0, 840.0, "9 to 14 min"),
        (850.0, 860.0, "about 14 min"),
        (5000.0, 9000.0, "83 min to 2.5 h"),
        (7200.0, 9000.0, "2.0 to 2.5 h"),
    ],
)
def test_a_duration_is_told_as_exactly_as_it_is_known(
    least: float, most: float, shown: str
) -> None:
    """Two figures, with one unit where they have the same."""
    assert span(least, most) == shown


def test_a_plan_tells_counts_duration_and_what_stops_targets() -> None:
    """The headline, the slowest domain, a legend with counts, a table, and causes with remedies."""
    shown = plan(
        item("a", Action.START, "absent"),
        item("b", Action.START, "KMS_KEY_NOT_FOUND"),
        item("c", Action.START, "missing"),
        item("d", Action.DONE, account="444455556666"),
        item("e", Action.BLOCKED, "wrong_account"),
        item("f", Action.DRIFTED),
        forecast=Forecast(540.0, 840.0, Slowest(HERE, Operation.START, 40, 2.0)),
    )
    lines = list(plan_lines(shown))
    assert lines[:2] == [
        "Plan: 3 to start, 1 done, 1 drifted, 1 blocked.  9 to 14 min",
        "  slowest 111122223333/eu-west-2: 40 starts at 2/s",
    ]
    text = "\n".join(lines)
    assert "  start    3  nothing is there: a job is started\n" in text
    assert "of these, 1 have a FAILED job (KMS_KEY_NOT_FOUND), deleted first" in text
    assert "of these, 1 were onboarded once and no longer are" in text
    assert "  111122223333/eu-west-2        3        -        1        1\n" in text
    assert "  444455556666/eu-west-2        -        1        -        -\n" in text
    assert "do:   correct role_arn or the credentials" in text
    assert "why:  another key" in text
    assert all(len(line) <= 80 for line in lines if not line.startswith("    "))


def test_a_plan_with_nothing_to_do_tells_no_duration() -> None:
    """There is nothing to wait for, and no cause to mend."""
    lines = list(plan_lines(plan(item("a", Action.DONE))))
    assert lines[0] == "Plan: 1 done."
    assert not any("What stopped" in line for line in lines)


def test_where_a_job_takes_longest_the_jobs_are_named() -> None:
    """No quota is to blame, so none is told."""
    forecast = Forecast(20.0, 60.0, Slowest(HERE, None, 2, 0.0))
    lines = list(plan_lines(plan(item("a", Action.FOLLOW), forecast=forecast)))
    assert lines[1] == "  slowest 111122223333/eu-west-2: 2 jobs"


def test_long_lists_are_capped_for_people_and_whole_for_programs() -> None:
    """500 domains: people see those with most to do first, programs see all."""
    items = [item("a", Action.DONE, account=f"{number:012}") for number in range(499)]
    shown = plan(*items, item("b", Action.START, "absent", account="999999999999"))
    lines = list(plan_lines(shown))
    assert "  ... 480 more; --output json has them all" in lines
    assert lines[6].startswith("  999999999999/eu-west-2")
    facts = plan_facts(shown)
    assert (len(facts["domains"]), len(facts["targets"])) == (500, 500)
    assert facts["domains"][0] == {
        "account_id": "999999999999",
        "region": "eu-west-2",
        Action.START: 1,
    }


def test_only_what_is_stopped_has_a_next_action() -> None:
    """What the run does by itself asks nothing of a person."""
    shown = plan(item("a", Action.START, "absent"), item("b", Action.BLOCKED, "wrong_account"))
    start, blocked = plan_facts(shown)["targets"]
    assert (start["next_action"], start["cause"]) == (None, "absent")
    assert "role_arn" in blocked["next_action"]
