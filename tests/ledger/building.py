"""Ledgers made byte by byte, and the few values that most tests share."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batch_onboard.core.lifecycle import Event
from batch_onboard.core.record import Entry
from batch_onboard.core.targets import Api, Encryption, Identity, Target, TargetKey
from batch_onboard.ledger.codec import Seal, encode, encode_entry
from batch_onboard.ledger.file import open_ledger
from batch_onboard.ledger.lines import FORMAT, HeaderLine, Line, RunLine
from batch_onboard.ledger.replay import replay

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    seal = Seal(header.id)
    lines = [seal.line(1, 0, encode(header))]
    for group in groups:
        durable = len(lines)
        for each in group:
            body = encode_entry(each) if isinstance(each, Entry) else encode(each)
            lines.append(seal.line(len(lines) + 1, durable, body))
    return lines


def known(lines: list[bytes]) -> History:
    """Return what lines add up to."""
    return replay(lines, "x.jsonl")[0]


def opened(path: Path, **more: Any) -> Ledger:
    """Open a ledger with the settings that most tests share."""
    settings = {"manifest_name": "emea", "tool_version": "0.1.0", "wall": wall, **more}
    return open_ledger(path, **settings)
