"""Settings files and variables: what they may set, and which of them wins."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from batch_onboard.cli.arguments import allowance_of
from batch_onboard.cli.discover import discover
from batch_onboard.cli.framework import Option
from batch_onboard.cli.run import run
from batch_onboard.cli.settings_file import WrongSettingsError
from batch_onboard.core.allowance import Allowance
from batch_onboard.core.s3place import S3Place

CONFIGS = Path(__file__).parents[2] / "configs"
COMMANDS: dict[str, tuple[click.Command, tuple[str, ...]]] = {
    "run": (run, ("wave.yaml",)),
    "discover": (discover, ("--out", "found.yaml")),
}


def parse(command: str, *arguments: str) -> click.Context:
    """What a command understands of its command line."""
    parser, needed = COMMANDS[command]
    # As the real command has it; click keeps the first help option that it makes.
    names = ["-h", "--help"]
    return parser.make_context(command, [*arguments, *needed], help_option_names=names)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_documented_settings_files_have_the_defaults(command: str) -> None:
    """Naming the sample with --config changes nothing."""
    sample = str(CONFIGS / f"{command}.yaml")
    assert parse(command, "--config", sample).params == parse(command).params


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_sample_leaves_out_can_be_taken_in(command: str, tmp_path: Path) -> None:
    """Each commented setting is one that the command takes, and none is forgotten."""
    text = (CONFIGS / f"{command}.yaml").read_text()
    path = tmp_path / "all.yaml"
    path.write_text(re.sub(r"^# (?=[a-z-]+: )", "", text, flags=re.MULTILINE))
    context = parse(command, "--config", str(path))
    assert allowance_of(context) != Allowance()
    options = [each for each in context.command.params if isinstance(each, Option)]
    settable = {each.name for each in options if each.settable}
    assert set(context.default_map or {}) == settable - {"simulate", "scenario"}


def test_a_flag_wins_over_a_variable_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For discover as for run, with the same names."""
    path = tmp_path / "discover.yaml"
    path.write_text("concurrency: 1\ntimeout: 1s\nou: [r-file1]\nregion: eu-west-2\n")
    monkeypatch.setenv("BATCH_ONBOARD_CONCURRENCY", "2")
    monkeypatch.setenv("BATCH_ONBOARD_TIMEOUT", "2s")
    monkeypatch.setenv("BATCH_ONBOARD_TAG", "stage=prod team=voice")
    told = parse("discover", "--config", str(path), "--concurrency", "3").params
    assert (told["concurrency"], told["timeout"]) == (3, 2.0)
    assert (told["ou"], told["region"]) == (("r-file1",), ("eu-west-2",))
    assert told["tag"] == (("stage", "prod"), ("team", "voice"))


def test_paths_start_from_the_files_folder_and_stdout_stays_stdout(tmp_path: Path) -> None:
    """`-` is no file of that folder."""
    path = tmp_path / "discover.yaml"
    path.write_text("out: '-'\ndefaults: defaults.yaml\n")
    context = discover.make_context("discover", ["--config", str(path)])
    assert context.params["out"] == Path("-")
    assert context.params["defaults"] == tmp_path / "defaults.yaml"


def test_a_ledger_in_s3_is_a_place_wherever_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a file it does not start from the file's folder; a file's path does."""
    path = tmp_path / "run.yaml"
    for named, place in (
        ("s3://waves/emea", S3Place("waves", "emea")),
        ("emea.jsonl", tmp_path / "emea.jsonl"),
    ):
        path.write_text(f"ledger: {named}\n")
        assert parse("run", "--config", str(path)).params["ledger"] == place
    monkeypatch.setenv("BATCH_ONBOARD_LEDGER", "s3://waves/apac")
    assert parse("run").params["ledger"] == S3Place("waves", "apac")
    with pytest.raises(click.BadParameter, match="names the whole bucket"):
        parse("run", "--ledger", "s3://waves")
    manifest = COMMANDS["run"][0].make_context("run", ["s3://waves/m.yaml"]).params["manifest"]
    assert manifest == S3Place("waves", "m.yaml")


def test_overwriting_is_asked_for_by_flag_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--force has no variable and no key in a file."""
    monkeypatch.setenv("BATCH_ONBOARD_FORCE", "1")
    assert parse("discover").params["force"] is False
    path = tmp_path / "discover.yaml"
    path.write_text("force: true\n")
    with pytest.raises(WrongSettingsError, match="'force' is a flag only"):
        parse("discover", "--config", str(path))
