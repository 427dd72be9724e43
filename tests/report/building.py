"""Batches of any size for tests of reports, with all that may stand in one."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from batch_onboard.core.calls import Operation
from batch_onboard.core.lifecycle import State
from batch_onboard.core.record import Record
from batch_onboard.core.targets import Api, TargetKey
from batch_onboard.ledger.history import History, RunSummary, TargetInfo
from batch_onboard.ledger.lines import (
    FORMAT,
    HeaderLine,
    LearnedLine,
    PacedLine,
    RunEndedLine,
    RunLine,
)

BEGAN = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
REGIONS = ("eu-west-2", "us-west-2", "ap-southeast-2")
START = Operation.START
_MIX = {
    State.SUCCEEDED: 86,
    State.ALREADY_ONBOARDED: 8,
    State.FAILED: 2,
    State.REJECTED: 1,
    State.DRIFTED: 1,
    State.UNRESOLVED: 1,
    State.IN_PROGRESS: 1,
}


def batch(targets: int, *, seed: int = 7, accounts: int = 40, name: str = "emea-wave-1") -> History:
    """A batch after two runs, the second a day after the first: most targets are onboarded."""
    chance = random.Random(seed)
    made = History(HeaderLine(at=BEGAN, format=FORMAT, id="0" * 32, tool="0.1.0", manifest=name))
    long = max(60.0, targets / 12)
    for number in range(targets):
        account = f"{number % accounts:012}"
        ident = str(uuid.UUID(int=chance.getrandbits(128)))
        key = TargetKey(account, REGIONS[number % accounts % 3], ident)
        labels = (("business_unit", chance.choice(["retail", "claims"])),)
        made.targets[key] = TargetInfo(Api.V1, "disabled", 1 + number % 3, labels)
        made.records[key] = _record(chance, long * number / targets)
    for day in (0, 1):
        made.runs.append(run(f"run{day}", BEGAN + timedelta(days=day), long + 200, 3))
    made.paced += paced("run0", chance, long)
    for number in range(3):
        made.learned[_domain(number), START] = _learned(number)
    return made


def _record(chance: random.Random, at: float) -> Record:
    state = chance.choices(list(_MIX), list(_MIX.values()))[0]
    started = BEGAN + timedelta(seconds=at + chance.random())
    finished = started + timedelta(seconds=chance.lognormvariate(3.6, 0.5))
    record = Record(state=state, request_id=str(uuid.UUID(int=chance.getrandbits(128))))
    if state is State.ALREADY_ONBOARDED:
        record.finished_at = started
        return record
    record.attempts, record.ours, record.started_at = 1, True, started
    if state not in {State.IN_PROGRESS, State.UNRESOLVED}:
        record.finished_at = finished
    if state is State.FAILED:
        record.failure_code = chance.choice(["KMS_ACCESS_DENIED", "EVENT_BRIDGE_ACCESS_DENIED"])
        record.message = "User is not authorized to perform kms:CreateGrant on this resource."
    if state is State.REJECTED:
        record.error_code, record.message = "ValidationException", "instance is not active"
    if state is State.UNRESOLVED:
        record.error_code, record.message = "timeout", "no answer within 20 s"
    return record


def run(name: str, began: datetime, seconds: float, code: int, **more: Any) -> RunSummary:
    """A run that has ended."""
    facts: dict[str, Any] = {
        "at": began,
        "run": name,
        "tool": "0.1.0",
        "python": "3.11",
        "botocore": "1.40",
        "host": "runner-1",
        "pid": 1,
        "user": "ops",
        "arguments": ("run", "emea-wave-1.yaml", "--yes"),
        "manifest": "emea-wave-1.yaml",
        "digests": {},
        "caller": "arn:aws:sts::111122223333:assumed-role/Onboarding/ops",
        "change_ref": "CHG-1234",
    }
    line = RunLine(**(facts | more))
    at = began + timedelta(seconds=seconds)
    return RunSummary(line, RunEndedLine(at=at, run=name, exit_code=code, reason="finished"))


def paced(name: str, chance: random.Random, long: float) -> list[PacedLine]:
    """Samples of a run."""
    lines = []
    for number in range(60):
        rates = tuple(
            (_domain(each), START, round(2 + each + chance.random() + number / 30, 3))
            for each in range(8)
        )
        throttled = chance.choice([0, 0, 1, 2, 5])
        at, seconds = long * (number + 1) / 60, long / 60
        lines.append(paced_line(name, at, seconds=seconds, throttled=throttled, rates=rates))
    return lines


def paced_line(name: str, at: float, *, seconds: float = 1.0, **more: Any) -> PacedLine:
    """A sample that was taken so many seconds after the first run began."""
    facts: dict[str, Any] = {"calls": 200, "throttled": 0} | more
    return PacedLine(at=BEGAN + timedelta(seconds=at), run=name, seconds=seconds, **facts)


def _domain(number: int) -> str:
    return f"{number:012}/{REGIONS[number % 3]}"


def _learned(number: int) -> LearnedLine:
    return LearnedLine(
        at=BEGAN,
        domain=_domain(number),
        operation=START,
        rate=2.0 + number,
        burst=5.0,
        confidence=0.9,
        sent=250,
        throttled=4,
    )
