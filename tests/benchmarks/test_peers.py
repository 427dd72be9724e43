from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers.__main__ import main
from benchmarks.peers.measures import Measures, measure
from benchmarks.peers.roster import roster
from benchmarks.peers.table import as_table
from benchmarks.peers.work import Work

PROJECT = Path(__file__).parents[2]
TINY = ["--quota", "50/20", "--number", "10", "--latency", "20ms", "--runs", "1"]


def test_peers_do_the_same_work_and_are_measured_by_what_the_simulator_saw() -> None:
    """Two peers start all of a tiny batch, and the JSON has each run's measures."""
    command = [sys.executable, "-m", "benchmarks.peers", *TINY, "--json"]
    command += ["--only", "ours", "--only", "aioboto3"]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    results = json.loads(ended.stdout)
    assert results["work"] == {"rate": 50.0, "burst": 20.0, "number": 10, "latency": 0.02}
    assert set(results["peers"]) == {"ours", "aioboto3"}
    for peer in results["peers"].values():
        (run,) = peer["runs"]
        assert run["lost"] == 0
        assert run["waste"] == 0
        assert run["ratio"] >= 1
        assert run["cpu"] > 0
        assert peer["ratio"] == dict.fromkeys(("median", "least", "most"), run["ratio"])


def test_a_peer_that_can_not_run_is_skipped_aloud(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without an `aws` that runs, the program says so and measures nothing."""
    monkeypatch.setattr(sys, "argv", ["peers", "--only", "aws-cli", "--aws", "/nowhere/aws"])
    with pytest.raises(SystemExit, match="none of these peers can run"):
        main()
    assert "SKIPPED: aws-cli" in capsys.readouterr().err


def test_a_quota_that_can_not_be_is_a_mistake_of_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--quota` wants a rate above 0 and a burst of at least 1."""
    monkeypatch.setattr(sys, "argv", ["peers", "--quota", "0/5"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "a quota needs a rate above 0" in capsys.readouterr().err


def test_the_table_shows_medians_and_the_spread_where_there_is_one() -> None:
    """A row has the median of each measure, with least and most if the runs differ."""
    work = Work(rate=20, burst=10, number=200, latency=0.05)
    (peer,) = (peer for peer in roster(None) if peer.name == "ours")
    runs = [Measures(ratio, waste=4.0, lost=0, cpu=1.5) for ratio in (1.01, 1.3, 1.02)]
    row = as_table(work, {peer: runs}).splitlines()[-1]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["batch-onboard run", "1.02 (1.01 to 1.30)", "4.0", "0", "1.5"]


def test_what_was_seen_becomes_ratio_waste_and_lost_targets() -> None:
    """The ratio is the server's time line over what the quota takes; a lost target is counted."""
    work = Work(rate=2, burst=2, number=4, latency=0.5)
    seen = {
        "accepted_starts": [[10.0, "a"], [10.0, "b"], [12.5, "c"]],
        "requests": {"StartInstanceOnboardingJob": 4, "GetCallerIdentity": 1},
        "throttles": {"000000000000/eu-west-2": 1},
    }
    assert measure(work, seen, cpu=1.0) == Measures(ratio=2.0, waste=25.0, lost=1, cpu=1.0)
    assert measure(work, {**seen, "accepted_starts": []}, cpu=1.0) is None
