"""Plans and histories that the tests of the application share."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from batch_onboard.app.planning import Item, Plan
from batch_onboard.core.forecast import Forecast
from batch_onboard.core.lifecycle import Event
from batch_onboard.core.planning import Action, Planned
from batch_onboard.core.record import Entry, Record
from batch_onboard.core.targets import Api, Encryption, Identity, Target, TargetKey
from batch_onboard.ledger.history import History
from batch_onboard.ledger.lines import HeaderLine
from batch_onboard.manifest.load import Manifest

if TYPE_CHECKING:
    from batch_onboard.manifest.sources import Source

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def target(name: str, *, account: str = "111122223333", wave: int = 1) -> Target:
    """Make a target."""
    key = TargetKey(account, "eu-west-2", name)
    return Target(key, Api.V1, Identity(), Encryption(enabled=False), wave=wave)


def item(name: str, action: Action, cause: str | None = None, **facts: str) -> Item:
    """Make one target of a plan; what is blocked or drifted has a record that says so."""
    made = target(name, **facts)  # type: ignore[arg-type]  # a test names real arguments
    record = Record()
    if action is Action.BLOCKED:
        record.apply(Entry(Event.GAVE_UP, made.key, NOON, error_code=cause))
    if action is Action.DRIFTED:
        record.apply(Entry(Event.FOUND_DRIFT, made.key, NOON, message="another key"))
    return Item(made, Planned(action, cause, "disabled"), record)


def plan(*items: Item, forecast: Forecast | None = None) -> Plan:
    """Make a plan."""
    return Plan(NOON, items, forecast or Forecast())


def manifest(*targets: Target, digest: str = "d1", sources: tuple[Source, ...] = ()) -> Manifest:
    """Make a manifest."""
    return Manifest("wave", Path("wave.yaml"), targets, digest, sources, ())


def history() -> History:
    """Make a history without any run."""
    return History(HeaderLine(at=NOON, format=2, id="0" * 32, tool="0.1.0", manifest="wave"))
