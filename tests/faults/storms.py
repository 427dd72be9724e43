"""Worlds drawn at random, in which anything may go wrong, and the runs and crashes in them."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

from batch_onboard.core.lifecycle import DONE, State
from batch_onboard.core.steps import Rules
from batch_onboard.simulator.faultrules import FaultKind
from tests.engine.examples import KEY, targets
from tests.faults.crashing import Disk, Plan, Recorder, check, fates, play, remembered, resume
from tests.faults.outside import Outside

if TYPE_CHECKING:
    from batch_onboard.core.record import Entry

CALM = 4 * 3600.0
"""Seconds after which no fault strikes any more, so that every target can come to its end."""

_SPOILING = [kind.value for kind in FaultKind if kind not in {FaultKind.REDIRECT, FaultKind.ERROR}]
_ERRORS: tuple[dict[str, Any], ...] = (
    {"status": 500},
    {"status": 503, "code": "ServiceUnavailable", "shape": "html"},
    {"status": 429, "code": "ThrottlingException", "shape": "empty_body"},
    {"status": 400, "code": "Throttling"},
    {"status": 409, "code": "ConflictException"},
    {"status": 403, "code": "AccessDeniedException"},
)
_INITIAL = ("fresh", "fresh", "fresh", "onboarded", "in_progress", "offboarded", "failed")


@dataclass(frozen=True, slots=True)
class Storm:
    """One such world: its scenario, how the engine is run, and what each target is at first."""

    scenario: dict[str, Any]
    plan: Plan
    initial: dict[str, str]
    crashes: int


def draw(seed: int) -> Storm:
    """Draw a world by a seed."""
    chance = Random(seed)
    what = tuple(targets(chance.randint(1, 10), accounts=chance.randint(1, 3)))
    initial = {target.key.instance_id: chance.choice(_INITIAL) for target in what}
    scenario = {
        "seed": seed,
        "defaults": {
            "job_duration": {"min": 5, "max": chance.choice((10, 120, 900))},
            "visible_after": chance.choice((0, 0, 10, 30)),
            # A second job is made wherever a Start arrives that should not have been sent.
            "start_on_in_progress": "accept",
            "start_on_done": "accept",
            "failures": chance.choice((0, 0, 0, 1)),
            "max_jobs_in_progress": chance.choice((None, None, 1, 3)),
        },
        "instances": [
            {
                "match": {"instance_id": target.key.instance_id},
                "initial": initial[target.key.instance_id],
                "encryption": {
                    "enabled": True,
                    "key_arn": KEY.format(account=target.key.account_id),
                },
            }
            for target in what
        ],
        "throttle": {"rate": chance.choice((None, 0.5, 2, 20)), "burst": chance.choice((1, 5))},
        "faults": [_fault(chance) for _ in range(chance.randint(0, 5))],
    }
    return Storm(scenario, _plan(chance, what), initial, chance.randint(0, 3))


def _fault(chance: Random) -> dict[str, Any]:
    kind = chance.choice([*_SPOILING, "error", "error"])
    fault: dict[str, Any] = {
        "kind": kind,
        "match": {"operation": chance.choice(("*", "Start*", "Get*", "Delete*", "AssumeRole"))},
        "probability": chance.choice((0.02, 0.1, 0.3)),
        "window": {"from": 0, "to": chance.choice((10, 120, CALM))},
    }
    if kind == "error":
        fault |= chance.choice(_ERRORS)
    if kind == "delay":
        fault["seconds"] = chance.choice((1, 19, 30))
    return fault


def _plan(chance: Random, what: tuple[Any, ...]) -> Plan:
    slow = chance.choice((0.05, 0.5, 15.0))
    rules = Rules(
        precheck=chance.random() < 0.7,
        consistency_window=60.0,
        retry_failed=True,
        clear_failed=True,
    )
    return Plan(
        what,
        rules,
        concurrency=chance.choice((1, 3, 128)),
        latency=lambda: chance.expovariate(1 / slow),
        seed=chance.getrandbits(32),
        pace=chance.choice((1.0, 5.0, 100.0)),
    )


def weather(seed: int) -> int:
    """Live through a world: runs that are cut off, runs in the faults, and then in calm.

    Returns:
        How many runs were cut off.

    Raises:
        AssertionError: something was lost or done twice.
    """
    storm = draw(seed)
    chance = Random(-seed - 1)
    outside, now = Outside(storm.scenario), 0.0
    entries: list[Entry] = []
    for _ in range(storm.crashes):
        outside, entries, now = _cut_off(storm.plan, outside, entries, now, chance)
    disk = Disk(list(entries), durable=len(entries))
    records = remembered(entries)
    now = play(storm.plan, outside, disk, records, now=now)
    check(storm.plan, outside, disk.entries)
    calm = replace(storm.plan, latency=lambda: 0.05)
    ended = resume(calm, outside, disk.entries, now=max(now, CALM), runs=8)
    for target in storm.plan.targets:
        initial, record = storm.initial[target.key.instance_id], ended[target.key]
        assert record.state in DONE, (target.key, initial, record)
        if initial == "onboarded" and storm.plan.rules.precheck:
            assert record.state is State.ALREADY_ONBOARDED, (target.key, record)
    return storm.crashes


def _cut_off(
    plan: Plan, outside: Outside, entries: list[Entry], now: float, chance: Random
) -> tuple[Outside, list[Entry], float]:
    """Run until some moment, and return what is left, and when the next run begins."""
    wanted = chance.randint(1, 60 * len(plan.targets))
    disk = Disk(list(entries), durable=len(entries))
    recorder = Recorder(outside, disk, wanted=lambda number: number == wanted)
    now = play(plan, outside, disk, remembered(entries), now=now, recorder=recorder)
    if not recorder.wrecks:  # the run was over before that
        return outside, disk.entries, now
    wreck = recorder.wrecks[0]
    check(plan, wreck.outside, wreck.entries)
    left = chance.randint(wreck.durable, len(wreck.entries))
    outside = copy.deepcopy(chance.choice(list(fates(wreck.outside))))
    return outside, list(wreck.entries[:left]), wreck.now + chance.choice((0.0, 2.0, 40.0, 600.0))
