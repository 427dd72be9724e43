"""The pages for those who run it unattended, and who ask whether it is safe, say what is so."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from batch_onboard.cli.telling import progress_facts
from batch_onboard.core.lifecycle import Event
from batch_onboard.core.picture import Wait
from batch_onboard.exits import MEANINGS
from batch_onboard.report.metrics import Ending, Reading, metrics_text
from tests.cli.test_view import SEEN

ROOT = Path(__file__).parent.parent
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
SECURITY = (ROOT / "docs" / "security.md").read_text()


def test_every_exit_code_has_a_remedy() -> None:
    """Whoever is woken by one finds it in the table."""
    table = OPERATIONS.partition("| code | what to do |")[2].partition("\n\n")[0]
    named = re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE)
    told = {int(code) for row in named for code in row.split(",")}
    assert {code.value for code in MEANINGS} <= told


def test_the_metrics_of_the_page_and_its_alerts_exist() -> None:
    """Each name is one that is written."""
    seen = Reading("b", True, {}, 1, 1, 1, 1, (), Ending(1.0, 0), 1.0)
    written = set(re.findall(r"# TYPE (\S+)", metrics_text(seen).decode()))
    (alerts,) = re.findall(r"```yaml\n(.+?)```", OPERATIONS, re.DOTALL)
    rules = yaml.safe_load(alerts)["groups"][0]["rules"]
    assert len(rules) == 3
    named = set(re.findall(r"\bbatch_onboard_\w+", OPERATIONS))
    assert named <= written
    assert len(written - named) <= 2  # the two that the page abbreviates


def test_the_events_that_need_a_person_are_those_of_the_log() -> None:
    """The names in the table are the ledger's own."""
    row = next(line for line in OPERATIONS.splitlines() if "a target needs a person" in line)
    assert {Event(name) for name in re.findall(r"`(\w+)`", row)}


def test_the_fields_of_progress_are_those_of_the_page() -> None:
    """None is left out, and none is made up; so with what a domain may wait for."""
    page = OPERATIONS.partition("### Progress")[2].partition("**Bugs.**")[0]
    named = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in page.splitlines() if "|" in row]
    assert {name for row in named for name in row} == set(progress_facts(SEEN))
    waits = page.partition("`waits_for` is")[2]
    assert {wait.value for wait in Wait} <= set(re.findall(r"`(\w+)`", waits))


def test_each_test_that_the_threats_name_is_there() -> None:
    """An answer that nothing shows any more would be found here."""
    named = re.findall(r"`(\w+/test_\w+\.py)`", SECURITY)
    assert len(named) > 20
    for name in named:
        assert (ROOT / "tests" / name).exists(), name
