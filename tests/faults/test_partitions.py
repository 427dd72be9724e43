from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import Shell, Simulated, shell, simulate
from tests.faults.lab import needs
from tests.faults.partitions import cut_a_worker_off
from tests.fleet.losses import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.s3 import Bucket

__all__ = ["shell", "simulate"]  # fixtures, found by their names here

# They last until a busy machine has found out that a worker is gone.
LASTING = "defaults: {job_duration: {min: 12, max: 14}}\nthrottle: {rate: null}\n"


@pytest.mark.long
@needs(51, "ip", "openssl", root=True)
def test_a_worker_that_is_cut_off_from_the_coordinator_sends_nothing_once_it_has_a_successor(
    shell: Shell, simulate: Callable[[str], Simulated], bucket: Bucket
) -> None:
    """It still reaches service and ledgers: it drains by itself, and its shards go on elsewhere."""
    cut_a_worker_off(Batch(shell, simulate(LASTING), bucket), from_all=False)
