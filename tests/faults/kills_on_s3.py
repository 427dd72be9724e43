"""Kills of runs whose ledger is in S3, with answers of S3 that are lost as well: a long form."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING

from batch_onboard.app.ledgers import read_any_history, unlock_any, verify_any
from batch_onboard.exits import Exit
from batch_onboard.report.results import results
from tests.faults.lab import HASTY
from tests.faults.longforms import LOSSY, laboratory, requests
from tests.faults.proxy import Mischief, Proxy, Rule, proxied
from tests.s3 import Bucket, new_bucket, s3_reached

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Shell, Simulated

_KILLS_A_BATCH = 10
_TARGETS = 40


def random_kills_on_s3(seed: int) -> Iterator[str]:
    """Kill -9 at random; each ledger is taken from its dead holder, every 10th batch is ended."""
    chance = random.Random(seed)
    with s3_reached() as (url, objects), proxied(url) as proxy:
        while True:
            with (
                laboratory(LOSSY, _TARGETS) as (shell, simulator),
                new_bucket(url, objects) as bucket,
            ):
                shell.environment |= {"AWS_ENDPOINT_URL_S3": proxy.url}
                yield from _batch(shell, simulator, bucket, proxy, chance)


def _batch(
    shell: Shell, simulator: Simulated, bucket: Bucket, proxy: Proxy, chance: random.Random
) -> Iterator[str]:
    place = bucket.place()
    for _ in range(_KILLS_A_BATCH):
        proxy.rules[:] = [Rule(Mischief.CUT_AFTER, ("PUT ",), chance.randint(0, 2))]
        enough = requests(simulator) + chance.randint(0, 30)
        process = shell.start("run", "wave.yaml", *HASTY, "--ledger", str(place))
        while process.poll() is None and requests(simulator) < enough:
            time.sleep(0.005)
        process.kill()
        process.communicate(timeout=30)
        if bucket.keys:
            unlock_any(place)
            assert verify_any(place).damage == ()
        assert simulator.seen()["double_starts"] == 0
        yield "killed" if process.returncode == -signal.SIGKILL else "over before"
    _bring_to_its_end(shell, simulator, bucket)


def _bring_to_its_end(shell: Shell, simulator: Simulated, bucket: Bucket) -> None:
    place = bucket.place()
    again = ("run", "wave.yaml", *HASTY, "--ledger", str(place))
    ended = shell.run(*again)
    for _ in range(2):
        ended = ended if ended.code == Exit.OK else shell.run(*again)
    assert ended.code == Exit.OK, ended.err
    states = [each.state for each in results(read_any_history(place))]
    assert len(states) == _TARGETS
    assert set(states) <= {"succeeded", "already_onboarded"}
    seen = simulator.seen()
    assert seen["double_starts"] == 0
    assert max(each["starts_accepted"] for each in seen["targets"].values()) <= 1
