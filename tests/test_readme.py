"""The README says what is so: its help text, exit codes and commands are the real ones."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from batch_onboard.cli.entry import cli
from batch_onboard.core.lifecycle import TRANSITIONS, State
from batch_onboard.exits import MEANINGS
from batch_onboard.manifest.load import load_manifest
from tests.cli.test_view import SEEN, shown

ROOT = Path(__file__).parent.parent
ARCHITECTURE = ROOT / "docs" / "architecture.md"
README = (ROOT / "README.md").read_text()


def help_of(*command: str) -> str:
    """The help text at 100 columns, as the README shows it."""
    result = CliRunner().invoke(
        cli, [*command, "--help"], terminal_width=100, prog_name="batch-onboard"
    )
    return result.output


def test_the_help_in_the_readme_is_the_real_one() -> None:
    """`python -m tests.test_readme` brings it up to date."""
    assert f"<!-- help: run -->\n```text\n{help_of('run')}```" in README


def test_the_view_in_the_readme_is_the_real_one() -> None:
    """As a terminal of 80 columns shows it."""
    assert f"<!-- view -->\n```text\n{shown(SEEN, 80)}```" in README


def test_the_exit_codes_in_the_readme_are_the_real_ones() -> None:
    """Each code stands there with its very meaning."""
    table = README.partition("<!-- exit codes -->")[2].partition("\n\n")[0]
    rows = dict(re.findall(r"^\| (\d+) \| (.+) \|$", table, re.MULTILINE))
    assert rows == {str(code.value): meaning for code, meaning in MEANINGS.items()}


def test_every_command_of_the_readme_exists_and_none_is_missing() -> None:
    """The table of commands is that of the help."""
    named = re.findall(r"^\| `batch-onboard (\w+)", README, re.MULTILINE)
    assert sorted(named) == sorted(cli.list_commands(click.Context(cli)))


def test_the_manifest_of_the_readme_is_fine(tmp_path: Path) -> None:
    """What a newcomer copies validates without a warning."""
    (text,) = re.findall(r"```yaml\n(.+?)```", README, re.DOTALL)
    path = tmp_path / "emea.yaml"
    path.write_text(text)
    manifest = load_manifest(path)
    assert (len(manifest.targets), manifest.warnings) == (2, ())


@pytest.mark.parametrize("name", ["demo.yaml", "manifest.yaml"])
def test_the_sample_manifests_are_fine(name: str) -> None:
    """What `configs/` shows validates."""
    assert load_manifest(ROOT / "configs" / name).targets


def test_the_links_of_the_documentation_lead_somewhere() -> None:
    """Each relative link names a file that is there."""
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def life_cycle() -> str:
    """The table of the life cycle as a diagram, one arrow for each pair of states."""
    lines = ["stateDiagram-v2", "    [*] --> pending"]
    for state, leads in TRANSITIONS.items():
        arrows: dict[State, list[str]] = {}
        for event, to in leads.items():
            if to is not state:
                arrows.setdefault(to, []).append(event.value)
        lines += [f"    {state} --> {to}: {', '.join(events)}" for to, events in arrows.items()]
    return "\n".join(lines) + "\n"


def test_the_diagram_of_the_life_cycle_is_that_of_the_table() -> None:
    """The documentation shows the very moves that are possible."""
    page = ARCHITECTURE.read_text()
    assert f"<!-- life cycle -->\n```mermaid\n{life_cycle()}```" in page


def _replace(path: Path, mark: str, text: str) -> None:
    begin, found, rest = path.read_text().partition(mark)
    path.write_text(begin + found + text + rest[rest.index("```") :])


def _update() -> None:
    _replace(ROOT / "README.md", "<!-- help: run -->\n```text\n", help_of("run"))
    _replace(ROOT / "README.md", "<!-- view -->\n```text\n", shown(SEEN, 80))
    _replace(ARCHITECTURE, "<!-- life cycle -->\n```mermaid\n", life_cycle())


if __name__ == "__main__":
    _update()
