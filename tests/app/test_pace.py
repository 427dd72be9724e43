from __future__ import annotations

import random
from typing import TYPE_CHECKING

import anyio

from batch_onboard.app.pace import Pace, pause
from batch_onboard.core.calls import Answer, Meaning, Operation
from batch_onboard.core.limiter import BucketLimiter
from batch_onboard.engine.circuits import Circuits
from batch_onboard.engine.lanes import Lanes
from batch_onboard.engine.tally import Tally
from tests.virtual import run_virtual

if TYPE_CHECKING:
    from batch_onboard.ledger.lines import PacedLine


def lanes() -> Lanes:
    """Lanes that nothing has been asked of yet."""
    return Lanes(lambda *_: BucketLimiter(), Circuits(random.Random(1).random))


def test_a_run_is_measured_stretch_by_stretch() -> None:
    """Each sample tells what came since the last one, the end is one too, and a rest is none."""
    kept: list[PacedLine] = []

    async def live() -> None:
        tally = Tally([])
        async with Pace("r1", tally, lanes(), kept.append).measured():
            await anyio.sleep(0.5)
            tally.answered(Operation.START, Answer(Meaning.OK))
            tally.answered(Operation.START, Answer(Meaning.THROTTLED))
            await anyio.sleep(600)
            tally.answered(Operation.STATUS, Answer(Meaning.OK))

    run_virtual(live)
    assert [(line.run, line.calls, line.throttled) for line in kept] == [("r1", 2, 1), ("r1", 1, 0)]
    assert kept[0].seconds == 1.0
    assert kept[1].seconds < 60


def test_samples_are_frequent_at_first_and_then_once_a_minute() -> None:
    """A run of ten seconds has enough to draw, and one of a night not too much."""
    assert [pause(elapsed) for elapsed in (0, 30, 300, 1e5)] == [1, 1, 10, 60]
