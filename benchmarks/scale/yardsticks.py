"""`python -m benchmarks.scale.yardsticks NAME FILE`: what a part, or a library alone, takes."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import yaml

from batch_onboard.ledger.codec import decode
from batch_onboard.ledger.file import read_history
from batch_onboard.ledger.replay import replay


def yaml_alone(path: Path) -> None:
    """Load YAML as PyYAML's C loader does."""
    yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)


def lines_typed(path: Path) -> None:
    """Decode each line of a ledger into its type, and keep none."""
    with path.open("rb") as lines:
        for line in lines:
            decode(line)


def lines_untyped(path: Path) -> None:
    """Decode each line of a ledger into a dict, and keep none."""
    decode_any = msgspec.json.Decoder().decode
    with path.open("rb") as lines:
        for line in lines:
            decode_any(line)


def opening(path: Path) -> None:
    """Read what a ledger knows, as every command does."""
    read_history(path)


def opening_by_lines(path: Path) -> None:
    """Read what a ledger knows as if it had no checkpoint."""
    with path.open("rb") as lines:
        replay(lines, path.name)


YARDSTICKS = {
    "yaml alone": yaml_alone,
    "lines, typed": lines_typed,
    "lines, untyped": lines_untyped,
    "opening": opening,
    "opening by lines": opening_by_lines,
}

if __name__ == "__main__":
    YARDSTICKS[sys.argv[1]](Path(sys.argv[2]))
