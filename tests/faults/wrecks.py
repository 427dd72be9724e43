"""Small worlds in which a run is cut off at every step, and what has to come of it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from batch_onboard.core.lifecycle import DONE
from batch_onboard.core.steps import Rules
from tests.engine.examples import targets
from tests.faults.crashing import Disk, Plan, Recorder, check, fates, play, resume, survivals
from tests.faults.outside import Outside

_RULES = Rules()
# Wherever a Start arrives that should not have been sent, it makes a second job.
_HARSH: dict[str, Any] = {
    "start_on_done": "accept",
    "start_on_in_progress": "accept",
    "job_duration": {"min": 20, "max": 40},
}


@dataclass(frozen=True, slots=True)
class Trial:
    """A world, and the rules of the runs in it."""

    defaults: dict[str, Any] = field(default_factory=dict)
    throttle: dict[str, Any] = field(default_factory=lambda: {"rate": None})
    faults: tuple[dict[str, Any], ...] = ()
    rules: Rules = _RULES
    number: int = 4

    @property
    def scenario(self) -> dict[str, Any]:
        """The same as a scenario."""
        return {
            "defaults": _HARSH | self.defaults,
            "throttle": self.throttle,
            "faults": list(self.faults),
        }


_START = {"operation": "StartInstanceOnboardingJob"}
WORLDS = {
    "all goes well": Trial(),
    "nothing is read first": Trial(rules=Rules(precheck=False, consistency_window=1.0), number=3),
    "answers are lost": Trial(
        faults=({"match": _START, "times": 4, "kind": "drop_after"},),
        rules=Rules(consistency_window=1.0),
    ),
    "calls are refused": Trial({"max_jobs_in_progress": 1}, {"rate": 1, "burst": 1}, number=2),
    "jobs are seen late": Trial({"visible_after": 30}, number=3),
    "jobs fail at first": Trial({"failures": 1}, number=3),
    "instances were offboarded": Trial({"initial": "offboarded"}, number=3),
}


def every_wreck(name: str, *, thorough: bool) -> int:
    """Cut a run off at each of its steps, and go on from each state that is left.

    Args:
        name: of the world.
        thorough: go on from everything that a power cut may leave, with every fate of the requests
            on their way; else take one of these for each state, in turn.

    Returns:
        How many wrecks were gone on from.

    Raises:
        AssertionError: something was lost or done twice.
    """
    trial = WORLDS[name]
    plan = Plan(tuple(targets(trial.number, accounts=2)), trial.rules)
    outside, disk = Outside(trial.scenario), Disk()
    recorder = Recorder(outside, disk)
    play(plan, outside, disk, {}, now=0.0, recorder=recorder)
    count = 0
    for turn, wreck in enumerate(recorder.wrecks):
        ways = list(product(survivals(wreck), fates(wreck.outside)))
        for left, fate in ways if thorough else [ways[turn % len(ways)]]:
            entries = wreck.entries[:left]
            check(plan, wreck.outside, entries)
            ended = resume(plan, copy.deepcopy(fate), entries, now=wreck.now)
            assert {record.state for record in ended.values()} <= DONE, (wreck.step, left)
            assert len(ended) == trial.number
            count += 1
    return count
