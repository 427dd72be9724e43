from __future__ import annotations

import pytest

from batch_onboard.core.lifecycle import State
from batch_onboard.core.steps import Rules
from tests.engine.examples import targets
from tests.faults.crashing import Disk, Plan, Recorder, fates, play, resume, survivals
from tests.faults.outside import Outside
from tests.faults.storms import weather
from tests.faults.wrecks import WORLDS, every_wreck

SEEDS = 30


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_a_run_killed_at_any_step_is_gone_on_with_and_nothing_is_lost_or_started_twice(
    name: str,
) -> None:
    """Whatever step of the loop is the last one, a later run brings each target to its one end.

    All states that a kill can leave are gone on from; of what a power cut leaves besides, and of
    the fates of requests on their way, one after the other in turn.
    """
    assert every_wreck(name, thorough=False) > 60
