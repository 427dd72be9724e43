"""How problems are told; the corpus has, for some manifests, what a terminal shows."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import termios
import unicodedata
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from batch_onboard.cli.entry import cli
from batch_onboard.cli.excerpts import excerpt
from batch_onboard.cli.problems import MOST_SHOWN, Rest, chosen, closing_line, problem_lines
from batch_onboard.cli.terminals import Terminal, terminal_of, width_of
from batch_onboard.manifest.load import load_manifest
from batch_onboard.manifest.problems import ManifestError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.manifest.problems import Severity
    from tests.cli.conftest import Shell

CORPUS = Path(__file__).parents[1] / "manifest" / "corpus"
TERMINAL = Terminal(80, "utf-8")


def problem(
    line: int, code: str = "odd", subject: str = "", severity: Severity = "error"
) -> Problem:
    """Make a problem."""
    return Problem("m.yaml", line, 1, 2, code, subject, "it is odd", severity=severity)


@pytest.mark.parametrize("name", sorted(path.stem for path in CORPUS.glob("*.shown")))
def test_a_terminal_shows_what_is_expected(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each problem has its line and carets under what is wrong, however odd the characters."""
    monkeypatch.chdir(CORPUS)
    with pytest.raises(ManifestError) as caught:
        load_manifest(Path(f"{name}.yaml"))
    shown = list(problem_lines(caught.value.problems, TERMINAL))
    assert shown == (CORPUS / f"{name}.shown").read_text().splitlines()


