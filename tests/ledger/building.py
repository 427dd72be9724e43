"""Ledgers made byte by byte, and the few values that most tests share."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from batch_onboard.core.lifecycle import Event
from batch_onboard.core.record import Entry, Record
from batch_onboard.core.targets import Api, Encryption, Identity, Target, TargetKey
from batch_onboard.ledger.checkpoint import closing
from batch_onboard.ledger.codec import Seal, encode, encode_entry, unplaced
from batch_onboard.ledger.file import open_ledger
from batch_onboard.ledger.lines import FORMAT, HeaderLine, Line, RunLine
from batch_onboard.ledger.replay import replay
from batch_onboard.ledger.snapshot import snapshot
from batch_onboard.ledger.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.ledger import Ledger

ROOT = Path(__file__).parents[2]
"""Where processes are started that import this module."""

AT = datetime(2026, 11, 22, 20, 0, 0, 123456, UTC)
ID = "0123456789abcdef" * 2
HEADER = HeaderLine(at=AT, format=FORMAT, id=ID, tool="0.1.0", manifest="emea")
KEY = TargetKey("111122223333", "eu-west-2", "0f1e")


def wall() -> datetime:
    """Tell the one time at which all tests take place."""
    return AT


def key(number: int) -> TargetKey:
    """Return the key of a numbered target."""
    return TargetKey("111122223333", "eu-west-2", f"instance-{number}")


def intent(number: int, **more: Any) -> Entry:
    """Return the first thing that happens to a numbered target."""
    return Entry(Event.INTENDED, key(number), AT, **more)


def target(number: int, **more: Any) -> Target:
    """Return a numbered target, as a manifest has it."""
    return Target(key(number), Api.V1, Identity(), Encryption(enabled=False), **more)


def run_line(run: str = "r1", **more: Any) -> RunLine:
    """Return the line that begins a run."""
    return RunLine(
        at=AT,
        run=run,
        tool="0.1.0",
        python="3.11.7",
        botocore="1.40.61",
        host="h",
        pid=7,
        user="ops",
        arguments=("run", "emea.yaml"),
        manifest="emea.yaml",
        digests={"emea.yaml": "sha256:00"},
        **more,
    )


def raw_ledger(*groups: Sequence[Entry | Line], header: HeaderLine = HEADER) -> list[bytes]:
    """Return the lines of a ledger whose groups were each synced before the next was written."""
    return raw_longer([Seal(header.id).line(1, 0, encode(header))], *groups, header=header)


def raw_longer(
    lines: Sequence[bytes], *groups: Sequence[Entry | Line], header: HeaderLine = HEADER
) -> list[bytes]:
    """Return the lines of a ledger to which such groups were added."""
    longer, seal = list(lines), Seal(header.id)
    for group in groups:
        durable = len(longer)
        for each in group:
            body = encode_entry(each) if isinstance(each, Entry) else encode(each)
            longer.append(seal.line(len(longer) + 1, durable, body))
    return longer


def raw_checkpoint(
    lines: Sequence[bytes], history: History | None = None, **more: Any
) -> list[bytes]:
    """Return the lines of a ledger to which a checkpoint was added.

    Args:
        lines: the ledger.
        history: what the checkpoint says, if it is not what the lines add up to.
        more: what its closing line says that it should not.
    """
    parts = snapshot(history or known(lines), AT, again=True)
    longer, trail = raw_longer(lines, [*parts]), Trail()
    trail.add(b"".join(longer))
    line = closing(AT, len(lines) + 1, len(b"".join(lines)), trail)
    return raw_longer(longer, [replace(line, **more)])


class BytesSource:
    """A ledger in memory; conforms to `Source`."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines

    def lines(self) -> Iterator[bytes]:
        """Yield its lines."""
        return iter(self._lines)

    def lines_from(self, offset: int, trail: Trail) -> Iterator[bytes]:
        """Yield its lines from an offset on, after all bytes before it were added to `trail`."""
        data = b"".join(self._lines)
        trail.add(data[:offset])
        return iter(BytesIO(data[offset:]))

    def last_with(self, mark: bytes) -> bytes | None:
        """Return the last line that has some bytes in it; None if there is none."""
        return next((line for line in reversed(self._lines) if mark in line), None)


def known(lines: Sequence[bytes]) -> History:
    """Return what lines add up to."""
    return replay(lines, "x.jsonl")[0]


def opened(path: Path, **more: Any) -> Ledger:
    """Open a ledger with the settings that most tests share."""
    settings = {"manifest_name": "emea", "tool_version": "0.1.0", "wall": wall, **more}
    return open_ledger(path, **settings)


def plain(value: object) -> object:
    """Return a history without places of lines, and without records that say nothing."""
    if isinstance(value, Line):
        return encode(unplaced(value))
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items() if each != Record()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, tuple) or not hasattr(value, "__slots__") or isinstance(value, Record):
        return value
    return {name: plain(getattr(value, name)) for name in value.__slots__}
