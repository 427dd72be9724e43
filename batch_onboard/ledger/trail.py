"""The bytes of a ledger from its beginning: how many they are, and a digest of them all."""

from __future__ import annotations

from hashlib import sha256


class Trail:
    """What was read from a ledger's beginning on, or written to it since.

    A digest, not a checksum, since it vouches for the places of lines as well: no swap of lines,
    and no other bytes at all, can pass for those that were there.

    Attributes:
        size: bytes.
    """

    __slots__ = ("_sum", "size")

    def __init__(self) -> None:
        self.size = 0
        self._sum = sha256(usedforsecurity=False)

    def add(self, data: bytes | bytearray) -> None:
        """Take in the bytes that come next."""
        self.size += len(data)
        self._sum.update(data)

    @property
    def digest(self) -> str:
        """SHA-256 of all bytes up to here, in hexadecimal digits."""
        return self._sum.hexdigest()
