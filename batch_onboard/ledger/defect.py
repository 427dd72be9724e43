"""What is wrong at the first defect of a ledger, and what the lines after it vouch for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from batch_onboard.ledger.pieces import Place, pieces_in, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from batch_onboard.ledger.codec import Seal


@dataclass(frozen=True, slots=True)
class Defect:
    """The first defect.

    Attributes:
        mark: the highest sequence number that an intact line here or further on calls durable.
        problem: what is wrong, for people.
    """

    mark: int
    problem: str


def examine(raw: bytes, rest: Iterable[bytes], seal: Seal, expected: int) -> Defect:
    """Look at a defect, and at everything after it.

    Args:
        raw: the line that is wrong.
        rest: the lines after it.
        seal: the ledger's seal.
        expected: the sequence number that belongs there.
    """
    mark = 0
    is_further_on = False
    for line in chain([raw], rest):
        for piece in pieces_in(line, 0, seal):
            mark = max(mark, piece.durable)
            is_further_on = is_further_on or piece.seq == expected
    if not seal.is_intact(raw):
        return Defect(mark, why_unreadable(raw))
    here = place_of(raw) or Place()
    return Defect(mark, _why_out_of_place(here, expected, is_further_on=is_further_on))


def why_unreadable(raw: bytes) -> str:
    """Say for people what is wrong with bytes that are no intact line."""
    if b"\0" in raw:
        return "it holds zero bytes where text was"
    if raw.endswith(b"\r\n"):
        return "it has a line end of Windows (CRLF)"
    if place_of(raw) is None:
        if not raw.endswith(b"\n"):
            return "it ends in the middle"
        return "it is not a line of a ledger"
    if not raw.endswith(b"\n"):
        return "its line feed is missing"
    return "its checksum is wrong: it was changed, or is another ledger's"


def _why_out_of_place(here: Place, expected: int, *, is_further_on: bool) -> str:
    if here.seq < expected:
        return f"number {here.seq} stands here a second time"
    if here.seq == expected:
        return f"its durable mark, {here.durable}, cannot be right"
    if is_further_on:
        return f"number {here.seq} stands before number {expected}: lines were swapped"
    if here.seq == expected + 1:
        return f"number {expected} is missing"
    return f"numbers {expected} to {here.seq - 1} are missing"
