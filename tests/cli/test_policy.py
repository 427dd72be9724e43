"""`policy`: what it prints is what `configs/iam` holds, and what IAM and CloudFormation take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from batch_onboard.cli.entry import cli
from batch_onboard.exits import Exit
from tests.cli.conftest import instance, manifest

CONFIGS = Path(__file__).parents[2] / "configs"
KINDS = ["run", "read", "trust", "caller", "organization"]


def _policy(*arguments: str) -> Result:
    return CliRunner().invoke(
        cli,
        ["policy", *arguments],
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_samples_are_what_the_command_prints(kind: str) -> None:
    """`configs/iam` has the policies of the sample manifest, to the letter."""
    printed = _policy(str(CONFIGS / "manifest.yaml"), "--kind", kind).stdout
    assert printed == (CONFIGS / "iam" / f"{kind}.json").read_text()


@pytest.mark.parametrize("output", ["text", "json"])
def test_all_kinds_are_printed_at_once(output: str) -> None:
    """For people each has a heading; for programs they are one object."""
    printed = _policy(str(CONFIGS / "manifest.yaml"), "--output", output).stdout
    if output == "json":
        assert list(json.loads(printed)) == KINDS
    else:
        assert [line for line in printed.splitlines() if line.startswith("# ")] == [
            "# run: for the role in each account, to onboard",
            "# read: for the role in each account, only to read: plan, discover",
            "# trust: trust policy of the role; put in who calls",
            "# caller: for whoever runs this, to assume the roles",
            "# organization: for whoever runs discover --organization, besides",
        ]


def test_one_account_has_a_policy_of_its_own(tmp_path: Path) -> None:
    """With --account no other account's resources are named; one that is not there is an error."""
    path = tmp_path / "wave.yaml"
    path.write_text(manifest(instance("a"), instance("b", "222222222222")))
    printed = _policy(str(path), "--account", "222222222222").stdout
    assert "222222222222" in printed
    assert "111111111111" not in printed
    missing = _policy(str(path), "--account", "333333333333")
    assert missing.exit_code == Exit.USAGE
    assert "matches no target" in missing.stderr


def test_a_policy_that_iam_would_not_take_is_pointed_at(tmp_path: Path) -> None:
    """IAM bounds a policy's length: the message says how to get shorter ones."""
    path = tmp_path / "wave.yaml"
    path.write_text(manifest(*[instance(f"i-{n}") for n in range(100)]))
    ended = _policy(str(path), "--kind", "run")
    assert "more than the 6,144 of a managed policy" in ended.stderr
    assert json.loads(ended.stdout)["Version"] == "2012-10-17"


def test_a_broken_manifest_is_told(tmp_path: Path) -> None:
    """What is wrong with the manifest is said as by validate."""
    path = tmp_path / "wave.yaml"
    path.write_text("version: 2\n")
    ended = _policy(str(path))
    assert ended.exit_code == Exit.USAGE
    assert "wave.yaml:1:10" in ended.stderr


def test_the_stack_set_allows_what_the_policy_allows() -> None:
    """The template's statements have the actions of `policy`, one by one."""
    template: Any = yaml.safe_load((CONFIGS / "iam" / "stackset.yaml").read_text())
    role = template["Resources"]["Role"]["Properties"]
    ours = json.loads((CONFIGS / "iam" / "run.json").read_text())["Statement"]
    theirs = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert [(each["Sid"], each["Action"]) for each in theirs] == [
        (each["Sid"], each["Action"]) for each in ours
    ]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == ["sts:AssumeRole"]
