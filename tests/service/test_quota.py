"""The quota of STS: thousands of roles are asked for by one account, at the pace that it bears."""

from __future__ import annotations

import asyncio

import pytest

from batch_onboard.core.calls import Answer, Meaning
from batch_onboard.service.pacing import Pace
from tests.service.stub import role, target
from tests.service.test_contract import on_the_wire


@pytest.mark.asyncio
async def test_many_roles_come_at_the_pace_of_sts() -> None:
    """At 30 a second all roles are had, with few refused calls, and none is given up."""
    accounts = [f"{number:012}" for number in range(1, 41)]
    sts = {"throttle": {"rate": 30, "burst": 5}}
    async with on_the_wire(sts=sts) as played:
        targets = [target(account, identity=role(account)) for account in accounts]
        answers = await asyncio.gather(*(played.service.prepare(each) for each in targets))
        seen = played.world.seen
        assert answers == [None] * len(accounts)
        assert seen.requests["AssumeRole"] <= 1.5 * len(accounts)


@pytest.mark.asyncio
async def test_the_pace_learns_from_each_kind_of_answer() -> None:
    """A throttle slows it down; what was not sent, or taught nothing, leaves it as it is."""
    pace = Pace(lambda: 0.5)
    for meaning in (Meaning.UNSENT, Meaning.UNCLEAR, Meaning.DENIED):
        pace.answered(await pace.turn(), Answer(meaning))
    pace.answered(await pace.turn(), {"Account": "1"})
    ticket = await pace.turn()
    pace.answered(ticket, Answer(Meaning.THROTTLED, retry_after=0.2))
    began = asyncio.get_running_loop().time()
    await pace.turn()
    assert asyncio.get_running_loop().time() - began >= 0.15
