from __future__ import annotations

import json
from typing import TYPE_CHECKING

from batch_onboard.core.adaptive import AdaptiveLimiter
from benchmarks.limiter.__main__ import main
from benchmarks.limiter.contenders import CONTENDERS, WITHOUT

if TYPE_CHECKING:
    import pytest


def test_every_limiter_works_every_small_scenario_through(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The quick form prints a line for each scenario and limiter, with finite ratios."""
    assert main(["--quick", "--json", "--only", "120ms"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["limiter"] for line in lines} == set(CONTENDERS)
    assert all(0.5 < line["median"]["ratio"] < 20 for line in lines)


def test_ours_beats_its_peers_at_the_documented_quota(capsys: pytest.CaptureFixture[str]) -> None:
    """At 2 a second with burst 5, 50 calls: 3 % of waste at most, and all targets met."""
    assert main(["--quick", "--json", "--only", "2/5 N=50 120ms"]) == 0
    lines = {
        line["limiter"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())
    }
    assert lines["ours"]["verdict"].startswith("PASS")
    assert lines["boto-adapt"]["median"]["waste"] > 0.2


def test_the_table_shows_ours_beside_ours_without_a_part(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An ablation is a column of its own; a co-tenant's harm is shown where there is one."""
    assert main(["--quick", "--only", "co-tenant", "--ablate", "RESERVE"]) == 0
    out = capsys.readouterr().out
    assert "-RESERVE" in out
    assert "harm" in out


def test_every_constant_of_the_limiter_can_be_ablated() -> None:
    """A constant without an ablation could stay for no reason."""
    assert set(WITHOUT) == {name for name in vars(AdaptiveLimiter) if name.isupper()}


def test_a_name_that_matches_nothing_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt scenario never passes for all of them."""
    assert main(["--only", "nonesuch"]) == 2
    assert "nonesuch" in capsys.readouterr().err
