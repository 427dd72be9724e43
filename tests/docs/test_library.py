"""Who embeds the tool finds what docs/library.md says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import batch_onboard
from batch_onboard import library
from tests.cli.serving import served
from tests.docs.reference import BEGIN, END, PAGE, reference
from tests.docs.terminal import environment
from tests.docs.test_commands import SCENE

if TYPE_CHECKING:
    from pathlib import Path


def test_the_programs_of_the_page_do_what_they_say(tmp_path: Path) -> None:
    """A run, a watched one that finds all done, a plan, and a reading of the ledger, as shown."""
    shutil.copytree(SCENE, tmp_path, dirs_exist_ok=True)
    programs = re.findall(r"```python\n(.+?)```", PAGE.read_text(), re.DOTALL)
    printed = []
    with served(SCENE / "scenario.yaml") as settings:
        for program in programs:
            ended = subprocess.run(
                [sys.executable, "-c", program],
                cwd=tmp_path,
                env=environment(tmp_path, settings),
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert (ended.returncode, ended.stderr) == (0, "")
            printed.append(ended.stdout)
    run, watched, planned, read = printed
    assert run == "finished, not all targets are done succeeded=7 drifted=1 failed=1\n"
    assert watched == "888899990000/eu-west-2/other-key drifted\n"
    assert planned == "{'done': 7, 'drifted': 1, 'blocked': 1} False\n"
    assert read.startswith("777788889999 no-key KMS_ACCESS_DENIED grant kms:DescribeKey")
    assert "account_id,region,instance_id" in read


def test_the_reference_is_that_of_the_docstrings() -> None:
    """`python -m tests.docs.reference` brings it up to date."""
    assert PAGE.read_text().partition(BEGIN)[2].partition(END)[0] == reference()


def test_every_name_can_be_had_from_the_package_and_no_other() -> None:
    """Each is what its module has; what is not offered is an error that names it."""
    for name in library.__all__:
        assert getattr(batch_onboard, name) is getattr(library, name)
        assert library.__dict__[name].__doc__
    with pytest.raises(AttributeError, match="nothing_such"):
        batch_onboard.nothing_such  # type: ignore[attr-defined]  # noqa: B018


def test_importing_the_package_costs_nothing() -> None:
    """What is heavy comes with the first name that is used."""
    heavy = "{'aioboto3', 'anyio', 'click', 'pydantic', 'yaml'} & {*sys.modules}"
    program = f"import sys, batch_onboard; assert not {heavy}; batch_onboard.Exit; assert {heavy}"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
