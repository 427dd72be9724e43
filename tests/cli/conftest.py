"""The real command in real processes, against a simulator in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COMMAND = [sys.executable, "-m", "batch_onboard"]
# What a process needs of this one's environment, and nothing of its AWS settings.
_KEPT = ("PATH", "HOME", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "PYTHONPATH")


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
    """Starts the command in a folder, with an environment of its own."""

    folder: Path
    environment: dict[str, str] = field(
        default_factory=lambda: {k: os.environ[k] for k in _KEPT if k in os.environ}
    )

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start the command and return its process."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> Ended:
        """Run the command to its end."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=120)
        return Ended(process.returncode, out, err)

    def write(self, name: str, text: str) -> str:
        """Write a file and return its name."""
        (self.folder / name).write_text(text)
        return name


@dataclass
class Simulated:
    """A simulator in a process of its own."""

    process: subprocess.Popen[str]
    settings: dict[str, str]

    def seen(self) -> Any:
        """Return what it saw."""
        url = self.settings["AWS_ENDPOINT_URL"] + "/_simulator/seen"
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - it is of loopback
            return json.load(answer)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in an empty folder, without AWS settings."""
    empty = tmp_path / "no-aws-config"
    empty.write_text("")
    made = Shell(tmp_path)
    made.environment |= {
        "AWS_CONFIG_FILE": str(empty),
        "AWS_SHARED_CREDENTIALS_FILE": str(empty),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return made


@pytest.fixture
def simulate(shell: Shell) -> Iterator[Callable[[str], Simulated]]:
    """A function that starts a simulator and makes the shell's commands speak to it."""
    processes = []

    def start(scenario: str) -> Simulated:
        process = shell.start("simulate", "--scenario", shell.write("scenario.yaml", scenario))
        processes.append(process)
        settings = {}
        while "AWS_SECRET_ACCESS_KEY" not in settings:
            line = (process.stdout or pytest.fail("no output")).readline()
            assert line, (process.stderr or pytest.fail("no output")).read()
            name, _, value = line.strip().removeprefix("export ").partition("=")
            settings[name] = value
        shell.environment |= settings
        return Simulated(process, settings)

    yield start
    for process in processes:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


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
