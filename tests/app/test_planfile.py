"""A plan in a file: kept as it was made, and refused where it does not fit any more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from batch_onboard.app.planfile import PlanFileError, load_plan, save_plan
from batch_onboard.app.settings import Settings
from batch_onboard.app.writing import UnwritableError
from batch_onboard.core.planning import Action, Planned
from batch_onboard.core.selection import Selection, Selector
from batch_onboard.core.steps import Rules
from batch_onboard.manifest.sources import Source
from batch_onboard.simulator.scenario import Scenario
from tests.app.examples import NOON, item, manifest, plan, target

MADE_OF = manifest(target("a"), target("b"), sources=(Source(Path("more.csv"), "s1"),))
ASKED = Settings(
    selection=Selection((Selector("wave", "1"),)),
    limit=1,
    rules=Rules(retry_failed=True, call_timeout=7.0),
)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A plan in a file."""
    path = tmp_path / "p.json"
    items = (item("a", Action.START, "absent"), item("b", Action.LATER, "absent"))
    save_plan(path, plan(*items), MADE_OF, ASKED)
    return path


def test_a_plan_comes_back_as_it_was_kept(kept: Path) -> None:
    """Targets, actions, causes and keys, and only its owner can read the file."""
    approved = load_plan(kept, MADE_OF, simulate=False)
    assert approved.made_at == NOON
    assert approved.planned[target("a").key] == Planned(Action.START, "absent", "disabled")
    assert [each.key.instance_id for each in approved.among(MADE_OF.targets)] == ["a"]
    assert kept.stat().st_mode & 0o777 == 0o600
    assert approved.digest in kept.read_text()


def test_a_run_takes_from_its_plan_what_was_asked_for(kept: Path) -> None:
    """Flags need not be repeated, and a limit has already been drawn; timeouts are the run's."""
    approved = load_plan(kept, MADE_OF, simulate=False)
    bound = approved.bind(Settings(rules=Rules(call_timeout=9.0)))
    assert bound.rules == Rules(retry_failed=True, call_timeout=9.0)
    assert (bound.limit, bound.selection, bound.approved) == (None, Selection(), approved)
    assert approved.bind(ASKED).rules == ASKED.rules


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(limit=2), "--limit contradicts the plan, which was made with 1"),
        (Settings(waves=frozenset({2})), "--wave contradicts the plan, which was made without it"),
        (
            Settings(selection=Selection((Selector("wave", "2"),))),
            "--include contradicts the plan, which was made with wave=1",
        ),
        (Settings(rules=Rules(clear_failed=True)), "--clear-failed contradicts the plan"),
    ],
)
def test_what_contradicts_a_plan_is_refused(kept: Path, settings: Settings, words: str) -> None:
    """Selectors and flags that would do something else than was approved."""
    with pytest.raises(PlanFileError, match=words):
        load_plan(kept, MADE_OF, simulate=False).bind(settings)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (replace(MADE_OF, name="other"), "is a plan for 'wave', not for 'other'"),
        (replace(MADE_OF, digest="d2"), "wave.yaml has changed since"),
        (replace(MADE_OF, sources=()), "a source of wave.yaml has changed"),
    ],
)
def test_a_plan_of_something_else_is_refused(kept: Path, now: object, words: str) -> None:
    """Another manifest, or the same one with other content."""
    with pytest.raises(PlanFileError, match=words):
        load_plan(kept, now, simulate=False)  # type: ignore[arg-type]  # each is a manifest


def test_a_rehearsal_and_a_real_run_have_plans_of_their_own(kept: Path) -> None:
    """What the simulator showed says nothing of AWS."""
    with pytest.raises(PlanFileError, match="the plan of a real run"):
        load_plan(kept, MADE_OF, simulate=True)
    save_plan(kept, plan(), MADE_OF, replace(ASKED, scenario=Scenario()))
    with pytest.raises(PlanFileError, match="a rehearsal"):
        load_plan(kept, MADE_OF, simulate=False)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"later"', '"start"', "was altered since it was made"),
        ('"disabled"', '"arn"', "was altered"),
        ('"limit": 1', '"limit": 2', "was altered"),
        ('"plan": 1', '"plan": 2', "is of format 2, which this version does not read"),
        ('"plan": 1', '"plan": []', "is not a plan"),
        ("{", "[[", "is not a plan"),
        ('"wave=1"', '"\ud800"', "is not a plan"),
    ],
)
def test_a_plan_that_is_not_as_it_was_made_is_refused(
    kept: Path, old: str, new: str, words: str
) -> None:
    """A changed action, key or limit; a foreign format; what is no plan at all."""
    text = kept.read_text()
    assert old in text
    kept.write_bytes(text.replace(old, new, 1).encode(errors="surrogatepass"))
    with pytest.raises(PlanFileError, match=words):
        load_plan(kept, MADE_OF, simulate=False)


def test_a_plan_that_is_not_there_or_has_no_place_is_told(tmp_path: Path) -> None:
    """Reading and writing fail with the path and the cause."""
    with pytest.raises(PlanFileError, match=r"none\.json can't be read: No such file"):
        load_plan(tmp_path / "none.json", MADE_OF, simulate=False)
    with pytest.raises(UnwritableError, match="can't be written: No such file"):
        save_plan(tmp_path / "no" / "folder.json", plan(), MADE_OF, ASKED)
