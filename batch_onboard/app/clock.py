"""What time it is."""

from __future__ import annotations

from datetime import UTC, datetime


def now_utc() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)
