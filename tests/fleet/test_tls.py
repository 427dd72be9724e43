"""Workers that join from outside, with the certificates that the documentation makes."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from batch_onboard.exits import Exit
from tests.docs.consoles import commands
from tests.docs.terminal import REPOSITORY
from tests.fleet.conftest import DASK, spread, states
from tests.fleet.test_dask import free_port, joined

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Shell, Simulated

OWN = ("--tls-ca-file", "ca.pem", "--tls-cert", "machine.pem", "--tls-key", "machine.key")


def test_workers_with_certificates_join_and_others_do_not(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """What docs/fleet.md has typed is enough; a pair of another authority gets nobody in."""
    simulator = simulate("defaults: {job_duration: {min: 0.2, max: 0.4}}\nthrottle: {rate: null}\n")
    shell.write("wave.yaml", spread(4))
    strangers = shell.folder / "strangers"
    strangers.mkdir()
    for folder in (shell.folder, strangers):
        for shown in commands((REPOSITORY / "docs" / "fleet.md").read_text()):
            subprocess.run(shown.text, shell=True, cwd=folder, check=True, capture_output=True)  # noqa: S602 - as a reader does
    address = f"tls://127.0.0.1:{free_port()}"
    process = shell.start(
        "run", "wave.yaml", *DASK, "--listen", address, "--shard-count", "2", *OWN
    )
    with joined(shell, address, "--death-timeout", "5", *OWN, folder=strangers) as stranger:
        assert stranger.wait(timeout=120) is not None  # it has not got in, and gives up
        assert process.poll() is None
        with joined(shell, address, *OWN):
            out, err = process.communicate(timeout=120)
    assert process.returncode == Exit.OK, err + out
    assert states(shell) == {"succeeded": 4}
    assert simulator.seen()["double_starts"] == 0


@pytest.mark.parametrize("name", ["authority.key", "machine.key"])
def test_keys_are_for_their_owner_alone(name: str) -> None:
    """The documentation says so of each that it makes."""
    typed = [shown.text for shown in commands((REPOSITORY / "docs" / "fleet.md").read_text())]
    assert any(text.startswith("chmod 600") and name in text for text in typed)
