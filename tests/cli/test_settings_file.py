"""What is wrong in the file that --config names is told like what is wrong in a manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from batch_onboard.cli.entry import cli

if TYPE_CHECKING:
    from pathlib import Path


def said_of(path: Path) -> list[str]:
    """Return what is said of a settings file, without its folder."""
    result = CliRunner().invoke(cli, ["run", "none.yaml", "--config", str(path)])
    assert result.exit_code == 2
    return [line.removeprefix(f"{path.parent}/") for line in result.stderr.splitlines()]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("concurency: 3", "1:1: unknown setting 'concurency'; did you mean concurrency?"),
        ("max_fail: 3", "1:1: unknown setting 'max_fail'; did you mean max-failures?"),
        ("zzz: 3", "1:1: unknown setting 'zzz'; known are ledger, simulate, "),
        ("yes: true", "1:1: 'yes' is a flag only; give it on the command line"),
        ("[1, 2]", "1:1: the settings must be a mapping"),
        ("concurrency: [1, 2]", "1:14: concurrency must be one value, not empty"),
        ("wave: {a: 1}", "1:7: wave must be one value or a list of values, not empty"),
        ("wave: [1, 0]", "1:11: wave: 0 is not in the range x>=1"),
        ("rate:", "1:6: rate must be one value, not empty"),
        ("allowed-roles: [a, [b]]", "1:16: allowed-roles must be one value or a list"),
        ("rate: 1\nrate: 2", "2:1: rate is already given in line 1"),
        ("min-sample: 1\nmin_sample: 2", "2:1: min_sample is given twice"),
        ("allowed-roles: a\nallowed_roles: b", "2:1: allowed_roles is given twice"),
        ("a: [", "2:1: this is not YAML"),
        ("rate: !x 1", "1:7: tags are not allowed"),
    ],
)
def test_a_wrong_setting_is_told_where_it_stands(tmp_path: Path, text: str, said: str) -> None:
    """The file, the line and the column come first, then how to mend it, then the count."""
    path = tmp_path / "run.yaml"
    path.write_text(f"{text}\n")
    first, *_, last = said_of(path)
    assert first.startswith(f"run.yaml:{said}")
    assert "to mend" in last


def test_all_wrong_settings_are_told_at_once(tmp_path: Path) -> None:
    """Nobody mends a file one line a try."""
    path = tmp_path / "run.yaml"
    path.write_text("rate: fast\ntimeout: soon\nprogress: loud\ninclude: [regoin=x]\n")
    *found, last = said_of(path)
    assert [line.split(": ")[0] for line in found] == [
        *("run.yaml:1:7", "run.yaml:2:10", "run.yaml:3:11", "run.yaml:4:11")
    ]
    assert last == "run.yaml: 4 problems to mend"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A mistyped path is no empty file."""
    (said, _) = said_of(tmp_path / "nowhere.yaml")
    assert said.startswith("nowhere.yaml:1:1: the settings can't be used: it can't be read")


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "change-ref: True\nwave: 2\n", "wave: [1, 2]\n"]
)
def test_a_right_file_is_taken(tmp_path: Path, text: str) -> None:
    """What is wrong then is the manifest, which is read next."""
    path = tmp_path / "run.yaml"
    path.write_text(text)
    assert '"event": "manifest"' in said_of(path)[0]
