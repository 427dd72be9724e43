"""The real command with workers in real processes, some of which are killed or frozen."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from batch_onboard.exits import Exit
from tests.cli.test_reading_commands import call
from tests.fleet.conftest import started
from tests.fleet.losses import LASTING, Batch, freeze_a_worker, lose_a_worker, lose_the_coordinator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Shell, Simulated
    from tests.s3 import Bucket

ENDLESS = "defaults: {job_duration: {min: 600, max: 600}}\nthrottle: {rate: null}\n"


@pytest.mark.long
@pytest.mark.no_cover
def test_a_killed_worker_costs_nothing_but_time(
    shell: Shell, simulate: Callable[[str], Simulated], bucket: Bucket
) -> None:
    """Kill -9 of one of two, each of which has a shard: its ledger in S3 is taken over."""
    batch = Batch(shell, simulate(LASTING), bucket, shards=2)
    lose_a_worker(batch)
    assert len({history.runs[0].began.pid for history in batch.histories()}) == 2
    again = shell.run(*batch.command, "--workers", "2")
    assert again.code == Exit.OK, again.err
    assert "nothing to do" in again.out
    told = call("status", str(batch.folder))
    assert told.exit_code == Exit.OK, told.output
    assert "8 targets in 2 ledgers" in told.output


@pytest.mark.long
@pytest.mark.no_cover
def test_a_frozen_worker_that_wakes_sends_nothing_more(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """SIGSTOP past its time to live: its shards wait for their ledgers, and then go on elsewhere."""
    freeze_a_worker(Batch(shell, simulate(LASTING)))


def test_a_killed_coordinator_leaves_ledgers_from_which_the_next_one_goes_on_until_it_is_stopped(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """A terminal's Ctrl-C goes to all processes: workers drain when the coordinator says so."""
    batch = Batch(shell, simulate(ENDLESS), shards=2)
    command = lose_the_coordinator(batch)
    process = shell.start(*command, within=("setsid",))  # a group of its own, as of a terminal
    started(batch.simulator, 8)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == Exit.INTERRUPTED, err + out
    assert "interrupted, drained and saved" in out
    batch.assert_clean(in_progress=8)
