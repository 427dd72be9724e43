"""What of a target a selector can name. Help lists it, so this costs next to nothing to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from batch_onboard.core.record import Record
    from batch_onboard.core.targets import Target

FACTS: dict[str, Callable[[Target, Record], str | None]] = {
    "account_id": lambda target, _: target.key.account_id,
    "region": lambda target, _: target.key.region,
    "instance_id": lambda target, _: target.key.instance_id,
    "api": lambda target, _: target.api.value,
    "wave": lambda target, _: str(target.wave),
    "state": lambda _, record: record.state.value,
    "failure_code": lambda _, record: record.failure_code,
    "error_code": lambda _, record: record.error_code,
}
"""What each key but a label's stands for, given a target and what is known of it."""

OF_RECORDS = frozenset({"state", "failure_code", "error_code"})
"""What of it only a ledger knows, so that it changes from run to run."""

LABEL = "labels."
"""What stands before a label's name."""

KEYS = (*FACTS, f"{LABEL}NAME")
"""What a selector can name, as help says it."""
