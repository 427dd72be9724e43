"""The examples in `configs/s3` work as they stand, as far as that can be told without a cluster."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from batch_onboard.cli.run import run
from batch_onboard.core.s3place import S3Place
from tests.cli.test_cron import CONFIGS, CloudFormation

if TYPE_CHECKING:
    from pathlib import Path

S3 = CONFIGS / "s3"
MANIFEST = "s3://example-onboarding/manifests/emea.yaml"
GO_ON = {10, 11, 137, 143}
"""What ends with these codes goes on when it is started again, and wants nobody."""


def kubernetes() -> dict[str, Any]:
    """The specification of the Indexed Job."""
    job: dict[str, Any] = yaml.safe_load((S3 / "kubernetes.yaml").read_text())
    assert (job["kind"], job["spec"]["completionMode"]) == ("Job", "Indexed")
    spec: dict[str, Any] = job["spec"]
    return spec


def resources(name: str) -> dict[str, Any]:
    """The resources of a template."""
    found: dict[str, Any] = yaml.load((S3 / name).read_text(), CloudFormation)["Resources"]  # noqa: S506 - a safe one
    return found


def batch() -> dict[str, Any]:
    """The job definition of AWS Batch."""
    definition: dict[str, Any] = resources("batch.yaml")["Job"]["Properties"]
    return definition


def ecs() -> dict[str, Any]:
    """The container of the task."""
    task = resources("ecs.yaml")["Task"]["Properties"]
    container: dict[str, Any] = task["ContainerDefinitions"][0]
    return container


def of_kubernetes() -> tuple[list[str], dict[str, str]]:
    """The command line and environment of the third pod."""
    container = kubernetes()["template"]["spec"]["containers"][0]
    index, count = container["env"]
    path = index["valueFrom"]["fieldRef"]["fieldPath"]
    assert path == "metadata.annotations['batch.kubernetes.io/job-completion-index']"
    return container["command"] + container["args"], {
        index["name"]: "2",
        count["name"]: count["value"],
    }


def of_batch() -> tuple[list[str], dict[str, str]]:
    """The command line, as the shell makes it, and the environment of the third child."""
    *shell, script = batch()["ContainerProperties"]["Command"]
    assert (shell, script[:19]) == (["sh", "-c"], "exec batch-onboard ")
    given = {"Ledgers": "s3://example-onboarding/ledgers/", "Manifest": MANIFEST, "Shards": "8"}
    environment = {
        each["Name"]: given[each["Value"]] for each in batch()["ContainerProperties"]["Environment"]
    }
    for name, value in {"AWS_BATCH_JOB_ARRAY_INDEX": "2", **environment}.items():
        script = script.replace(f"${name}", value)
    return shlex.split(script)[1:], environment


def of_ecs() -> tuple[list[str], dict[str, str]]:
    """The command line and environment of the task."""
    environment = {each["Name"]: _in_the_bucket(each["Value"]) for each in ecs()["Environment"]}
    return [_in_the_bucket(word) for word in ecs()["Command"]], environment


def _in_the_bucket(text: str) -> str:
    return text.replace("${Bucket}", "example-onboarding")


@pytest.mark.parametrize(
    ("example", "shard", "key", "manifest"),
    [
        (of_kubernetes, (2, 8), "ledgers/", "/etc/batch-onboard/emea.yaml"),
        (of_batch, (2, 8), "ledgers/", MANIFEST),
        (of_ecs, (None, None), "ledgers/emea.ledger.jsonl", MANIFEST),
    ],
)
def test_the_commands_are_ones_that_the_command_takes(
    example: Any,
    shard: tuple[int | None, int | None],
    key: str,
    manifest: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They parse, ask nobody, and lead to a ledger in S3, shard by shard where there are shards."""
    (program, command, *arguments), environment = example()
    assert (program, command) == ("batch-onboard", "run")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    arguments = [
        f"--config={CONFIGS / 'run.yaml'}" if each.startswith("--config=") else each
        for each in arguments
    ]
    options = run.make_context("run", arguments, help_option_names=["-h", "--help"]).params
    assert options["yes"] is True
    assert str(options["manifest"]) == manifest
    assert options["ledger"] == S3Place("example-onboarding", key)
    assert (options["shard_index"], options["shard_count"]) == shard


def test_there_are_as_many_tasks_as_shards() -> None:
    """Else some would be done by nobody, or some tasks have nothing to do."""
    spec = kubernetes()
    _, environment = of_kubernetes()
    assert int(environment["BATCH_ONBOARD_SHARD_COUNT"]) == spec["completions"]
    assert spec["maxFailedIndexes"] == spec["completions"]
    schedule = resources("batch.yaml")["EveryNight"]["Properties"]["Target"]["Input"]
    told = json.loads(schedule.replace("${Shards}", "8").replace("${", "").replace('}"', '"'))
    assert told["ArrayProperties"] == {"Size": 8}
    parameters = yaml.load((S3 / "batch.yaml").read_text(), CloudFormation)["Parameters"]  # noqa: S506 - a safe one
    assert parameters["Shards"]["MaxValue"] == 10_000  # AWS Batch user guide: array jobs


def test_what_goes_on_by_itself_is_tried_again_and_nothing_else() -> None:
    """All other codes want a person, not the same again at once."""
    (ignored, failed) = kubernetes()["podFailurePolicy"]["rules"]
    assert (ignored["action"], failed["action"]) == ("Ignore", "FailIndex")
    assert failed["onExitCodes"]["operator"] == "NotIn"
    assert set(failed["onExitCodes"]["values"]) == GO_ON
    *retried, rest = batch()["RetryStrategy"]["EvaluateOnExit"]
    assert {int(each["OnExitCode"]) for each in retried} == GO_ON
    assert {each["Action"] for each in retried} == {"RETRY"}
    assert rest == {"OnExitCode": "*", "Action": "EXIT"}


def test_whoever_stops_a_run_waits_longer_than_it_drains() -> None:
    """Else the last answers would be lost, and had to be read again."""
    assert kubernetes()["template"]["spec"]["terminationGracePeriodSeconds"] > 20
    assert ecs()["StopTimeout"] > 20


@pytest.mark.parametrize("path", sorted(S3.glob("*.yaml")), ids=lambda path: path.name)
def test_each_example_says_what_the_exit_codes_mean_there(path: Path) -> None:
    """Those that are no failure, and that all others are."""
    text = path.read_text()
    assert all(f"{code}" in text for code in (10, 11, 143))
    assert "person" in text


def test_the_rights_are_those_that_a_ledger_needs() -> None:
    """It is written and read beneath one prefix, the manifest only read; nothing may be deleted."""
    read, write, find = json.loads((S3 / "s3.json").read_text())["Statement"]
    assert read["Action"] == "s3:GetObject"
    assert write["Action"] == ["s3:GetObject", "s3:PutObject"]
    assert find["Action"] == "s3:ListBucket"
    policy = resources("ecs.yaml")["LedgerAccess"]["Properties"]["PolicyDocument"]["Statement"]
    assert [each["Action"] for each in policy] == [
        read["Action"],
        write["Action"],
        find["Action"],
    ]
