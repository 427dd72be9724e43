"""Where what is wrong ends, and which lines may be shown of it."""

from pathlib import Path

import pytest

from batch_onboard.manifest.load import load_manifest
from batch_onboard.manifest.problems import ManifestError, Problem

from .writing import HEAD, write

KEY_ID = "AKIA" + "Z" * 16


def found(path: Path) -> list[Problem]:
    """Return what is wrong with a manifest."""
    with pytest.raises(ManifestError) as caught:
        load_manifest(path)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("instance", "wrong"),
    [
        ("{id: a, api: v3}", "v3"),
        ('{id: a, api: "v 3"}', '"v 3"'),
        ("{id: a, api: 'it''s'}", "'it''s'"),
        ("{id: a, api: [v1, v2]}", "["),
        ("{id: a, api: &x v3}", "&x v3"),
        ("{id: a, apy: v1}", "apy"),
        ("{id: a, accept_drift: }", "}"),
        ("[a]", "["),
        ("a, b", "a, b"),
    ],
)
def test_what_is_wrong_is_a_whole_token(tmp_path: Path, instance: str, wrong: str) -> None:
    """Quotes and anchors belong to it; of a list or a mapping it is the bracket."""
    (problem,) = found(write(tmp_path, f"{HEAD}instances:\n  - {instance}\n"))
    assert problem.source is not None
    assert problem.source[problem.column - 1 : problem.end - 1] == wrong


def test_what_goes_on_in_the_next_line_ends_with_its_own(tmp_path: Path) -> None:
    """An end is always a column of the line that is shown."""
    (problem,) = found(write(tmp_path, f'{HEAD}instances:\n  - {{id: "a\n      b"}}\n'))
    assert (problem.column, problem.end, problem.source) == (10, 12, '  - {id: "a')


def test_each_kind_of_source_has_tokens(tmp_path: Path) -> None:
    """Cells of CSV and tokens of JSON are marked like those of YAML."""
    (tmp_path / "a.csv").write_text('id,api\r\na,"v 3"\r\n')
    (tmp_path / "b.jsonl").write_text('{"id": "b", "api": "v 3"}\n')
    problems = found(write(tmp_path, f"{HEAD}sources: [a.csv, b.jsonl]\n"))
    shown = [problem.source or "" for problem in problems]
    assert shown == ['a,"v 3"', '{"id": "b", "api": "v 3"}']
    for problem, line in zip(problems, shown, strict=True):
        assert line[problem.column - 1 : problem.end - 1] == '"v 3"'


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}instances:\n  - {{id: a, api: v3}}\n  - {KEY_ID}\n",
        f"{HEAD}instances:\n  - {{id: a, api: v3, external_id: half-a-secret}}\n",
        f"{HEAD}instances:\n  - {KEY_ID} \x07\n",
    ],
)
def test_lines_near_a_secret_are_not_shown(tmp_path: Path, text: str) -> None:
    """Not in a file that holds one, not beside half of one, and not if reading ended before."""
    assert [problem.source for problem in found(write(tmp_path, text)) if problem.source] == []


def test_an_empty_cell_has_a_width(tmp_path: Path) -> None:
    """So that carets show where it is."""
    (tmp_path / "a.csv").write_text("id,,api\n")
    (problem,) = found(write(tmp_path, f"{HEAD}sources: [a.csv]\n"))
    assert (problem.column, problem.end) == (4, 5)


def test_what_is_not_of_a_text_has_no_line(tmp_path: Path) -> None:
    """A file that is not there, and one that is empty, have nothing to show."""
    (missing,) = found(tmp_path / "none.yaml")
    (empty,) = found(write(tmp_path, ""))
    assert [(each.source, each.end) for each in (missing, empty)] == [(None, 2)] * 2


def test_directives_are_not_parsed_to_mark_them(tmp_path: Path) -> None:
    """What is refused for the cost of parsing it is not parsed for its looks."""
    (problem,) = found(write(tmp_path, "%TAG ! x\n" * 3))
    assert (problem.line, problem.end, problem.source) == (1, 2, "%TAG ! x")
