"""The long forms: faults made as often as time allows, each a stream of trials.

A trial yields a word for what came of it ('cut', 'killed' …) or raises AssertionError. A stream
goes on until its number is reached, or what it sweeps is swept.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from batch_onboard.exits import Exit
from tests.cli.conftest import Shell, Simulated, instance, manifest
from tests.faults.lab import FAST, HASTY, assert_survived
from tests.faults.mixes import LOOKUPS, mix
from tests.faults.storms import weather
from tests.faults.tracing import (
    HURT,
    POINTS,
    assert_left_whole,
    assert_resumed,
    failed_at,
    killed_at,
    was_hurt,
)
from tests.faults.wrecks import WORLDS, every_wreck
from tests.ledger.building import ROOT
from tests.manifest import fuzzing

if TYPE_CHECKING:
    from collections.abc import Iterator

LOSSY = f"""{FAST.replace("null", "40")}faults:
  - {{match: {{operation: Start*}}, kind: drop_after, probability: 0.3}}
  - {{match: {{operation: Start*}}, kind: drop_before, probability: 0.1}}
  - {{match: {{operation: Get*}}, kind: cut_body, probability: 0.1}}
"""
_KEPT = ("PATH", "HOME")
KILLS_A_BATCH = 20


@contextmanager
def laboratory(scenario: str, number: int) -> Iterator[tuple[Shell, Simulated]]:
    """Give a folder with a manifest of so many targets, and a simulator that plays a scenario."""
    with tempfile.TemporaryDirectory() as name:
        shell = Shell(Path(name), {key: os.environ[key] for key in _KEPT if key in os.environ})
        shell.write("no-aws-config", "")
        shell.environment |= dict.fromkeys(
            ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), str(shell.folder / "no-aws-config")
        )
        shell.environment |= {"AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": str(ROOT)}
        shell.write("wave.yaml", manifest(*(instance(f"i-{n}") for n in range(number))))
        shell.write("scenario.yaml", scenario)
        try:
            with shell.simulator("scenario.yaml") as simulator:
                yield shell, simulator
        finally:
            shell.end_all()


def random_kills(seed: int) -> Iterator[str]:
    """Kill -9 at random, with answers that are lost; every 20th time a batch is brought to its end."""
    chance = random.Random(seed)
    while True:
        with laboratory(LOSSY, 60) as (shell, simulator):
            for _ in range(KILLS_A_BATCH):
                enough = requests(simulator) + chance.randint(0, 30)
                process = shell.start("run", "wave.yaml", *HASTY)
                while process.poll() is None and requests(simulator) < enough:
                    time.sleep(0.005)
                process.kill()
                process.communicate(timeout=30)
                assert_left_whole(shell, simulator)
                yield "killed" if process.returncode == -signal.SIGKILL else "over before"
            assert_survived(shell, simulator, 60)


def requests(simulator: Simulated) -> int:
    """Return how many requests have arrived."""
    return sum(simulator.seen()["requests"].values())


def kills_at_each_point(seed: int) -> Iterator[str]:
    """Kill -9 before every write, fsync, rename and send of a small run, one after the other."""
    del seed  # there is no chance in it
    for call in POINTS:
        number, killed = 0, True
        while killed:
            number += 1
            with laboratory(FAST, 3) as (shell, simulator):
                killed = killed_at(shell, call, number)
                assert_resumed(shell, simulator, 3)
            yield f"{call}: {'killed' if killed else 'clean'}"


def errors_at_each_point(seed: int) -> Iterator[str]:
    """An I/O error at every write, fsync, rename, truncate and lock, until a run has met none."""
    del seed
    for call in HURT:
        number, hurt = 0, True
        while hurt:
            number += 1
            with laboratory(FAST, 3) as (shell, simulator):
                ended = failed_at(shell, call, number)
                hurt = was_hurt(shell)
                assert "Traceback" not in ended.out + ended.err, ended.err
                assert ended.code in set(Exit), ended.err
                assert_resumed(shell, simulator, 3)
            yield f"{call}: exit {ended.code}" if hurt else f"{call}: clean"


def power_cuts(kind: str, seed: int, *, lying: bool = False) -> Iterator[str]:
    """Cut the power under a writer; with `lying`, where every fsync lies, losses are what is due."""
    while True:
        command = ["unshare", "-m", sys.executable, "-m", "tests.faults.powercuts"]
        command += [kind, "5", str(seed), *(["lying"] if lying else [])]
        seed += 1
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        counts = json.loads(done.stdout)
        losses = counts["losses"]
        if lying:
            assert losses, "losses that are there were not seen"
        else:
            assert losses == 0, f"{losses} losses"
        yield from ["loss seen"] * losses
        yield from ["cut"] * (counts["cuts"] - losses)


def random_worlds(seed: int) -> Iterator[str]:
    """Worlds drawn at random, with faults and crashes, on virtual time."""
    while True:
        try:
            crashes = weather(seed)
        except AssertionError as error:
            raise AssertionError(f"the world of seed {seed}: {error}") from error
        seed += 1
        yield f"{crashes} crashes"


def every_step(seed: int) -> Iterator[str]:
    """Every state that a kill or a power cut can leave, and every fate of requests on their way."""
    del seed
    for name in WORLDS:
        yield from [name] * every_wreck(name, thorough=True)


def odd_manifests(seed: int) -> Iterator[str]:
    """Manifests and sources that nobody would write: loaded or refused, and never a traceback."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        while True:
            for kind, strategy in fuzzing.KINDS.items():
                fuzzing.check_many(folder, strategy, seed)
                yield from [kind] * fuzzing.A_BATCH
            seed += 1


def credential_mixes(seed: int) -> Iterator[str]:
    """Credentials mixed up at random; none is handed out for another account's call."""
    while True:
        _, handed_out = mix(seed)
        seed += 1
        yield from ["handed out"] * handed_out
        yield from ["refused"] * (LOOKUPS - handed_out)
