"""What the coordinator may rely on, whichever engine it has."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import anyio
import psutil  # type: ignore[import-untyped]  # Dask has brought it
import pytest

from batch_onboard.app.clock import now_utc
from batch_onboard.app.ledgers import open_any_ledger
from batch_onboard.app.outcome import Outcome
from batch_onboard.exits import Exit
from batch_onboard.fleet.dask import DaskSettings, open_dask
from batch_onboard.fleet.inprocess import open_in_process
from batch_onboard.fleet.port import Begun, End, Engine, EngineError, Held, Lost, Order, Report
from tests.fleet.conftest import spread
from tests.fleet.starting import free_port, scheduler
from tests.fleet.test_fleet import Lab, part_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from batch_onboard.fleet.port import Heard, OpenEngine, Part

STOP = Outcome(Exit.STOPPED, "stopped: enough")


def test_the_contract_of_engines(tmp_path: Path) -> None:
    """Parts end once, in their own words; orders reach those that wait; bugs come with a trace."""
    part = part_of(Lab(tmp_path, spread(2)), run="r1")
    _use(open_in_process, partial(_keep_the_contract, part))


def test_dask_tells_of_a_worker_that_its_scheduler_loses_and_keeps_the_contract(
    tmp_path: Path,
) -> None:
    """And the next parts are begun by the worker that comes in its place."""
    part = part_of(Lab(tmp_path, spread(2)), run="r1")

    async def use(engine: Engine) -> None:
        with _held(part):
            await engine.launch(replace(part, number=8))
            assert isinstance(await engine.hear(), Held)
            for each in psutil.Process().children():
                if "spawn_main" in " ".join(each.cmdline()):
                    each.kill()
            lost = await _after(engine, Held)
            assert isinstance(lost, Lost)
            assert "is gone" in lost.why
        await engine.launch(replace(part, number=9, silence=0.0))
        assert isinstance(await engine.hear(), Begun)
        assert isinstance(await _after(engine, Report), End)
        await _keep_the_contract(part, engine)

    _use(partial(open_dask, DaskSettings(workers=1, threads=4)), use)


async def _keep_the_contract(part: Part, engine: Engine) -> None:
    await engine.launch(replace(part, number=1, tool="0.0.9"))
    end = await engine.hear()
    assert isinstance(end, End)
    assert (end.number, end.outcome.exit_code) == (1, Exit.USAGE)

    await engine.launch(replace(part, number=2, settings=None))  # type: ignore[arg-type]  # a bug
    bug = await engine.hear()
    assert isinstance(bug, End)
    assert bug.outcome.exit_code is Exit.ERROR
    assert "Traceback" in bug.traces[0]

    with _held(part):
        await engine.launch(replace(part, number=3))
        held = await engine.hear()
        assert isinstance(held, Held)
        engine.withdraw(frozenset({77}))
        engine.order(Order(STOP))
        stopped = await _after(engine, Held)
    assert stopped == End(3, STOP)
    assert engine.workers == 1


def test_what_is_withdrawn_before_a_worker_has_room_is_not_begun(tmp_path: Path) -> None:
    """With no worker at all a task waits, and can be taken back."""
    part = part_of(Lab(tmp_path, spread(2)), run="r1")
    nobody = DaskSettings(listen=f"tcp://127.0.0.1:{free_port()}")

    async def use(engine: Engine) -> None:
        await engine.launch(part)
        engine.withdraw(frozenset({part.number}))
        assert await engine.hear() == Lost(part.number, "the scheduler has let its task go")
        assert engine.workers == 0

    _use(partial(open_dask, nobody), use)


def test_a_scheduler_that_goes_away_is_told(tmp_path: Path) -> None:
    """From then on nothing is heard, so the coordinator need not wait; nobody there is told too."""
    part = part_of(Lab(tmp_path, spread(2)), run="r1")
    port = free_port()
    settings = DaskSettings(address=f"tcp://127.0.0.1:{port}", patience=30.0)

    async def main() -> None:
        async with open_dask(settings, "r1") as engine:
            await engine.launch(part)
            there.kill()
            with pytest.raises(EngineError, match="the connection to the scheduler is lost"):
                await engine.hear()
        with pytest.raises(EngineError, match=r"the scheduler at tcp://127.* can't be reached"):
            async with open_dask(replace(settings, patience=0.5), "r2"):
                pytest.fail("there is nobody")

    with scheduler(port) as there:
        anyio.run(main)


def _held(part: Part) -> AbstractContextManager[object]:
    """Hold a part's ledger, as another run."""
    return open_any_ledger(part.ledger, manifest_name="wave", tool_version="0", wall=now_utc)


def _use(open_engine: OpenEngine, use: Callable[[Engine], Awaitable[None]]) -> None:
    async def main() -> None:
        with anyio.fail_after(120):
            async with open_engine("r1") as engine:
                await use(engine)

    anyio.run(main)


async def _after(engine: Engine, kind: type[Heard]) -> Heard:
    """Return what is heard after messages of a kind."""
    while isinstance(heard := await engine.hear(), kind):
        pass
    return heard
