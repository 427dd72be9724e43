"""The work that every peer does, and the files that say so."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

REGION = "eu-west-2"
CALLER_ACCOUNT = "000000000000"
"""Of the credentials that a simulator knows by default: no role has to be assumed for it."""

_NAMESPACE = uuid.UUID(int=0)


@dataclass(frozen=True, slots=True)
class Work:
    """A batch, and the quota under which it is done.

    Attributes:
        rate: Starts a second that the service allows.
        burst: Starts at once, likewise.
        number: how many instances are to be started.
        latency: median seconds from a call to its answer.
    """

    rate: float
    burst: float
    number: int
    latency: float

    @property
    def shortest(self) -> float:
        """Seconds that the quota and one latency take, if no token is left unused."""
        return max(0.0, (self.number - self.burst) / self.rate) + self.latency

    @property
    def patience(self) -> float:
        """Seconds after which a peer is stopped."""
        return 20 * self.shortest + 120


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one run, the same for all peers.

    Attributes:
        scenario: for the simulator.
        manifest: the instances, for this tool.
        instances: the same, one id a line.
    """

    scenario: Path
    manifest: Path
    instances: Path


def write_files(work: Work, folder: Path) -> Files:
    """Write the files of one run into a folder."""
    ids = [str(uuid.uuid5(_NAMESPACE, str(index))) for index in range(work.number)]
    files = Files(folder / "scenario.yaml", folder / "manifest.yaml", folder / "instances.txt")
    files.instances.write_text("".join(f"{instance_id}\n" for instance_id in ids))
    # JSON is YAML too.
    files.scenario.write_text(json.dumps(_scenario(work)))
    files.manifest.write_text(json.dumps(_manifest(ids)))
    return files


def _scenario(work: Work) -> dict[str, object]:
    return {
        "defaults": {"job_duration": {"min": 3600, "max": 3600}},
        "throttle": {"rate": work.rate, "burst": work.burst},
    }


def _manifest(ids: list[str]) -> dict[str, object]:
    prefix = f"arn:aws:connect:{REGION}:{CALLER_ACCOUNT}:instance/"
    return {
        "version": 1,
        "name": "peers",
        "defaults": {"encryption": {"enabled": False}},
        "instances": [prefix + instance_id for instance_id in ids],
    }
