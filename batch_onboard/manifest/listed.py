"""Which instances were listed, and where first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.manifest.problems import Place

if TYPE_CHECKING:
    from batch_onboard.core.targets import TargetKey

_LINES = 1 << 28
"""More than any file has: sources end at that many bytes."""


class Listed:
    """Remembers the line of each instance, as one number for the file and the line in it.

    Attributes:
        regions: for each Region, where its first instance stands.
    """

    def __init__(self) -> None:
        self.regions: dict[str, Place] = {}
        self._lines: dict[TargetKey, int] = {}
        self._files: dict[str, int] = {}
        self._file = ""
        self._above = 0

    def add(self, key: TargetKey, place: Place) -> int | None:
        """Take in an instance; what is returned is that of `add_alike`."""
        self.regions.setdefault(key.region, place)
        return self.add_alike(key, place.file, place.line)

    def add_alike(self, key: TargetKey, file: str, line: int) -> int | None:
        """Take in an instance of a Region that has one already.

        Returns:
            What tells where it was listed before; None, if it was not.
        """
        if file is not self._file:
            self._file = file
            self._above = self._files.setdefault(file, len(self._files) * _LINES)
        lines = self._lines
        known = len(lines)
        first = lines.setdefault(key, self._above + line)
        return first if len(lines) == known else None

    def seen_from(self, first: int, other: Place) -> str:
        """Name, for a message at another place, where an instance was listed before."""
        file = list(self._files)[first // _LINES]
        return Place(file, first % _LINES, 1).seen_from(other)

    def accounts(self) -> set[str]:
        """Return the accounts of all instances."""
        return {key.account_id for key in self._lines}

    def count(self, region: str) -> int:
        """Return how many instances there are in a Region."""
        return sum(key.region == region for key in self._lines)
