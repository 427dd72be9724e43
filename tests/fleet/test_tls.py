"""Workers that join from outside, with the certificates that the documentation makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from batch_onboard.exits import Exit
from tests.docs.consoles import commands
from tests.docs.terminal import REPOSITORY
from tests.fleet.conftest import DASK, spread, states
from tests.fleet.starting import PAIR, certify, free_port, joined

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Shell, Simulated


@pytest.mark.no_cover
def test_workers_with_certificates_join_and_others_do_not(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """What docs/fleet.md has typed is enough; a pair of another authority gets nobody in."""
    simulator = simulate("defaults: {job_duration: {min: 0.2, max: 0.4}}\nthrottle: {rate: null}\n")
    shell.write("wave.yaml", spread(4))
    strangers = shell.folder / "strangers"
    strangers.mkdir()
    for folder in (shell.folder, strangers):
        certify(folder)
    address = f"tls://127.0.0.1:{free_port()}"
    process = shell.start(
        "run", "wave.yaml", *DASK, "--listen", address, "--shard-count", "2", *PAIR
    )
    with joined(shell, address, "--death-timeout", "5", *PAIR, folder=strangers) as stranger:
        stranger.wait(timeout=120)  # it has not got in, and gives up
        assert process.poll() is None
        with joined(shell, address, "--nthreads", "4", *PAIR):
            out, err = process.communicate(timeout=120)
    assert process.returncode == Exit.OK, err + out
    assert states(shell.folder / "wave.ledgers") == {"succeeded": 4}
    assert simulator.seen()["double_starts"] == 0


@pytest.mark.parametrize("name", ["authority.key", "machine.key"])
def test_keys_are_for_their_owner_alone(name: str) -> None:
    """The documentation says so of each that it makes."""
    typed = [shown.text for shown in commands((REPOSITORY / "docs" / "fleet.md").read_text())]
    assert any(text.startswith("chmod 600") and name in text for text in typed)
