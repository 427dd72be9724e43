from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import click
import pytest

from batch_onboard.cli.entry import cli
from batch_onboard.cli.framework import Duration, Option
from batch_onboard.cli.run import run
from batch_onboard.exits import MEANINGS, Exit

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

HEAVY = {
    "aioboto3",
    "aiobotocore",
    "boto3",
    "botocore",
    "aiohttp",
    "anyio",
    "pydantic",
    "structlog",
    "rich",
    "yaml",
    "msgspec",
}


@pytest.mark.parametrize(
    "arguments",
    [["--help"], [], ["run", "--help"], ["plan", "--help"], ["discover", "--help"], ["nope"]],
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """Help must answer at once, so what it does not need is not imported."""
    program = (
        "import sys\n"
        f"sys.argv = ['batch-onboard', *{arguments!r}]\n"
        "from batch_onboard.cli.entry import main\n"
        "try: main()\n"
        f"finally: print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.stderr.splitlines()[-1] == "[]"


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
