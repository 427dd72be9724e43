"""One instance of a source, with the place of its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_onboard.manifest.nodes import MappingNode, Spot

if TYPE_CHECKING:
    from batch_onboard.manifest.problems import Place


class Row(MappingNode):
    """A mapping from one line of a source. All that it holds stands where the line starts."""

    __slots__ = ()

    def __init__(self, file: str, line: int) -> None:
        super().__init__(file, Spot(line - 1, 0))

    def _place_of(self, key: str, which: int) -> Place:  # noqa: ARG002 - a line is one place
        return self.place

    def remove(self, key: str) -> None:
        """Take a key out."""
        del self[key]
