"""Everything that may happen to a ledger's bytes, and what must then be found.

The short form runs as tests. The long form is a command:

    python -m tests.ledger.damage --records 100 --seed 1     cuts at every byte, flips every bit
    python -m tests.ledger.damage --fuzz 3600 --seed 1       changes at random, for so many seconds
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass
from itertools import count, takewhile
from typing import TYPE_CHECKING

from batch_onboard.core.lifecycle import Event
from batch_onboard.core.record import Entry
from batch_onboard.core.targets import Api
from batch_onboard.ledger.codec import decode
from batch_onboard.ledger.errors import LedgerDamagedError, LedgerError, LedgerFormatError
from batch_onboard.ledger.lines import Line, RunEndedLine, TargetLine
from batch_onboard.ledger.replay import read, replay
from batch_onboard.ledger.verify import examine_all, find_seal
from tests.ledger.building import (
    AT,
    BytesSource,
    intent,
    key,
    plain,
    raw_checkpoint,
    raw_ledger,
    raw_longer,
    run_line,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.scan import Scan
    from batch_onboard.ledger.verify import Examination


@dataclass(frozen=True)
class Sample:
    """A whole ledger.

    Attributes:
        lines: its lines.
        mark: its highest durable mark.
    """

    lines: tuple[bytes, ...]
    mark: int

    @property
    def data(self) -> bytes:
        """All its bytes."""
        return b"".join(self.lines)


def sample(records: int, group: int = 3, *, checkpoint: bool = False) -> Sample:
    """Make a ledger of so many lines after the header, most in groups of a few.

    Args:
        records: how many lines.
        group: how many in a group.
        checkpoint: whether there is a checkpoint between, about in the middle.
    """
    entries: list[Entry | Line] = [run_line()]
    number = 0
    while len(entries) < records:
        number += 1
        entries += [
            TargetLine(at=AT, target=str(key(number)), api=Api.V1, encryption="disabled"),
            intent(number, encryption="disabled", clean=True, hold=60.0),
            Entry(Event.RUNNING, key(number), AT, request_id=f"q-{number}", ours=True),
            Entry(Event.JOB_SUCCEEDED, key(number), AT, message='é\n"}\\', ours=True),
        ]
    entries = [*entries[: records - 1], RunEndedLine(at=AT, run="r1", exit_code=0, reason="done")]
    groups: list[Sequence[Entry | Line]] = [
        entries[begin : begin + group] for begin in range(0, len(entries), group)
    ]
    lines = raw_ledger(*groups[: len(groups) // 2])
    if checkpoint:
        lines = raw_checkpoint(lines)
    lines = raw_longer(lines, *groups[len(groups) // 2 :])
    return Sample(tuple(lines), decode(lines[-1]).durable)


def split(data: bytes) -> list[bytes]:
    """Cut bytes after each line feed."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def outcome(lines: Sequence[bytes], whole: Sample) -> str:
    """Read lines in all ways that commands do, check that they agree, and say what was found.

    Returns:
        `whole`, `tail`, `damage`, or `refused` for what is no ledger of this format.
    """
    found = examined(lines)
    check_recalled(lines)
    try:
        history, scan = replay(lines, "x.jsonl")
    except LedgerDamagedError as error:
        check_place(found, error.line, error.offset)
        return "damage"
    except LedgerFormatError:
        return "refused"
    # What is accepted is what was written, from the beginning, line for line.
    assert list(lines[: scan.seq]) == list(whole.lines[: scan.seq])
    assert found is not None
    assert not found.damage, found
    if scan.tail is None:
        assert found.tail is None
        assert (found.targets, found.runs) == (len(history.targets), len(history.runs))
        return "whole"
    assert found.tail is not None
    assert (found.tail.line, found.tail.offset) == (scan.seq + 1, scan.tail.offset)
    return "tail"


def check_recalled(lines: Sequence[bytes]) -> None:
    """Check that a ledger is judged alike, and says the same, from its last checkpoint on."""
    source = BytesSource(lines)
    assert _told(lambda: read(source, "x.jsonl")) == _told(lambda: replay(lines, "x.jsonl"))


def _told(way: Callable[[], tuple[History, Scan]]) -> object:
    try:
        history, scan = way()
    except LedgerError as error:
        return type(error), str(error)
    end = (scan.seq, scan.offset, scan.tail, scan.proven, scan.trail.digest)
    return plain(history), end


def check_place(found: Examination | None, line: int, offset: int) -> None:
    """Check that an examination, if one was possible, names a line as the first that is damaged."""
    assert found is None or (found.damage[0].line, found.damage[0].offset) == (line, offset)


def examined(lines: Sequence[bytes]) -> Examination | None:
    """Examine lines as `ledger verify` does; None if it can't be told whose they are."""
    try:
        seal = find_seal(lines, "x.jsonl")
    except LedgerError:
        return None
    return examine_all(lines, seal, "x.jsonl")


