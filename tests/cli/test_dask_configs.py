"""The examples in `configs/dask` work as they stand, as far as that can be told without a cluster."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import yaml

from batch_onboard.cli.engines import check_engine, is_elsewhere
from batch_onboard.cli.run import run
from batch_onboard.core.s3place import S3Place
from batch_onboard.fleet.addresses import Address
from tests.cli.test_cron import CONFIGS, CloudFormation

DASK = CONFIGS / "dask"


def kubernetes() -> dict[str, Any]:
    """The objects of Kubernetes, by kind."""
    return {
        each["kind"]: each for each in yaml.safe_load_all((DASK / "kubernetes.yaml").read_text())
    }


def ecs() -> dict[str, Any]:
    """The resources of the template."""
    found: dict[str, Any] = yaml.load((DASK / "ecs.yaml").read_text(), CloudFormation)["Resources"]  # noqa: S506 - a safe one
    return found


def pod(kind: str) -> dict[str, Any]:
    """The only container of a pod."""
    (container,) = kubernetes()[kind]["spec"]["template"]["spec"]["containers"]
    made: dict[str, Any] = container
    return made


def script(task: str) -> list[str]:
    """What the shell of a task ends with."""
    *shell, text = ecs()[task]["Properties"]["ContainerDefinitions"][0]["Command"]
    assert shell == ["sh", "-c"]
    return shlex.split(text.rpartition("exec ")[2])


def of_kubernetes() -> tuple[list[str], dict[str, str]]:
    """The coordinator's command line and environment."""
    container = pod("Job")
    return container["command"] + container["args"], {
        each["name"]: each["value"] for each in container["env"]
    }


def of_ecs() -> tuple[list[str], dict[str, str]]:
    """The coordinator's command line and environment."""
    given = {"$MANIFEST": "s3://example-onboarding/manifests/emea.yaml"}
    return [given.get(word, word) for word in script("Coordinator")], {
        "BATCH_ONBOARD_LEDGER": "s3://example-onboarding/ledgers/"
    }


def workers() -> dict[str, list[str]]:
    """The command lines of the workers."""
    container = pod("Deployment")
    return {
        "kubernetes": container["command"] + container["args"],
        "ecs": script("Worker"),
    }


@pytest.mark.parametrize("taken", [of_kubernetes, of_ecs])
def test_the_coordinator_takes_its_command_line(
    taken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It listens to the outside with certificates, and has its ledgers in S3."""
    words, environment = taken()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert words[:2] == ["batch-onboard", "run"]
    arguments = [word for word in words[2:] if not word.startswith("--config")]
    options = run.make_context("run", arguments).params
    check_engine(options)
    assert is_elsewhere(options)
    assert options["ledger"] == S3Place("example-onboarding", "ledgers/")
    assert Address.parse(options["listen"]).port == 8786
    assert options["yes"]


@pytest.mark.parametrize("where", ["kubernetes", "ecs"])
def test_workers_join_that_very_coordinator(where: str) -> None:
    """With threads for all shards, and certificates of their own."""
    words = workers()[where]
    assert words[:2] == ["dask", "worker"]
    host = Address.parse(words[2]).host
    options = dict(re.findall(r"--([a-z-]+)=(\S+)", " ".join(words)))
    shards = {"kubernetes": of_kubernetes, "ecs": of_ecs}[where]()[0]
    assert f"--shard-count={options['nthreads']}" in shards
    assert {"tls-ca-file", "tls-cert", "tls-key"} <= options.keys()
    service = kubernetes()["Service"]
    name = ecs()["Name"]["Properties"]["Name"], ecs()["Names"]["Properties"]["Name"]
    assert host == {"kubernetes": service["metadata"]["name"], "ecs": ".".join(name)}[where]


def test_dask_knows_the_options_of_workers() -> None:
    """What `dask worker` does not take would keep it from starting."""
    from distributed.cli.dask_worker import main  # noqa: PLC0415 - it takes its time

    for words in workers().values():
        parsed = main.make_context("worker", words[2:], resilient_parsing=True)
        assert parsed.params["scheduler"] == words[2]
        assert parsed.params["nthreads"] == 32


def test_nothing_else_reaches_them() -> None:
    """A network policy, and a security group that admits itself alone."""
    (rule,) = kubernetes()["NetworkPolicy"]["spec"]["ingress"]
    assert rule == {"from": [{"podSelector": {"matchLabels": {"app": "batch-onboard"}}}]}
    among = ecs()["Among"]["Properties"]
    assert among["GroupId"] == among["SourceSecurityGroupId"]


def test_the_coordinator_has_time_to_drain() -> None:
    """Longer than --drain-timeout, which is 20 s."""
    grace = kubernetes()["Job"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    stop = ecs()["Coordinator"]["Properties"]["ContainerDefinitions"][0]["StopTimeout"]
    assert grace >= 60
    assert 60 <= stop <= 120  # the most that Fargate takes
