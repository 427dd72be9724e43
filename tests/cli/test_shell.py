"""What a shell and a terminal are given: completion, help of any width, one line for a mistake."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from batch_onboard.cli.completion import PROGRAM, VARIABLE
from batch_onboard.cli.entry import cli
from batch_onboard.cli.examples import EXAMPLES
from batch_onboard.cli.framework import Context
from batch_onboard.cli.shells import SHELLS
from batch_onboard.cli.usage import usage_line

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

COMMANDS = [name for name in EXAMPLES if name != "completion"]


def help_of(command: str, width: int) -> list[str]:
    """Return the lines of a command's help at a width."""
    arguments = [*command.split(), "--help"]
    return CliRunner().invoke(cli, arguments, terminal_width=width).stdout.splitlines()


def completed(*words: str) -> list[str]:
    """Return what the last word may become."""
    *before, incomplete = words
    completion = SHELLS["zsh"](cli, {}, PROGRAM, VARIABLE)
    return [item.value for item in completion.get_completions(before, incomplete)]


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("command", EXAMPLES)
def test_help_fits_and_breaks_nothing(command: str, width: int) -> None:
    """No line is wider than the terminal, but for words and examples that are; none is broken."""
    lines = help_of(command, width)
    for line in lines[: lines.index("Examples:")]:
        assert len(line) <= width or len(line.split()[-1]) > width // 3, line
    words = set(" ".join(lines).split())
    assert words == set(" ".join(help_of(command, 1000)).split())


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_can_be_typed(command: str) -> None:
    """Each names options that are there, with values that they take."""
    for example in EXAMPLES[command]:
        words = shlex.split(re.split(r" [|>] ", example)[0])
        assert words.pop(0) == PROGRAM
        parsed: click.Command = cli
        context = Context(cli)
        while isinstance(parsed, click.Group):
            name, found, words = parsed.resolve_command(context, words)
            assert found is not None
            parsed, context = found, Context(found, info_name=name, parent=context)
        parsed.make_parser(context).parse_args(words)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("rnu", "no command 'rnu'; did you mean run? (see cli --help)"),
        ("ledger", "name one of verify, salvage, compact, merge, unlock (see cli ledger --help)"),
        ("ledger verfy x", "no command 'verfy'; did you mean verify? (see cli ledger --help)"),
        ("run", "MANIFEST is missing (see cli run --help)"),
        ("ledger salvage x", "-o is missing (see cli ledger salvage --help)"),
        ("run m --concurency 3", "no option --concurency; did you mean --concurrency? (see"),
        ("run m --rate x", "--rate: 'x' is not a number above 0 (see cli run --help)"),
        ("completion csh", "SHELL: 'csh' is not one of 'bash', 'zsh', 'fish'"),
        ("schema a", "got unexpected extra argument (a) (see cli schema --help)"),
    ],
)
def test_a_mistake_is_told_in_one_line(arguments: str, said: str) -> None:
    """What was wrong, the nearest right word, and where help is."""
    with pytest.raises(click.UsageError) as caught:
        cli.main(arguments.split(), "cli", standalone_mode=False)
    assert usage_line(caught.value).startswith(said)


def test_a_mistake_in_a_variable_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who set it months ago didn't type the option."""
    monkeypatch.setenv("BATCH_ONBOARD_RATE", "x")
    with pytest.raises(click.UsageError) as caught:
        cli.main(["run", "m"], standalone_mode=False)
    assert usage_line(caught.value).startswith("BATCH_ONBOARD_RATE: 'x' is not")


def test_an_error_of_no_command_has_no_help() -> None:
    """Not all that click raises knows where it was."""
    assert usage_line(click.UsageError("Odd.")) == "odd"
    assert usage_line(click.NoSuchOption("--x")) == "no option --x"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ru"], {"run"}),
        (["ledger", ""], {"verify", "salvage", "compact", "merge", "unlock"}),
        (["run", "--progress-"], {"--progress-every"}),
        (["run", "--progress", ""], {"auto", "bar", "plain", "json", "none"}),
        (["run", "--include", "st"], {"state="}),
        (["run", "--include", "state=su"], {"state=submitting", "state=succeeded"}),
        (["run", "--include", "api="], {"api=v1", "api=v2"}),
        (["report", "x", "--format", "j"], {"json", "jsonl"}),
        (["run", "--progress=p"], {"--progress=plain"}),
        (
            ["run", "--include=state=su"],
            {"--include=state=submitting", "--include=state=succeeded"},
        ),
        (["--ver"], {"--version"}),
    ],
)
def test_words_are_completed(words: list[str], offered: set[str]) -> None:
    """Commands, options, values, and what selectors select."""
    assert set(completed(*words)) == offered


def test_files_are_left_to_the_shell() -> None:
    """Where a file is wanted, the shell completes its name."""
    completion = SHELLS["zsh"](cli, {}, PROGRAM, VARIABLE)
    for args, incomplete in ((["run"], "em"), (["run", "m"], "--ledger=em")):
        (item,) = completion.get_completions(args, incomplete)
        assert item.type == "file"


@pytest.mark.parametrize("name", ["zsh", "fish"])
def test_the_scripts_call_this_command(name: str) -> None:
    """Each defines a completion of `batch-onboard` and asks it by its variable."""
    script = CliRunner().invoke(cli, ["completion", name]).stdout
    assert VARIABLE in script
    assert PROGRAM in script


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("stat", "status"),
        ("run m --include st", "state="),
        ("run m --include state=su", "submitting succeeded"),
        ("run m --include=state=su", "submitting succeeded"),
        ("run m --include api=", "v1 v2"),
        ("run m --progress=pl", "plain"),
        ("run m --progress b", "bar"),
        ("run m --include region=eu-* --exclude state=unr", "unresolved"),
        ("run 'a manifest' --progress b", "bar"),
    ],
)
def test_bash_completes(shell: Shell, typed: str, offered: str) -> None:
    """The script does in a real bash what it is for, though bash breaks words at `=`."""
    source = shell.run("completion", "bash").out
    shell.write("complete.bash", source)
    (shell.folder / PROGRAM).symlink_to(f"{sys.prefix}/bin/{PROGRAM}")
    program = (
        "compopt() { :; }; source complete.bash; COMP_LINE=$1; COMP_POINT=${#1}; "
        '_batch_onboard_completion batch-onboard; echo "${COMPREPLY[@]}"'
    )
    path = f"{shell.folder}:{shell.environment['PATH']}"
    ended = subprocess.run(
        ["bash", "--norc", "-c", program, "bash", f"{PROGRAM} {typed}"],
        cwd=shell.folder,
        env=shell.environment | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (ended.stdout, ended.stderr) == (f"{offered}\n", "")
