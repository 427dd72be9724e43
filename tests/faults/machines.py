"""Machines that are network namespaces of their own, on a switch whose cables can be pulled.

A cable that is pulled is a black hole: neither end learns of it. Processes are of this machine in
all but their network.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET


@dataclass(frozen=True)
class Machine:
    """A machine.

    Attributes:
        name: of its namespace.
        switch: of the switch's.
        port: of the switch, to which its cable leads.
        address: by which the others reach it.
    """

    name: str
    switch: str
    port: str
    address: str

    @property
    def within(self) -> tuple[str, ...]:
        """What has a command run on it, as the same process."""
        return ("ip", "netns", "exec", self.name)

    def pull(self) -> None:
        """Pull its cable."""
        _ip("-n", self.switch, "link", "set", self.port, "nomaster")

    def plug(self) -> None:
        """Plug its cable in."""
        _ip("-n", self.switch, "link", "set", self.port, "master", "bridge", "up")

    def listening(self) -> socket.socket:
        """Return a socket of this process that listens on the machine's loopback."""
        made: list[socket.socket] = []
        # A socket stays where it was made; a thread moves alone, and ends there.
        thread = Thread(target=self._listen, args=(made,))
        thread.start()
        thread.join()
        return made[0]

    def _listen(self, made: list[socket.socket]) -> None:
        enter(self.name)
        made.append(socket.create_server(("127.0.0.1", 0)))


def enter(name: str) -> None:
    """Move the calling thread, and all that it starts from now on, into a namespace."""
    with Path("/run/netns", name).open("rb") as namespace:
        moved = ctypes.CDLL(None).setns(namespace.fileno(), _NEW_NETWORK)
    assert moved == 0, f"nobody gets into {name}"


@contextmanager
def machines(number: int) -> Iterator[list[Machine]]:
    """Have machines on a switch until the block is left; all processes on them have to end before."""
    with ExitStack() as stack:
        switch = stack.enter_context(_namespace("switch"))
        _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge", "up")
        made = []
        for each in range(1, number + 1):
            name = stack.enter_context(_namespace(f"machine-{each}"))
            machine = Machine(name, switch, f"port-{each}", f"10.0.0.{each}")
            peer = ("peer", "name", machine.port, "netns", switch)
            _ip("link", "add", "cable", "netns", name, "type", "veth", *peer)
            _ip("-n", name, "addr", "add", f"{machine.address}/24", "dev", "cable")
            for link in ("lo", "cable"):
                _ip("-n", name, "link", "set", link, "up")
            machine.plug()
            made.append(machine)
        yield made


@contextmanager
def _namespace(name: str) -> Iterator[str]:
    name = f"test-{os.getpid()}-{name}"
    _ip("netns", "add", name)
    try:
        yield name
    finally:
        _ip("netns", "del", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
