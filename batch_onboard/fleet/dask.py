"""The engine of Dask: the only module that knows it, and that workers import besides `working`.

A part is a task, and occupies a thread of a worker, which waits while one event loop does all parts
of the process: loops of their own would wait for the interpreter's lock all the while. Its reports
go as events of a topic, and orders as a function that is run on each worker. Dask is to try no task
again by itself: `allowed-failures` is 0, so that a task whose worker was lost fails, which tells
the coordinator.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import pickle
import signal
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import dask
from distributed import Client, Future, KilledWorker, Nanny, Scheduler, get_worker
from distributed.client import FutureCancelledError
from distributed.security import Security

from batch_onboard.fleet.addresses import Address
from batch_onboard.fleet.loop import Loop
from batch_onboard.fleet.port import EngineError, Heard, Lost
from batch_onboard.fleet.standing import Standing
from batch_onboard.fleet.working import broken, work

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import TaskGroup

    from batch_onboard.fleet.port import End, Message, Order, Part

STANDING = Standing()
"""What the coordinators of this process's parts want."""
LOOP = Loop()
"""Where this process's parts run."""

_SETTINGS = {
    "distributed.admin.large-graph-warning-threshold": "1GiB",  # a part has all targets of a shard
    # A look at the event loop fifty times a second wakes a thread that then wants the interpreter.
    "distributed.admin.tick.interval": "1h",
    "distributed.admin.tick.limit": "2h",
    "distributed.admin.system-monitor.disk": False,
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.nanny.pre-spawn-environ": {},  # for arrays: memory is given back all the time
    "distributed.scheduler.http.routes": [],  # no pages: they would show what is going on
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,  # it looks a hundred times a second
}
_GARBAGE_THRESHOLD = 50_000
"""As in a run's own process (`batch_onboard.__main__`): Python's own is reached every few calls."""
_LOGGERS = ("distributed", "tornado", "asyncio")
_TO_CLOSE, _TO_ANSWER = 5.0, 20.0
_NO_PAGES = "127.0.0.1:0"
_ON_EACH_MACHINE = "batch_onboard.fleet.dask"


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskSettings:
    """Where workers come from.

    Attributes:
        address: of a scheduler that runs already; None: there is one in this process.
        listen: where that one listens: `tls://0.0.0.0:8786`; None: on loopback, for own workers.
        workers: processes on this machine.
        threads: parts that one of them can do at once.
        ca_file: the certificate of the authority that has signed all others.
        cert: the certificate of this machine.
        key: its private key.
        silence: seconds after which a worker that is not heard of is given up.
        patience: seconds in which a scheduler has to answer.
    """

    address: str | None = None
    listen: str | None = None
    workers: int = 0
    threads: int = 1
    ca_file: str | None = None
    cert: str | None = None
    key: str | None = None
    silence: float = 60.0
    patience: float = 20.0


class Dask:
    """Has parts done by the workers of a scheduler; conforms to `fleet.port.Engine`.

    Attributes:
        workers: how many there are now.

    Args:
        run: the run's id.
        client: reaches the scheduler.
        group: has the tasks of this process.
        workers: how many there are at first.
    """

    def __init__(self, run: str, client: Client, group: TaskGroup, workers: int) -> None:
        self.workers = workers
        self._run = run
        self._client = client
        self._group = group
        self._futures: dict[int, Future[End]] = {}
        self._heard: asyncio.Queue[Heard | EngineError] = asyncio.Queue()
        client.subscribe_topic(run, self._told)

    async def launch(self, part: Part) -> None:
        """Submit a task."""
        future = self._client.submit(
            do_part, part, key=f"{self._run}-{part.number}", pure=False, retries=0
        )
        self._futures[part.number] = future
        self._group.start_soon(self._follow, part.number, future)

    def withdraw(self, numbers: frozenset[int]) -> None:
        """Cancel tasks; a thread that works on one of them goes on, and hears the order."""
        for number in numbers & self._futures.keys():
            self._futures.pop(number).release()

    def order(self, order: Order) -> None:
        """Have a function run on each worker; one that does not answer holds up nobody."""
        self._group.start_soon(self._spread, order)

    async def hear(self) -> Heard:
        """Wait for what comes next.

        Raises:
            EngineError: the scheduler is gone.
        """
        heard = await self._heard.get()
        if isinstance(heard, EngineError):
            raise heard
        return heard

    async def _spread(self, order: Order) -> None:
        # A scheduler that is gone is told by the tasks; nobody need hear it from here.
        with anyio.move_on_after(_TO_ANSWER), suppress(OSError, ValueError):
            answers = await self._client.run(obey, self._run, order, on_error="ignore")
            self.workers = len(answers)

    def _told(self, event: tuple[float, bytes]) -> None:
        # Whoever can reach the scheduler can hand it programs, so a pickle adds no danger.
        self._heard.put_nowait(pickle.loads(event[1]))  # noqa: S301

    async def _follow(self, number: int, future: Future[End]) -> None:
        heard: Heard | EngineError
        try:
            heard = await future
        except KilledWorker as error:
            heard = Lost(number, f"{error.last_worker.address} is gone")
        except FutureCancelledError as error:
            heard = _cancelled(number, error)
        except Exception as error:  # noqa: BLE001 - a bug of ours, or of a worker's installation
            heard = broken(number, error)
        self._futures.pop(number, None)
        self._heard.put_nowait(heard)


