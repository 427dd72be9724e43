"""Workers and coordinators that are lost, with ledgers in S3 that nobody unlocks: long forms."""

from __future__ import annotations

from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING

from batch_onboard.exits import Exit
from tests.faults.longforms import laboratory
from tests.faults.partitions import cut_a_worker_off
from tests.fleet.losses import LASTING, Batch, freeze_a_worker, lose_a_worker, lose_the_coordinator
from tests.s3 import new_bucket, s3_reached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


def _kill_the_coordinator(batch: Batch) -> None:
    ended = batch.shell.run_afresh(*lose_the_coordinator(batch))
    assert ended.code == Exit.OK, ended.err
    batch.assert_clean(succeeded=8)


_LOSSES = {
    "worker killed": lose_a_worker,
    "coordinator killed": _kill_the_coordinator,
    "worker frozen": freeze_a_worker,
}
_PARTITIONS = {
    "cut off from the coordinator": partial(cut_a_worker_off, from_all=False),
    "cut off from all": partial(cut_a_worker_off, from_all=True),
}


def losses(seed: int) -> Iterator[str]:
    """Kill and freeze processes of a batch; what they held is taken after a minute of silence."""
    del seed  # what chance there is, is the machine's
    return _in_turn(_LOSSES)


def partitions(seed: int) -> Iterator[str]:
    """Cut a worker off until others have its shards, and let it come back."""
    del seed
    return _in_turn(_PARTITIONS)


def _in_turn(trials: Mapping[str, Callable[[Batch], object]]) -> Iterator[str]:
    with s3_reached() as (url, objects):
        for name, make in cycle(trials.items()):
            with (
                laboratory(LASTING, 0) as (shell, simulator),
                new_bucket(url, objects) as bucket,
            ):
                make(Batch(shell, simulator, bucket, helped=False))
            yield name