def check_cut(whole: Sample, size: int) -> str:
    """Cut a ledger to so many bytes: whole lines count, the rest is a tail."""
    found = outcome(split(whole.data[:size]), whole)
    if size < len(whole.lines[0]):
        assert found in {"refused", "damage"}, (size, found)
    else:
        at_end = whole.data[:size].endswith(b"\n")
        assert found == ("whole" if at_end else "tail"), (size, found)
    return found


def check_flip(whole: Sample, index: int, bit: int) -> str:
    """Flip a bit of a line: damage at or below the mark, above it a tail, and never whole."""
    data = bytearray(whole.data)
    data[sum(map(len, whole.lines[:index])) + bit // 8] ^= 1 << bit % 8
    found = outcome(split(bytes(data)), whole)
    if index == 0:
        assert found in {"refused", "damage"}, (index, bit, found)
    else:
        assert found == ("damage" if index < whole.mark else "tail"), (index, bit, found)
    return found


def check_moved(whole: Sample, name: str, index: int) -> str:
    """Delete, swap or double a line: damage where a mark vouches for its place, else a tail."""
    found = outcome(MOVES[name](list(whole.lines), index), whole)
    last = len(whole.lines) - 1
    if index == 0 and name != "doubled":
        assert found == "refused"
    elif name == "deleted" and index == last:
        assert found == "whole"  # invisible in any design: reads of the live state cover it
    else:
        place = index + 1 + (name == "doubled")
        assert found == ("damage" if place <= whole.mark else "tail"), (name, index, found)
    return found


def _deleted(lines: list[bytes], index: int) -> list[bytes]:
    return lines[:index] + lines[index + 1 :]


def _swapped(lines: list[bytes], index: int) -> list[bytes]:
    return [*lines[:index], *reversed(lines[index : index + 2]), *lines[index + 2 :]]


def _doubled(lines: list[bytes], index: int) -> list[bytes]:
    return lines[: index + 1] + lines[index:]


MOVES: dict[str, Callable[[list[bytes], int], list[bytes]]] = {
    "deleted": _deleted,
    "swapped": _swapped,
    "doubled": _doubled,
}


def moves(whole: Sample) -> Iterator[tuple[str, int]]:
    """Yield each move that changes something."""
    last = len(whole.lines) - 1
    for name in MOVES:
        for index in range(last + (name != "swapped")):
            yield name, index


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Change a ledger in one to four places, as disks, editors and people do."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        begin = chance.randrange(len(out) + 1)
        size = chance.choice([1, 2, 7, 64, 512])
        kind = chance.randrange(6)
        if kind == 0:
            out[begin : begin + size] = bytes(size)
        elif kind == 1:
            out[begin : begin + size] = chance.randbytes(size)
        elif kind == 2:
            del out[begin : begin + size]
        elif kind == 3:
            out[begin:begin] = data[(other := chance.randrange(len(data))) : other + size]
        elif kind == 4:
            out[begin:begin] = chance.choice(split(data))
        else:
            lines = split(bytes(out))
            chance.shuffle(lines)
            out = bytearray(b"".join(lines)) if chance.random() < 0.1 else out
    return bytes(out)


def fuzz(whole: Sample, seed: int, rounds: Iterable[int]) -> Counter[str]:
    """Change a ledger at random again and again: it is never accepted changed, nothing crashes."""
    chance = random.Random(seed)
    return Counter(outcome(split(mutated(whole.data, chance)), whole) for _ in rounds)


def lasting(seconds: float) -> Iterator[int]:
    """Yield numbers for so long."""
    end = time.monotonic() + seconds
    return takewhile(lambda _: time.monotonic() < end, count())


def exhaust(whole: Sample) -> dict[str, Counter[str]]:
    """Cut at every byte, flip every bit, move every line."""
    return {
        "cuts": Counter(check_cut(whole, size) for size in range(len(whole.data))),
        "flips": Counter(
            check_flip(whole, index, bit)
            for index, line in enumerate(whole.lines)
            for bit in range(len(line) * 8)
        ),
        "moves": Counter(check_moved(whole, *move) for move in moves(whole)),
    }


def main() -> None:
    """Run the long form and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fuzz", type=float, metavar="SECONDS")
    options = parser.parse_args()
    whole = sample(options.records, checkpoint=True)
    began = time.monotonic()
    if options.fuzz is not None:
        told = {
            f"changes at random, seed {options.seed}": fuzz(
                whole, options.seed, lasting(options.fuzz)
            )
        }
    else:
        told = exhaust(whole)
    sys.stdout.write(f"{options.records} records, {len(whole.data):,} bytes\n")
    for what, found in told.items():
        figures = ", ".join(f"{number:,} {name}" for name, number in sorted(found.items()))
        sys.stdout.write(f"{what}: {found.total():,}, none accepted changed: {figures}\n")
    sys.stdout.write(f"{time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    main()
