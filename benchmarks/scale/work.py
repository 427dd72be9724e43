"""The batch, alike for all steps: its manifest, and the ledger that a finished run of it leaves.

`python -m benchmarks.scale.work N FOLDER` writes them, so that the process that measures stays
small: what a process has in memory counts for those that it starts.
"""

from __future__ import annotations

import json
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from batch_onboard.core.lifecycle import Event
from batch_onboard.core.targets import Api, TargetKey
from batch_onboard.ledger.file import open_ledger
from batch_onboard.ledger.lines import ENTRY_LINES, RunEndedLine, RunLine, TargetLine
from batch_onboard.ledger.whole import new_header, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.ledger.lines import Line

NAME = "scale"
SCENARIO = "defaults: {job_duration: {min: 0, max: 0}}\nthrottle: {rate: null}\n"
_REGIONS = ("eu-west-2", "us-east-1", "us-west-2", "eu-central-1")
_KEY = "arn:aws:kms:{region}:{account_id}:key/0b1d6f6e-0000-4000-8000-51d0a7ed0000"
_ROLE = "arn:aws:iam::{account_id}:role/ConnectOnboarder"
_GROUP = 500
"""Targets whose lines are mixed with each other's in the ledger."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one batch.

    Attributes:
        yaml: the manifest with all instances in it.
        table: the manifest whose instances stand in a source of CSV.
        manifest: the manifest whose instances stand in a source of JSON Lines.
        ledger: of a finished run of that one.
    """

    yaml: Path
    table: Path
    manifest: Path
    ledger: Path

    @classmethod
    def within(cls, folder: Path) -> Files:
        """Return where they are in a folder."""
        names = ("all.yaml", "table.yaml", "scale.yaml", "scale.ledger.jsonl")
        return cls(*(folder / name for name in names))


def write_files(targets: int, folder: Path) -> None:
    """Write a batch of so many targets into a folder."""
    files = Files.within(folder)
    head = {
        "version": 1,
        "name": NAME,
        "defaults": {
            "role_arn": _ROLE,
            "encryption": {"enabled": True, "key_arn": _KEY},
            "labels": {"business_unit": "retail"},
        },
    }
    keys = [_key(number) for number in range(targets)]
    instances = [json.dumps(_instance(key)) for key in keys]
    files.manifest.write_text(json.dumps(head | {"sources": ["scale.jsonl"]}))
    with (folder / "scale.jsonl").open("w") as source:
        source.writelines(f"{instance}\n" for instance in instances)
    files.table.write_text(json.dumps(head | {"sources": ["scale.csv"]}))
    with (folder / "scale.csv").open("w") as source:
        source.write("account_id,region,id\n")
        source.writelines(f"{','.join(key)}\n" for key in keys)
    with files.yaml.open("w") as manifest:
        manifest.writelines(f"{name}: {json.dumps(value)}\n" for name, value in head.items())
        manifest.write("instances:\n")
        manifest.writelines(f"  - {instance}\n" for instance in instances)
    header = new_header(NAME, "0", datetime.now(UTC))
    write_whole(files.ledger, header, _lines(keys, str(files.manifest)))
    with open_ledger(
        files.ledger, manifest_name=NAME, tool_version="0", wall=lambda: datetime.now(UTC)
    ) as ledger:
        ledger.keep_checkpoint()


def _key(number: int) -> TargetKey:
    domain = number // 2
    account_id = f"{domain // len(_REGIONS) + 1:012}"
    instance_id = str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))
    return TargetKey(account_id, _REGIONS[domain % len(_REGIONS)], instance_id)


def _instance(key: TargetKey) -> dict[str, str]:
    return {"account_id": key.account_id, "region": key.region, "id": key.instance_id}


def _lines(keys: list[TargetKey], manifest: str) -> Iterator[Line]:
    """Yield what a run without failures writes."""
    at = datetime.now(UTC)
    yield RunLine(
        at=at,
        run="r1",
        tool="0",
        python="0",
        botocore="0",
        host="localhost",
        pid=1,
        user="nobody",
        arguments=(),
        manifest=manifest,
        digests={},
    )
    for key in keys:
        encryption, labels = _of(key, _KEY), {"business_unit": "retail"}
        yield TargetLine(at=at, target=str(key), api=Api.V1, encryption=encryption, labels=labels)
    for first in range(0, len(keys), _GROUP):
        group = keys[first : first + _GROUP]
        at += timedelta(seconds=1)
        yield from (_intended(key, at) for key in group)
        for event in (Event.RUNNING, Event.JOB_SUCCEEDED):
            yield from (_answered(event, key, at) for key in group)
    yield RunEndedLine(at=at, run="r1", exit_code=0, reason="done")


def _intended(key: TargetKey, at: datetime) -> Line:
    return ENTRY_LINES[Event.INTENDED](
        at=at,
        target=str(key),
        encryption=_of(key, _KEY),
        identity=_of(key, _ROLE),
        clean=True,
        hold=85.0,
    )


def _answered(event: Event, key: TargetKey, at: datetime) -> Line:
    # Request ids have the form of instance ids.
    return ENTRY_LINES[event](at=at, target=str(key), request_id=key.instance_id, ours=True)


def _of(key: TargetKey, template: str) -> str:
    return template.format(account_id=key.account_id, region=key.region)


if __name__ == "__main__":
    write_files(int(sys.argv[1]), Path(sys.argv[2]))
