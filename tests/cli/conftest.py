"""The real command in real processes, against a simulator."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.serving import served
from tests.cli.warm import run_warm
from tests.measured import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

COMMAND = [sys.executable, "-m", "batch_onboard"]
# What a process needs of this one's environment, and nothing of its AWS settings.
_KEPT = ("PATH", "HOME", *VARIABLES, "PYTHONPATH")
# What the loader and Python read as they begin, and a process that is forked does not.
_READ_EARLY = ("LD_", "DYLD_", "PYTHON", "LC_", "LANG")


@dataclass
class Ended:
    """A process that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What stdout says, as JSON."""
        return json.loads(self.out)


@dataclass
class Shell:
    """Starts the command in a folder, with an environment of its own.

    Attributes:
        started: the processes that it has started, ended or not.
    """

    folder: Path
    environment: dict[str, str] = field(
        default_factory=lambda: {k: os.environ[k] for k in _KEPT if k in os.environ}
    )
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(
        self, *arguments: str, within: Sequence[str] = (), **environment: str
    ) -> subprocess.Popen[str]:
        """Start the command, if asked for by another one, and return its process."""
        process = subprocess.Popen(
            [*within, *COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def end_all(self) -> None:
        """Kill what still runs, and close its pipes: else a test that fails spoils others."""
        for process in self.started:
            with process:
                process.kill()

    def run(self, *arguments: str, **environment: str) -> Ended:
        """Run the command to its end: in a process that has imported it, if that can't matter."""
        given = self.environment | environment
        for name in given:
            if name.startswith(_READ_EARLY) and given[name] != os.environ.get(name):
                return self.run_afresh(*arguments, **environment)
        return Ended(*run_warm(arguments, self.folder, given))

    def run_afresh(self, *arguments: str, **environment: str) -> Ended:
        """Run the command to its end, in a process that begins as one of a user does."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=120)
        return Ended(process.returncode, out, err)

    @contextmanager
    def simulator(self, scenario: str) -> Iterator[Simulated]:
        """Run `simulate` with a file of this folder, and make commands speak to it."""
        with self.start("simulate", "--scenario", scenario) as process:
            settings = {}
            while "AWS_SECRET_ACCESS_KEY" not in settings:
                line = (process.stdout or pytest.fail("no output")).readline()
                assert line, (process.stderr or pytest.fail("no output")).read()
                name, _, value = line.strip().removeprefix("export ").partition("=")
                settings[name] = value
            self.environment |= settings
            try:
                yield Simulated(settings)
            finally:
                process.send_signal(signal.SIGTERM)
                _, err = process.communicate(timeout=20)
                assert process.returncode == 0, err

    def write(self, name: str, text: str) -> str:
        """Write a file and return its name."""
        (self.folder / name).write_text(text)
        return name


@dataclass
class Simulated:
    """A simulator, and the settings that lead commands to it."""

    settings: dict[str, str]

    def seen(self) -> Any:
        """Return what it saw."""
        url = self.settings["AWS_ENDPOINT_URL"] + "/_simulator/seen"
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - it is of loopback
            return json.load(answer)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell in an empty folder, without AWS settings, whose processes end with the test."""
    empty = tmp_path / "no-aws-config"
    empty.write_text("")
    made = Shell(tmp_path)
    made.environment |= {
        "AWS_CONFIG_FILE": str(empty),
        "AWS_SHARED_CREDENTIALS_FILE": str(empty),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    yield made
    made.end_all()


@pytest.fixture
def simulate(shell: Shell) -> Iterator[Callable[[str], Simulated]]:
    """A function that serves a scenario and makes the shell's commands speak to it."""
    with ExitStack() as stack:

        def start(scenario: str) -> Simulated:
            path = shell.folder / shell.write("scenario.yaml", scenario)
            settings = stack.enter_context(served(path))
            shell.environment |= settings
            return Simulated(settings)

        yield start


def manifest(*instances: str, name: str = "wave") -> str:
    """Make the text of a manifest from lines for its instances."""
    lines = "\n".join(f"  - {instance}" for instance in instances)
    return (
        f"version: 1\nname: {name}\ndefaults:\n  region: eu-west-2\n"
        "  role_arn: arn:aws:iam::{account_id}:role/Onboarder\n"
        "  encryption: {enabled: true, key_arn: 'arn:aws:kms:{region}:{account_id}:key/aaaa'}\n"
        f"instances:\n{lines}\n"
    )


def instance(name: str, account: str = "111111111111", **keys: str) -> str:
    """Make the line of one instance."""
    more = "".join(f", {key}: {value}" for key, value in keys.items())
    return f'{{account_id: "{account}", id: {name}{more}}}'