def _cancelled(number: int, error: FutureCancelledError) -> Lost | EngineError:
    if error.reason == "scheduler-connection-lost":
        return EngineError("the connection to the scheduler is lost: run again to go on")
    return Lost(number, "the scheduler has let its task go")


def do_part(part: Part) -> End:
    """Do a part: what a worker's thread does."""
    gc.set_threshold(_GARBAGE_THRESHOLD, 20, 20)
    worker = get_worker()

    def tell(message: Message) -> None:
        with suppress(RuntimeError):  # the worker leaves: nobody is there to be told
            worker.log_event(part.run, pickle.dumps(message))

    return LOOP.call(work, part, tell, STANDING)


def obey(run: str, order: Order) -> None:
    """Take note of an order: what is run on each worker."""
    STANDING.hear(run, order)


def dask_setup(worker: object) -> None:
    """Make a worker of this machine leave signals to the coordinator: Dask calls it at the start.

    A terminal's Ctrl-C, or the SIGTERM of a service that is stopped, reaches all processes; shards
    drain when the coordinator says so.
    """
    del worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _quieten()


@asynccontextmanager
async def open_dask(settings: DaskSettings, run: str) -> AsyncIterator[Dask]:
    """Open the engine for a run: connect to a scheduler, or have one, with workers of its own.

    Args:
        settings: where workers come from.
        run: the run's id.

    Raises:
        EngineError: the scheduler can't be reached, or can't be made, or its workers can't.
    """
    _quieten()
    dask.config.set(_SETTINGS)
    async with AsyncExitStack() as stack:
        try:
            client = await _connect(settings, stack)
            known = await client.run(os.getpid)
        except (OSError, ValueError, RuntimeError) as error:
            raise EngineError(_unopened(settings, error)) from error
        group = await stack.enter_async_context(anyio.create_task_group())
        yield Dask(run, client, group, len(known))
        group.cancel_scope.cancel()


async def _connect(settings: DaskSettings, stack: AsyncExitStack) -> Client:
    security, address = _security(settings), settings.address
    if address is None:
        address = await _serve(settings, security, stack)
    client = Client(
        address,
        asynchronous=True,
        security=security,
        set_as_default=False,
        timeout=settings.patience,
    )
    stack.push_async_callback(client.close)  # also if it never connects
    await client
    return client


async def _serve(settings: DaskSettings, security: Security, stack: AsyncExitStack) -> str:
    """Have a scheduler in this process, and the workers of this machine; return its address."""
    protocol, host, port = Address.parse(settings.listen or "tls://127.0.0.1:0")
    scheduler = Scheduler(
        host=host,
        port=port,
        protocol=f"{protocol}://",
        security=security,
        allowed_failures=0,
        worker_ttl=settings.silence,
        dashboard=False,
        dashboard_address=_NO_PAGES,
    )
    stack.push_async_callback(_close, scheduler)
    await scheduler
    nannies = [
        Nanny(
            scheduler.address,
            nthreads=settings.threads,
            security=security,
            protocol=f"{protocol}://",
            host=None if settings.listen else host,
            memory_limit=0,
            dashboard=False,
            dashboard_address=_NO_PAGES,
            silence_logs=logging.CRITICAL,
            preload=_ON_EACH_MACHINE,
        )
        for _ in range(settings.workers)
    ]
    for nanny in nannies:
        stack.push_async_callback(nanny.close, timeout=_TO_CLOSE)
    await asyncio.gather(*nannies)
    return str(scheduler.address)


async def _close(scheduler: Scheduler) -> None:
    """Close a scheduler when all is over; what it can't close ends with the process."""
    # One that is just giving up a connection to a worker raises (distributed 2026.8, Python 3.11:
    # 'Cannot change state of expiring Timeout').
    with suppress(OSError, RuntimeError):
        await scheduler.close()


def _security(settings: DaskSettings) -> Security:
    if settings.ca_file is not None:
        own = {"cert": settings.cert, "key": settings.key}
        roles = ("client", "scheduler", "worker")
        each = {f"tls_{role}_{name}": value for role in roles for name, value in own.items()}
        return Security(require_encryption=True, tls_ca_file=settings.ca_file, **each)
    if settings.address is None and settings.listen is None:
        security: Security = Security.temporary()
        return security
    return Security(require_encryption=False)


def _unopened(settings: DaskSettings, error: Exception) -> str:
    told = " ".join(str(error).split()) or type(error).__name__
    if settings.address is not None:
        return f"the scheduler at {settings.address} can't be reached: {told}"
    return f"no workers can be had: {told}"


def _quieten() -> None:
    """Keep libraries from writing to stderr what the coordinator tells in its own words."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in _LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
