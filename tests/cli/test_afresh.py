"""The commands from nothing: most other tests fork them from a process that has imported them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from batch_onboard.exits import Exit
from tests.cli.conftest import instance, manifest
from tests.cli.test_run import FAST, QUICK

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

# They begin otherwise than those of the other tests, and then do the same.
pytestmark = pytest.mark.no_cover


@pytest.mark.parametrize(
    "command",
    [
        ("validate", "wave.yaml"),
        ("status", "wave.simulated.ledger.jsonl"),
        ("report", "wave.simulated.ledger.jsonl"),
        ("ledger", "verify", "wave.simulated.ledger.jsonl"),
        ("policy", "wave.yaml"),
        ("schema",),
        ("validate", "nowhere.yaml"),
        ("ledger", "compact", "wave.yaml"),
    ],
    ids=" ".join,
)
def test_a_command_that_imports_all_it_needs_says_the_same(
    shell: Shell, command: tuple[str, ...]
) -> None:
    """Exit code, stdout and stderr are those of a process that had everything before."""
    shell.write("wave.yaml", manifest(instance("a")))
    if "wave.simulated.ledger.jsonl" in command:
        shell.run("run", "wave.yaml", "--simulate", "--no-wait")
    assert shell.run_afresh(*command) == shell.run(*command)


def test_the_simulator_serves_a_run_until_it_is_ended(shell: Shell) -> None:
    """It prints settings with which a run in another process speaks to it, and ends with 0."""
    shell.write("wave.yaml", manifest(instance("a")))
    with shell.simulator(shell.write("scenario.yaml", FAST)) as simulator:
        ended = shell.run_afresh("run", "wave.yaml", *QUICK)
        assert (ended.code, "succeeded=1" in ended.out) == (Exit.OK, True), ended.err
        assert simulator.seen()["requests"]["StartInstanceOnboardingJob"] == 1
