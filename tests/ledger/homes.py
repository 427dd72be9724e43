"""Where a ledger may live: what it promises holds in each of these places."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from batch_onboard.app.ledgers import open_any_ledger, read_any_history, verify_any
from batch_onboard.ledger.lines import ClaimLine, HeartbeatLine, ReleasedLine
from tests.ledger.building import wall

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.app.ledgers import Place
    from batch_onboard.ledger.history import History
    from batch_onboard.ledger.ledger import Ledger
    from batch_onboard.ledger.verify import Examination
    from tests.s3 import Bucket

_OF_HOLDERS = {each.__struct_config__.tag for each in (ClaimLine, HeartbeatLine, ReleasedLine)}


@dataclass(frozen=True)
class Home:
    """A place for one ledger, which need not be there yet."""

    place: Place
    bucket: Bucket | None = None

    def open(self, **more: Any) -> Ledger:
        """Open the ledger with the settings that most tests share."""
        settings = {"manifest_name": "emea", "tool_version": "0.1.0", "wall": wall, **more}
        return open_any_ledger(self.place, **settings)

    def history(self) -> History:
        """Read the ledger."""
        return read_any_history(self.place)

    def verify(self) -> Examination:
        """Read the ledger for everything that is wrong with it."""
        return verify_any(self.place)

    def raw(self) -> bytes:
        """Return all its bytes, in order."""
        if self.bucket is None:
            path: Path = self.place  # type: ignore[assignment]  # what has no bucket is a file
            return path.read_bytes()
        return b"".join(self.bucket.get(key) for key in self.bucket.keys)

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines, as any JSON reader has them, but for those about who holds it."""
        lines = map(json.loads, self.raw().splitlines())
        return [line for line in lines if line["type"] not in _OF_HOLDERS]