@pytest.mark.parametrize("name", sorted(path.stem for path in CORPUS.glob("*.shown")))
def test_a_pipe_gets_one_line_for_each(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody looks, a line is a problem, or tells how many more are like it."""
    monkeypatch.chdir(CORPUS)
    with pytest.raises(ManifestError) as caught:
        load_manifest(Path(f"{name}.yaml"))
    told = list(chosen(caught.value.problems))
    assert len(list(problem_lines(caught.value.problems, None))) == len(told)


def test_the_same_mistake_is_told_three_times_and_counted() -> None:
    """A mistake of thousands of lines does not hide the others."""
    many = [problem(line) for line in range(10, 5000)]
    other = problem(20, "other")
    *few, rest, last = chosen(sorted([*many, other], key=lambda each: each.line))
    assert (few, last) == (many[:3], other)
    assert rest == Rest(4987, "m.yaml: ... and 4,987 more like it, lines 13-4999")


def test_mistakes_of_one_line_are_counted_for_it() -> None:
    """A manifest of a single line has them all there."""
    *_, rest = chosen([problem(7) for _ in range(9)])
    assert rest == Rest(6, "m.yaml: ... and 6 more like it, line 7")


def test_a_few_alike_are_all_told() -> None:
    """Counting starts where it saves reading."""
    few = [problem(line) for line in range(5)]
    assert list(chosen(few)) == few


def test_errors_and_warnings_are_counted_apart() -> None:
    """What must be mended is never among what may be a mistake."""
    mixed = [problem(n, severity="warning" if n % 2 else "error") for n in range(16)]
    assert [rest.number for rest in chosen(mixed) if isinstance(rest, Rest)] == [5, 5]


def test_very_many_kinds_are_cut_off() -> None:
    """Nobody reads on; the last line says how many there are, and how to see them."""
    many = [problem(line, subject=str(line // 9)) for line in range(9000)]
    *told, last = chosen(many)
    assert sum(isinstance(each, Problem) for each in told) == MOST_SHOWN
    assert isinstance(last, Rest)
    assert MOST_SHOWN + sum(each.number for each in [*told, last] if isinstance(each, Rest)) == 9000
    assert "--output json" in last.sentence


@pytest.mark.parametrize(
    ("severities", "said"),
    [
        (["error"], "m.yaml: 1 problem to mend"),
        (["error", "error", "warning"], "m.yaml: 2 problems to mend, and 1 warning"),
    ],
)
def test_the_closing_line_counts(severities: list[Severity], said: str) -> None:
    """The last line says how much there is to do."""
    assert closing_line("m.yaml", [problem(1, severity=each) for each in severities]) == said


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1, max_size=300),
    st.data(),
    st.integers(20, 200),
    st.sampled_from(["utf-8", "ascii", "latin-1"]),
)
def test_carets_stand_under_what_is_wrong(
    source: str, data: st.DataObject, width: int, encoding: str
) -> None:
    """Both lines fit a terminal of any width, in characters that it has, and move nothing in it."""
    column = data.draw(st.integers(1, len(source)))
    end = data.draw(st.integers(column + 1, len(source) + 1))
    shown, carets = excerpt(source, 7, column, end, terminal=Terminal(width, encoding))
    assert not {unicodedata.category(letter) for letter in shown} & {"Cc", "Cf", "Zl", "Zp"}
    shown.encode(encoding)
    assert cell_len(shown) <= max(width, 24)
    assert len(carets) <= cell_len(shown) + 1
    assert carets.lstrip(" |").strip("^") == ""


@given(st.text("ab {}:,", max_size=60), st.text("wrong", min_size=1, max_size=9), st.text("cd"))
def test_carets_of_a_plain_line_are_as_long_as_the_word(before: str, word: str, after: str) -> None:
    """A word of a line that fits is marked as a whole, and nothing else."""
    column = len(before) + 1
    shown, carets = excerpt(
        before + word + after, 1, column, column + len(word), terminal=Terminal(200, "utf-8")
    )
    start = carets.index("^")
    assert shown[start : start + carets.count("^")] == word


@pytest.fixture
def terminal() -> Iterator[TextIO]:
    """A terminal of 33 columns."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 9, 33, 0, 0))
    with os.fdopen(slave, "w") as stream, os.fdopen(master):
        yield stream


@pytest.mark.parametrize(("columns", "width"), [("", 33), ("77", 77), ("3", 20), ("wide", 33)])
def test_a_terminal_is_as_wide_as_it_is(
    terminal: TextIO, monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    """`COLUMNS` goes first, as with other commands; nothing is narrower than a message can be."""
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal_of(terminal) == Terminal(width, terminal.encoding)


def test_a_file_is_no_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text for files is neither cut nor drawn."""
    monkeypatch.delenv("COLUMNS", raising=False)
    with (tmp_path / "out").open("w") as file:
        assert (terminal_of(file), width_of(file)) == (None, 80)


def test_the_commands_say_the_same(tmp_path: Path) -> None:
    """`validate`, `policy`, `run` and `discover` tell what is wrong in the same words, and end with 2."""
    path = tmp_path / "m.yaml"
    path.write_text("version: 1\ninstances: [" + "a, " * 9 + "]\n")
    said = []
    for arguments in (
        ["validate", str(path)],
        ["policy", str(path)],
        ["run", str(path), "--simulate", "--log-format", "console"],
        [*("discover", "--simulate", "--against", str(path)), "-o", "-", "--log-format", "console"],
    ):
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 2
        said.append(result.stderr)
    assert said == [said[0]] * 4
    assert said[0].splitlines()[3:] == [
        f"{path}: ... and 6 more like it, line 2",
        f"{path}: 9 problems to mend",
    ]


def test_a_good_manifest_tells_programs_what_it_holds(tmp_path: Path) -> None:
    """`validate --output json` counts what people read, and names what was read by its digest."""
    path = tmp_path / "m.yaml"
    path.write_text(
        "version: 1\ndefaults: {region: zz-nowhere-1, encryption: {enabled: false}}\n"
        'instances: [{account_id: "111122223333", id: a}]\n'
    )
    told = json.loads(CliRunner().invoke(cli, ["validate", str(path), "--output", "json"]).stdout)
    (warning,) = told.pop("problems")
    assert (warning["severity"], warning["code"]) == ("warning", "region-without-service")
    assert told == {
        "valid": True,
        "name": "m",
        "targets": 1,
        "accounts": 1,
        "regions": 1,
        "digest": sha256(path.read_bytes()).hexdigest(),
        "sources": {},
    }


def test_validate_tells_programs_what_is_wrong(shell: Shell) -> None:
    """Each problem has its place, its code, what is wrong and how to mend it."""
    shell.write("m.yaml", "version: 1\nnmae: x\ninstances: [a]\n")
    ended = shell.run("validate", "m.yaml", "--output", "json")
    assert ended.code == 2
    assert ended.json["valid"] is False
    assert ended.json["problems"][0] == {
        "file": "m.yaml",
        "line": 2,
        "column": 1,
        "end": 5,
        "severity": "error",
        "code": "unknown-key",
        "subject": "nmae",
        "message": "unknown key nmae",
        "hint": "did you mean name?",
        "repeats": 0,
    }


def test_run_tells_the_same(shell: Shell) -> None:
    """A wrapper of `run` that asks for JSON need not call `validate`, and its log has it too."""
    shell.write("m.yaml", "version: 1\ninstances: [" + "a, " * 9 + "]\n")
    ended = shell.run("run", "m.yaml", "--simulate", "--output", "json")
    assert ended.code == 2
    assert ended.json["exit_code"] == 2
    assert len(ended.json["problems"]) == 9
    assert ended.err.count('"event": "manifest"') == 5
    assert "m.yaml: 9 problems to mend" in ended.err
