from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import anyio
import pytest

from batch_onboard.app.batch import open_batch
from batch_onboard.app.checkpoints import keep_checkpoint
from batch_onboard.app.clock import now_utc
from batch_onboard.app.outcome import Outcome
from batch_onboard.app.settings import Settings
from batch_onboard.exits import Exit
from batch_onboard.ledger import ledger as ledgers
from batch_onboard.ledger.file import open_ledger, read_history
from batch_onboard.ledger.replay import replay
from batch_onboard.ledger.verify import verify
from batch_onboard.manifest.load import load_manifest
from batch_onboard.simulator.scenario import Scenario

if TYPE_CHECKING:
    from pathlib import Path

    from batch_onboard.ledger.ledger import Ledger

ACCOUNT = "111122223333"
KINDS = ("fresh", "onboarded", "failed", "denied", "invalid", "missing", "in_progress")
SCENARIO = {
    "throttle": {"rate": None},
    "defaults": {"job_duration": {"min": 0, "max": 0}},
    "instances": [{"match": {"instance_id": f"{kind}-1"}, "initial": kind} for kind in KINDS],
}


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let checkpoints pay in ledgers of any length."""
    monkeypatch.setattr(ledgers, "_LEAST_LINES", 0)


def opened(path: Path) -> Ledger:
    """Open a ledger of its own."""
    return open_ledger(path, manifest_name="wave", tool_version="0", wall=now_utc)


def types_in(path: Path) -> list[str]:
    """Return the types of a ledger's lines."""
    return [json.loads(line)["type"] for line in path.read_bytes().splitlines()]


def test_what_a_run_leaves_as_its_checkpoint_is_what_its_lines_say(tmp_path: Path) -> None:
    """However targets end, line by line it adds up to the same, also after a run with less to do."""
    path = tmp_path / "wave.ledger.jsonl"
    for number, kinds in enumerate((KINDS, KINDS[:-1]), start=1):
        instances = [{"account_id": ACCOUNT, "region": "eu-west-2", "id": f"{k}-1"} for k in kinds]
        (tmp_path / "wave.yaml").write_text(
            json.dumps(
                {
                    "version": 1,
                    "name": "wave",
                    "defaults": {
                        "encryption": {"enabled": False},
                        "role_arn": "arn:aws:iam::{account_id}:role/Onboarder",
                    },
                    "instances": instances,
                }
            )
        )
        scenario = Scenario.model_validate(SCENARIO)
        with open_batch(
            load_manifest(tmp_path / "wave.yaml"), path, Settings(scenario=scenario, rate=500.0)
        ) as batch:
            anyio.run(batch.run)
        assert types_in(path).count("checkpoint") == number
        assert types_in(path)[-1] == "checkpoint"
        assert verify(path).damage == ()
    fast, (slow, _) = read_history(path), replay(path.read_bytes().splitlines(keepends=True), "x")
    assert fast.records == slow.records
    assert len({record.state for record in fast.records.values()}) >= 4
    assert (fast.targets, fast.removed) == (slow.targets, slow.removed)


def test_a_run_with_a_bug_leaves_none(tmp_path: Path) -> None:
    """What it has in memory may be ahead of what it has written."""
    with opened(path := tmp_path / "x.jsonl") as ledger:
        keep_checkpoint(ledger, Outcome(Exit.ERROR, "", bugs=(ValueError(),)), pytest.fail)
        assert types_in(path) == ["ledger"]
        keep_checkpoint(ledger, Outcome(Exit.OK, ""), pytest.fail)
        assert types_in(path) == ["ledger", "checkpoint"]


def test_a_checkpoint_that_can_not_be_written_is_told_and_costs_no_more(tmp_path: Path) -> None:
    """The run has ended as it has: everything but the checkpoint is in the ledger."""
    told: list[str] = []
    ledger = opened(tmp_path / "x.jsonl")
    ledger.close()
    keep_checkpoint(ledger, Outcome(Exit.OK, ""), told.append)
    (sentence,) = told
    assert re.match("all that has happened is in the ledger, but not the checkpoint", sentence)
