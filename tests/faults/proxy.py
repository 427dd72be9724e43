"""A small TCP proxy on loopback that treats connections badly.

It speaks HTTP/1.1 as far as it must: it finds where a request ends, to know when one has been
forwarded. A rule picks requests by words in their first line (`PUT`, an instance's id); the first
that fits and is not used up says what becomes of the connection.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Iterator
    from pathlib import Path

_HTML = b"<html><body>Log in to the guest network</body></html>"
# The end of a connection; it is cancelled at the end of all.
_OVER = (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError)
_NONSENSE = (
    b'{"connectInstanceOnboardingJobStatus": [7, {"status": null}], "connectInstanceConfig": 8}'
)


class Mischief(Enum):
    """What becomes of a request."""

    PASS = "it is answered"
    CUT_BEFORE = "the connection is reset, and the request goes nowhere"
    CUT_AFTER = "it is forwarded and carried out; then the connection is reset"
    CUT_AMID = "it is carried out, and the answer ends in the middle of its body"
    DRIP = "its answer comes a byte a second"
    BLACK_HOLE = "it is taken, and nothing ever comes"
    NONSENSE = "it goes nowhere, and the answer is JSON of another shape, with status 200"
    HTML = "it goes nowhere, and a web page is the answer, with status 200"
    ANSWER = "it goes nowhere, and the rule has the answer"
    UNCONDITIONAL = "it is forwarded without its If-None-Match, and answered"


@dataclass
class Rule:
    """What to do to the requests in whose first line and headers all of some words stand."""

    mischief: Mischief
    words: tuple[str, ...] = ()
    times: int | None = None
    answer: bytes = b""


@dataclass
class Proxy:
    """A running proxy.

    Attributes:
        url: where it listens.
        requests: the first lines of all requests that came.
    """

    url: str
    rules: list[Rule]
    target: tuple[str, int]
    requests: list[str] = field(default_factory=list)

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Treat one connection, request by request."""
        try:
            with suppress(*_OVER):
                while await self._treat(await _read_message(reader), writer):
                    pass
        finally:
            writer.transport.abort()

    async def _treat(self, request: bytes, writer: StreamWriter) -> bool:
        """Treat one request, and say whether the connection may have another."""
        head = request.partition(b"\r\n\r\n")[0].decode("latin-1")
        self.requests.append(head.partition("\r\n")[0])
        rule = self._rule(head)
        match rule.mischief:
            case Mischief.CUT_BEFORE:
                writer.transport.abort()
            case Mischief.CUT_AFTER:
                await self._forward(request)
                writer.transport.abort()
            case Mischief.CUT_AMID:
                writer.write((await self._forward(request))[:-10])
                await writer.drain()
                writer.close()
                await writer.wait_closed()
            case Mischief.DRIP:
                for byte in await self._forward(request):
                    writer.write(bytes((byte,)))
                    await writer.drain()
                    await asyncio.sleep(1)
            case Mischief.BLACK_HOLE:
                await asyncio.sleep(3600)
            case _:
                writer.write(await self._answer(rule, request))
                await writer.drain()
                return True
        return False

    async def _answer(self, rule: Rule, request: bytes) -> bytes:
        match rule.mischief:
            case Mischief.HTML:
                return _answer(b"text/html", _HTML)
            case Mischief.NONSENSE:
                return _answer(b"application/json", _NONSENSE)
            case Mischief.ANSWER:
                return rule.answer
            case Mischief.UNCONDITIONAL:
                request = request.replace(b"If-None-Match: *", b"X-Ignored: *")
        return await self._forward(request)

    def _rule(self, head: str) -> Rule:
        for rule in self.rules:
            if rule.times != 0 and all(word in head for word in rule.words):
                if rule.times is not None:
                    rule.times -= 1
                return rule
        return Rule(Mischief.PASS)

    async def _forward(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*self.target)
        try:
            writer.write(request)
            return await _read_message(reader)
        finally:
            writer.transport.abort()


def _answer(kind: bytes, body: bytes, status: int = 200) -> bytes:
    head = b"HTTP/1.1 %d Told\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (status, kind, len(body)) + body


def xml_answer(status: int, body: str) -> bytes:
    """Return an answer as S3 gives it."""
    return _answer(b"application/xml", body.encode(), status)


def s3_error(status: int, code: str) -> bytes:
    """Return S3's answer to what it does not do."""
    return xml_answer(status, f"<Error><Code>{code}</Code><Message>as told</Message></Error>")


async def _read_message(reader: StreamReader) -> bytes:
    """Read a request or an answer: its head, and as much of a body as the head says."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return head + await reader.readexactly(int(line.partition(b":")[2]))
    return head


@contextmanager
def proxied(
    url: str,
    *rules: Rule,
    certificate: Path | None = None,
    listening: socket.socket | None = None,
) -> Iterator[Proxy]:
    """Run a proxy in a thread until the block is left.

    Args:
        url: where the requests go that pass.
        rules: what becomes of requests; all others pass.
        certificate: a file with key and certificate, for TLS.
        listening: where it listens; None: on a port of this machine.
    """
    listening = listening or socket.create_server(("127.0.0.1", 0))
    parts = urlsplit(url)
    proxy = Proxy("", list(rules), (parts.hostname or "", parts.port or 0))
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        asyncio.start_server(proxy.serve, sock=listening, ssl=context, limit=1 << 20)
    )
    port = server.sockets[0].getsockname()[1]
    proxy.url = f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(_cancel_all())
        loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.01)  # transports close in a later step
