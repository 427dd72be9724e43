"""A worker that is cut off from the coordinator, each on a machine of its own, and comes back."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from batch_onboard.exits import Exit
from tests.faults.machines import machines
from tests.faults.proxy import Mischief, Rule, proxied
from tests.fleet.losses import ENOUGH, SLOWLY, changes, wait_until
from tests.fleet.starting import PAIR, certify, joined, until

if TYPE_CHECKING:
    from tests.faults.machines import Machine
    from tests.faults.proxy import Proxy
    from tests.fleet.losses import Batch

_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")


def cut_a_worker_off(batch: Batch, *, from_all: bool) -> None:
    """Pull the cable of one of two workers until others have its shards, then plug it in.

    Args:
        batch: has its ledgers in S3.
        from_all: the worker reaches neither the service nor S3 meanwhile. Else it reaches both, and
            could go on for ever beside its successor.
    """
    certify(batch.shell.folder)
    with ExitStack() as stack:
        coordinator, first, second = stack.enter_context(machines(3))
        address = f"tls://{coordinator.address}:8786"
        command = (*batch.command, *SLOWLY, "--listen", address, "--worker-timeout", "5s", *PAIR)
        environment, _ = _reach(batch, coordinator, stack)
        process = batch.shell.start(*command, within=coordinator.within, **environment)
        ways = []
        workers = []
        for machine in (first, second):
            environment, proxies = _reach(batch, machine, stack)
            ways.append(proxies)
            worker = joined(
                batch.shell,
                address,
                *("--nthreads", "2", *PAIR),
                environment=environment,
                namespace=machine.name,
            )
            workers.append(stack.enter_context(worker))
        one, (service, store) = workers[0], ways[0]
        wait_until(lambda: changes(service))
        assert batch.has_last_run_of(one.pid)
        first.pull()
        if from_all:
            for proxy in (service, store):
                proxy.rules.append(Rule(Mischief.BLACK_HOLE))
        told = until(process, "goes to another worker")
        wait_until(lambda: not batch.has_last_run_of(one.pid), every=2.0)
        before = changes(service)
        first.plug()
        for proxy in (service, store):
            proxy.rules.clear()
        out, err = process.communicate(timeout=ENOUGH)
        assert process.returncode == Exit.OK, told + err + out
        one.wait(timeout=60)
        assert changes(service) == before
        drained = "stopped: the coordinator was not heard of for 5 s" in batch.reasons(one.pid)
        assert drained is not from_all
    batch.assert_clean(succeeded=8)


def _reach(
    batch: Batch, machine: Machine, stack: ExitStack
) -> tuple[dict[str, str], tuple[Proxy, Proxy]]:
    """Lead a machine to the service and to S3, which are not on its network."""
    made = [
        stack.enter_context(proxied(batch.shell.environment[name], listening=machine.listening()))
        for name in _ENDPOINTS
    ]
    service, store = made
    return dict(zip(_ENDPOINTS, (each.url for each in made), strict=True)), (service, store)
