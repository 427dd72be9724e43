"""Processes that are lost in the midst of a batch whose ledgers are files, or in S3.

`test_dask.py` has the short forms, in which somebody unlocks what a lost worker held in S3. In the
long form (`tests.faults`) nobody does, and others wait until it has been silent for a minute.
"""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from batch_onboard.app.ledgers import find_history, unlock_any, verify_any
from batch_onboard.app.s3segments import S3Segments
from batch_onboard.exits import Exit
from batch_onboard.ledger.segments import find_segments
from tests.faults.proxy import proxied
from tests.fleet.conftest import DASK, all_gone, processes, spread, started, states
from tests.fleet.starting import free_port, joined, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.app.ledgers import Place
    from batch_onboard.core.s3place import S3Place
    from batch_onboard.ledger.history import History
    from tests.cli.conftest import Shell, Simulated
    from tests.faults.proxy import Proxy
    from tests.s3 import Bucket

LASTING = "defaults: {job_duration: {min: 4, max: 6}}\nthrottle: {rate: null}\n"
# The shortest hold that an intent can have, with time enough for the calls of a busy machine.
RUN = ("run", "wave.yaml", *DASK, "--timeout", "3s", "--consistency-window", "1s")
# So that there is something left to start when a process is lost.
SLOWLY = ("--rate", "1", "--burst", "1")
ENOUGH = 300
"""Seconds for a run, on a busy machine, with a minute of waiting for a ledger in it."""


@dataclass(frozen=True)
class Batch:
    """A batch of eight targets in four accounts.

    Attributes:
        shell: starts its commands.
        simulator: is what they speak to.
        bucket: has its ledgers; None: they are files.
        helped: what a lost process holds in S3 is unlocked, so that nobody has to wait for it.
        shards: how many it has: few, since each has clients of its own.
    """

    shell: Shell
    simulator: Simulated
    bucket: Bucket | None = None
    helped: bool = True
    shards: int = 4

    def __post_init__(self) -> None:
        self.shell.write("wave.yaml", spread(8, accounts=4))
        if self.bucket is not None:
            self.shell.environment |= {"AWS_ENDPOINT_URL_S3": self.bucket.url}

    @property
    def folder(self) -> Place:
        """Where the ledgers are."""
        if self.bucket is None:
            return self.shell.folder / "wave.ledgers"
        return self.bucket.place("waves/")

    @property
    def command(self) -> tuple[str, ...]:
        """The command that runs it, whoever the workers are."""
        return (*RUN, "--shard-count", str(self.shards), "--ledger", str(self.folder))

    @property
    def ledgers(self) -> list[Place]:
        """Where the ledgers of its shards are."""
        shards = (f"shard-{index}-of-{self.shards}" for index in range(self.shards))
        return [self.folder / f"wave.{shard}.ledger.jsonl" for shard in shards]

    def history(self, place: Place) -> History | None:
        """Return what a ledger knows; None if there is none."""
        if isinstance(place, Path):
            return find_history(place)
        return find_segments(self._segments(place))

    def histories(self) -> list[History]:
        """Return what its ledgers know, as far as there are any."""
        found = (self.history(place) for place in self.ledgers)
        return [history for history in found if history is not None]

    def has_last_run_of(self, pid: int) -> bool:
        """Say whether the latest run of some ledger is one of a process."""
        return any(each.runs and each.runs[-1].began.pid == pid for each in self.histories())

    def reasons(self, pid: int) -> set[str]:
        """Return why runs of a process have ended, as far as they have said so."""
        runs = (run for each in self.histories() for run in each.runs if run.began.pid == pid)
        return {run.ended.reason for run in runs if run.ended is not None}

    def free(self, pid: int) -> None:
        """Do what an operator may who knows that a process is lost."""
        for place in self.ledgers if self.helped else ():
            history = self.history(place)
            if history is not None and history.holder is not None and history.holder.pid == pid:
                unlock_any(place)

    def assert_clean(self, **expected: int) -> None:
        """See that nothing was started twice or unwritten, and that every ledger is whole."""
        seen = self.simulator.seen()
        assert seen["double_starts"] == 0
        attempts = {
            str(key): record.attempts
            for history in self.histories()
            for key, record in history.records.items()
        }
        for key, target in seen["targets"].items():
            assert target["starts_accepted"] <= 1
            assert target["starts_received"] <= attempts[key]
        for place in self.ledgers:
            assert verify_any(place).damage == ()
        assert states(str(self.folder)) == expected

    def _segments(self, place: S3Place) -> S3Segments:
        assert self.bucket is not None
        return S3Segments(place, self.bucket.objects, ExitStack())


def lose_a_worker(batch: Batch) -> None:
    """Kill -9 of one of two workers that have joined, amid its shards."""
    address = f"tcp://127.0.0.1:{free_port()}"
    share = ("--nthreads", str(batch.shards // 2))
    with ExitStack() as stack:
        process = batch.shell.start(*batch.command, "--listen", address)
        joint = [stack.enter_context(joined(batch.shell, address, *share)) for _ in range(2)]
        started(batch.simulator, 4)
        one = next(each for each in joint if batch.has_last_run_of(each.pid))
        one.kill()
        one.wait()
        batch.free(one.pid)
        out, err = process.communicate(timeout=ENOUGH)
    assert process.returncode == Exit.OK, err + out
    assert "goes to another worker" in err
    batch.assert_clean(succeeded=8)


def lose_the_coordinator(batch: Batch) -> tuple[str, ...]:
    """Kill -9 of the coordinator, with which its worker ends; return the command to go on with."""
    command = (*batch.command, "--workers", "1")
    process = batch.shell.start(*command, "--limit", "4")  # so that some are left to start
    workers = processes(process, 1)
    started(batch.simulator, 3)
    process.kill()
    process.communicate(timeout=30)
    assert all_gone(workers)
    batch.free(workers[0].pid)
    return command


def freeze_a_worker(batch: Batch) -> None:
    """SIGSTOP of one of two workers past its time to live, and SIGCONT while another goes on."""
    address = f"tcp://127.0.0.1:{free_port()}"
    few = ("--nthreads", "2")  # else the first to join may have all shards
    joinable = ("--listen", address, "--worker-timeout", "5s")
    with ExitStack() as stack:
        proxy = stack.enter_context(proxied(batch.simulator.settings["AWS_ENDPOINT_URL"]))
        process = batch.shell.start(*batch.command, *SLOWLY, *joinable)
        one = stack.enter_context(
            joined(batch.shell, address, *few, environment={"AWS_ENDPOINT_URL": proxy.url})
        )
        stack.enter_context(joined(batch.shell, address, *few))
        wait_until(lambda: changes(proxy))
        one.send_signal(signal.SIGSTOP)
        assert batch.has_last_run_of(one.pid)
        told = until(process, "goes to another worker")
        batch.free(one.pid)
        if batch.bucket is not None:
            wait_until(lambda: not batch.has_last_run_of(one.pid), every=2.0)
        else:
            time.sleep(1)  # its successor has asked for the ledger by then
        before = changes(proxy)
        one.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=ENOUGH)
        assert process.returncode == Exit.OK, told + err + out
        one.wait(timeout=60)
        assert batch.bucket is None or changes(proxy) == before
    batch.assert_clean(succeeded=8)


def changes(proxy: Proxy) -> int:
    """Return how many requests have come that change something."""
    return sum(each.startswith(("PUT ", "DELETE ")) for each in proxy.requests)


def wait_until(holds: Callable[[], object], every: float = 0.05) -> None:
    """Return when something holds."""
    deadline = time.monotonic() + ENOUGH
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(every)
