"""The examples in `configs/cron` work as they stand."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from batch_onboard.cli.run import run
from batch_onboard.exits import Exit
from tests.cli.conftest import Shell, Simulated, instance, manifest
from tests.cli.test_run import FAST

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIGS = Path(__file__).parents[2] / "configs"
CRON = CONFIGS / "cron"
INSTALLED = Path(sys.executable).with_name("batch-onboard")


class CloudFormation(yaml.SafeLoader):
    """Reads a template; what a function such as `!Ref` would give stays a text."""


def _as_text(_loader: CloudFormation, _suffix: str, node: yaml.Node) -> str:
    return str(node.value)


yaml.add_multi_constructor("!", _as_text, CloudFormation)


def kubernetes() -> dict[str, Any]:
    """The pod of the CronJob."""
    _, job = yaml.safe_load_all((CRON / "kubernetes.yaml").read_text())
    assert (job["kind"], job["spec"]["concurrencyPolicy"]) == ("CronJob", "Forbid")
    pod: dict[str, Any] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return pod


def ecs() -> dict[str, Any]:
    """The container of the task."""
    template = yaml.load((CRON / "ecs.yaml").read_text(), CloudFormation)  # noqa: S506 - a safe one
    container: dict[str, Any] = template["Resources"]["Task"]["Properties"]["ContainerDefinitions"][
        0
    ]
    return container


def service() -> configparser.SectionProxy:
    """The section of the systemd unit that says what runs."""
    unit = configparser.RawConfigParser(strict=False)
    unit.read(CRON / "batch-onboard.service")
    return unit["Service"]


def crontab() -> tuple[list[str], str]:
    """The five fields and the command of the crontab's only entry."""
    lines = (CRON / "crontab").read_text().splitlines()
    (entry,) = [line for line in lines if line and line[0].isdigit()]
    *fields, command = entry.split(maxsplit=5)
    return fields, command


COMMANDS: dict[str, Callable[[], list[str]]] = {
    "kubernetes": lambda: (
        kubernetes()["containers"][0]["command"] + kubernetes()["containers"][0]["args"]
    ),
    "ecs": lambda: ecs()["Command"],
    "systemd": lambda: shlex.split(service()["ExecStart"]),
    "crontab": lambda: shlex.split(crontab()[1].partition("&& ")[2]),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_lines_are_ones_that_the_command_takes(name: str) -> None:
    """They parse, name a settings file that parses, and ask nobody."""
    program, command, *arguments = COMMANDS[name]()
    assert (Path(program).name, command) == ("batch-onboard", "run")
    known = str(CONFIGS / "run.yaml")
    arguments = [
        known if each.endswith("run.yaml") and each[0] != "-" else each for each in arguments
    ]
    arguments = [
        f"--config={known}" if each.startswith("--config=") else each for each in arguments
    ]
    options = run.make_context(
        "run",
        arguments,
        # As the real command has it; click keeps the first help option that it makes.
        help_option_names=["-h", "--help"],
    ).params
    assert options["yes"] is True
    assert options["manifest"].name == "emea.yaml"
    assert options["ledger"] is None or options["ledger"].is_absolute()


def test_whoever_stops_a_run_waits_longer_than_it_drains() -> None:
    """Else the last answers would be lost, and had to be read again."""
    drain = next(option for option in run.params if option.name == "drain_timeout").default
    assert drain == "20s"
    assert kubernetes()["terminationGracePeriodSeconds"] > 20
    assert ecs()["StopTimeout"] > 20
    assert service()["TimeoutStopSec"] == "60s"


@pytest.mark.parametrize("path", sorted(CRON.iterdir()), ids=lambda path: path.name)
def test_each_example_says_what_the_exit_codes_mean_there(path: Path) -> None:
    """Those that are no failure, and that all others are."""
    if path.suffix == ".timer":
        return
    text = path.read_text()
    assert all(code in text for code in ("10", "11", "143"))
    assert "person" in text


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="NOT TESTED HERE: systemd-analyze is missing"
)
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """Each key is one that it knows, and the timer finds its service."""
    for path in (CRON / "batch-onboard.service", CRON / "batch-onboard.timer"):
        text = path.read_text().replace("/opt/batch-onboard/bin/batch-onboard", str(INSTALLED))
        (tmp_path / path.name).write_text(text)
    units = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_crontabs_line_works_as_cron_runs_it(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """By sh, with an empty environment; on success it prints nothing, so that cron sends no mail."""
    simulator = simulate(FAST)
    fields, command = crontab()
    assert len(fields) == 5
    assert "%" not in command
    shell.write("emea.yaml", manifest(instance("a")))
    (shell.folder / "run.yaml").write_text((CONFIGS / "run.yaml").read_text())
    command = command.replace("/srv/onboarding", str(shell.folder))
    command = command.replace("/opt/batch-onboard/bin/batch-onboard", str(INSTALLED))
    for _ in range(2):
        done = subprocess.run(
            ["sh", "-c", command],
            cwd="/",
            env={**simulator.settings, "SHELL": "/bin/sh", "LOGNAME": "nobody"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (Exit.OK, "", "")
    assert (shell.folder / "emea.ledger.jsonl").exists()
