"""Where a scheduler is, and who can reach it there."""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple


class Address(NamedTuple):
    """`tls://host:port`, or `tcp://host:port`."""

    protocol: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address.

        Raises:
            ValueError: it is none; the text says why.
        """
        protocol, _, rest = text.partition("://")
        host, _, port = rest.rpartition(":")
        if protocol not in {"tls", "tcp"} or not host or not port.isdecimal():
            raise ValueError(f"{text!r} is no address: write tls://host:port")
        return cls(protocol, host.strip("[]"), int(port))

    @property
    def is_encrypted(self) -> bool:
        """Nobody gets in without a certificate."""
        return self.protocol == "tls"

    @property
    def is_loopback(self) -> bool:
        """It can be reached from this machine alone."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False
