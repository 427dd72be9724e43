"""The simulated world over real HTTP, on loopback only: sockets around the front door."""

from __future__ import annotations

import ipaddress
import time
from contextlib import asynccontextmanager
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
from aiohttp import web

from batch_onboard.simulator.errors import SimulatorError
from batch_onboard.simulator.frontdoor import WireAnswer, answer
from batch_onboard.simulator.protocol import Delivery
from batch_onboard.simulator.signatures import SignedRequest
from batch_onboard.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from batch_onboard.simulator.scenario import Scenario
    from batch_onboard.simulator.seen import Seen

_CONTROL = "/_simulator/"


class Simulator:
    """A simulator that is being served.

    Attributes:
        world: the world behind it.
        url: where it listens: an `endpoint_url` for all services. Empty until it does.
    """

    def __init__(
        self, world: World, clock: Callable[[], float], wall_clock: Callable[[], float]
    ) -> None:
        self.world = world
        self.url = ""
        self._clock = clock
        self._wall_clock = wall_clock
        self._closing = anyio.Event()

    def seen(self) -> Seen:
        """Return what it saw so far."""
        return self.world.seen

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request."""
        # A page in a browser can reach loopback by a name of its own (DNS rebinding).
        if not _names_loopback(request.headers.get("Host", "")):
            return web.Response(status=HTTPStatus.MISDIRECTED_REQUEST, text="loopback only\n")
        if request.raw_path.startswith(_CONTROL):
            return self._control(request)
        signed = SignedRequest(
            request.method, request.raw_path, request.headers, await request.read()
        )
        wire_answer = answer(self.world, signed, now=self._clock(), wall=self._wall_clock())
        return await self._deliver(request, wire_answer)

    def _control(self, request: web.BaseRequest) -> web.Response:
        if request.method != "GET":
            return web.Response(status=HTTPStatus.METHOD_NOT_ALLOWED)
        match request.raw_path.removeprefix(_CONTROL):
            case "seen":
                return web.json_response(self.world.seen.as_json())
            case "healthy":
                return web.json_response({"healthy": True})
            case _:
                return web.Response(status=HTTPStatus.NOT_FOUND)

    async def _deliver(
        self, request: web.BaseRequest, wire_answer: WireAnswer
    ) -> web.StreamResponse:
        never = wire_answer.delivery is Delivery.NEVER
        if never or wire_answer.delay:
            with anyio.move_on_after(None if never else wire_answer.delay):
                await self._closing.wait()
        if wire_answer.delivery is not Delivery.ANSWERED and request.transport is not None:
            request.transport.abort()
        return web.Response(
            status=wire_answer.status, headers=wire_answer.headers, body=wire_answer.body
        )

    def close(self) -> None:
        """Let go of all requests that hang or wait."""
        self._closing.set()


class _CountingServer(web.Server):
    """A server that counts its connections, each of which has a handler of its own."""

    def __init__(self, seen: Seen, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seen = seen

    def __call__(self) -> web.RequestHandler:
        self._seen.connections += 1
        return super().__call__()


@lru_cache(maxsize=64)
def _names_loopback(host_and_port: str) -> bool:
    try:
        return _is_loopback(urlsplit(f"//{host_and_port}").hostname or "")
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@asynccontextmanager
async def serve(
    scenario: Scenario,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    clock: Callable[[], float] = time.monotonic,
    wall_clock: Callable[[], float] = time.time,
) -> AsyncIterator[Simulator]:
    """Serve a simulated AWS until the block is left; what hangs then is cut off.

    Args:
        scenario: the world to play.
        host: an address of this machine's loopback.
        port: 0 for any that is free.
        clock: seconds that never go back: the world's time.
        wall_clock: seconds since 1970, by which requests are dated.

    Raises:
        SimulatorError: the address is not of loopback, or can't be had.
    """
    if not _is_loopback(host):
        raise SimulatorError(
            f"the simulator serves on loopback only, such as 127.0.0.1, not {host}"
        )
    simulator = Simulator(World(scenario, started_at=clock()), clock, wall_clock)
    server = _CountingServer(
        simulator.world.seen, simulator.handle, handler_cancellation=True, access_log=None
    )
    runner = web.ServerRunner(server, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise SimulatorError(f"can't listen on {host}:{port}: {error.strerror}") from error
        simulator.url = _url(runner.addresses[0])
        yield simulator
    finally:
        simulator.close()
        await runner.cleanup()


def _url(address: tuple[str, int]) -> str:
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"http://{host}:{address[1]}"
