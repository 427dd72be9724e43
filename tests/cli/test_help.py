from __future__ import annotations

import functools
import re
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import click
import pytest

from batch_onboard.cli.entry import cli
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Duration, Option
from batch_onboard.cli.run import run
from batch_onboard.exits import MEANINGS, Exit

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

# A program that does as little as one can with click.
LEAST = """
import click

@click.group()
def main(): "A group."

@main.command()
@click.argument("x", type=click.Path())
@click.option("--y", default="1", help="An option.")
def run(x, y): "A command."
"""
OURS = "from batch_onboard.__main__ import main"

# What help may import besides: words to show, and no library at all.
ROOMS = re.compile(
    r"batch_onboard(\.__main__|\.exits|\.cli(\..+)?|\.core(\.(redaction|selectable|wording))?)?"
)
WORK = {
    *(
        "conduct",
        "causes",
        "discovering",
        "ending",
        "engines",
        "fleet",
        "loading",
        "metrics",
        "planning",
        "preview",
    ),
    *("problems", "running", "talk"),
}
OF_PYTHON = {"gc", "signal", "unicodedata"}  # the entry, and core.wording
NEAREST = {"difflib", "heapq", "_heapq"}


def imported(program: str, *arguments: str) -> set[str]:
    """Return the modules that a program has imported by its end."""
    whole = (
        f"import sys\nsys.argv = ['batch-onboard', *{list(arguments)!r}]\n{program}\n"
        "try: main()\n"
        "finally: print(*sorted(sys.modules), file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", whole], capture_output=True, text=True, check=False
    )
    return set(ended.stderr.splitlines()[-1].split())


@functools.cache
def imported_at_least() -> set[str]:
    """Return what any program with click imports."""
    return imported(LEAST, "run", "--help")


@pytest.mark.no_cover
@pytest.mark.parametrize("command", ["", *EXAMPLES])
def test_help_imports_click_and_words(command: str) -> None:
    """Help answers as fast as a click program can: it imports nothing that does the work."""
    arguments = [*command.split(), "--help"] if command else []
    more = imported(OURS, *arguments) - imported_at_least()
    own = {name for name in more if ROOMS.fullmatch(name)}
    assert more - own <= OF_PYTHON
    assert own.isdisjoint({f"batch_onboard.cli.{name}" for name in WORK})


@pytest.mark.no_cover
@pytest.mark.parametrize("arguments", [["rnu"], ["run", "m", "--concurency", "3"]])
def test_a_mistake_imports_what_finds_the_nearest_word(arguments: list[str]) -> None:
    """Who mistypes is answered as fast as who asks for help."""
    more = imported(OURS, *arguments) - imported_at_least()
    assert {name for name in more if not ROOMS.fullmatch(name)} <= NEAREST | OF_PYTHON


@pytest.mark.no_cover
def test_the_version_imports_no_library() -> None:
    """Versions are read from what is installed, without importing it."""
    libraries = {"aioboto3", "aiobotocore", "aiohttp", "anyio", "boto3", "botocore", "pydantic"}
    assert imported(OURS, "--version").isdisjoint(libraries)


def test_without_arguments_there_is_short_help_with_three_examples(shell: Shell) -> None:
    """A newcomer sees what to type."""
    ended = shell.run()
    assert (ended.code, ended.out.count("  batch-onboard ")) == (Exit.OK, 3)


def test_the_help_lists_each_exit_code(shell: Shell) -> None:
    """Each code stands there with its meaning, and scripts are told about unknown ones."""
    shown = " ".join(shell.run("--help").out.split())
    for code, meaning in MEANINGS.items():
        assert f"{code.value} {meaning}" in shown
    assert "treat an unknown code as failure" in shown
    assert set(MEANINGS) == set(Exit)


def test_the_version_names_tool_python_and_botocore(shell: Shell) -> None:
    """What a bug report needs stands in one line."""
    shown = shell.run("-V").out
    assert f"batch-onboard {version('batch-onboard')}" in shown
    assert f"botocore {version('botocore')}" in shown
    assert f"Python {sys.version.split()[0]}" in shown


def test_run_groups_its_options_and_names_defaults_and_variables(shell: Shell) -> None:
    """Common, pacing, safety and output, each with default and environment variable."""
    shown = shell.run("run", "--help").out
    assert re.findall(r"^(\w+):$", shown, re.MULTILINE) == [
        "Common",
        "Shards",
        "Engine",
        "Pacing",
        "Safety",
        "Output",
        "Other",
        "Examples",
    ]
    assert "BATCH_ONBOARD_CONCURRENCY" in shown
    assert "default: 128" in shown


def test_what_may_harm_is_settable_by_flag_only() -> None:
    """--yes and what makes more be started have no variable and no key in a file."""
    options = {option.name: option for option in run.params if isinstance(option, Option)}
    for name in ("yes", "retry_failed", "clear_failed", "restart_missing"):
        assert not options[name].settable
        assert options[name].envvar is None


def test_every_command_of_the_group_can_be_loaded() -> None:
    """No name in the lazy table leads nowhere."""
    context = click.Context(cli)
    names = cli.list_commands(context)
    assert [getattr(cli.get_command(context, name), "name", None) for name in names] == names


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20", 20.0),
        (7, 7.0),
        ("30s", 30.0),
        ("50m", 3000.0),
        ("2h", 7200.0),
        ("1.5 s", 1.5),
        ("250ms", 0.25),
        ("1d", 86400.0),
    ],
)
def test_a_duration_is_seconds_or_has_a_unit(text: object, seconds: float) -> None:
    """`20` and `20s` are the same."""
    assert Duration().convert(text, None, None) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "-1", "3 weeks", "1e3", "٣s", True])
def test_what_is_no_duration_is_refused(text: object) -> None:
    """The message shows how one is written."""
    with pytest.raises(click.BadParameter, match="write seconds, or 30s"):
        Duration().convert(text, None, None)
