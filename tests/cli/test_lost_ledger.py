"""A ledger that goes away while a run writes to it, by the real command."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from batch_onboard.exits import Exit
from tests.cli.conftest import instance, manifest
from tests.cli.test_run import QUICK, SLOW, wait_for_starts

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Shell, Simulated


def test_a_ledger_whose_folder_is_deleted_stops_the_run(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """The run ends with 5, and prints as JSON what it knew and could not write down."""
    simulator = simulate(SLOW)
    shell.write("wave.yaml", manifest(*(instance(f"i-{i}") for i in range(4))))
    (shell.folder / "kept").mkdir()
    process = shell.start("run", "wave.yaml", *QUICK, "--ledger", "kept/wave.jsonl")
    wait_for_starts(simulator, 4)
    shutil.rmtree(shell.folder / "kept")
    out, err = process.communicate(timeout=60)
    assert process.returncode == Exit.LEDGER, err
    assert "the file or its folder does not exist" in out
    lost = [
        json.loads(line) for line in err.splitlines() if '"event":"lost"' in line.replace(": ", ":")
    ]
    assert {each["entry"]["event"] for each in lost} <= {"job_succeeded", "running"}
    assert lost
    assert "Traceback" not in err
