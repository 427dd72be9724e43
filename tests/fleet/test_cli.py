"""The options of `--engine dask`, and what is told before any worker is had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from batch_onboard.cli import fleet as fleet_command
from batch_onboard.cli.engines import dask_settings, shards_by_default
from batch_onboard.exits import Exit
from tests.cli.conftest import instance, manifest, shell
from tests.cli.test_reading_commands import call
from tests.fleet.conftest import spread

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell

__all__ = ["shell"]  # a fixture, found by its name here

TLS = ("--tls-ca-file", "ca.pem", "--tls-cert", "m.pem", "--tls-key", "m.key")
OUTSIDE = "tls://0.0.0.0:8786"
FILES = ("tls_ca_file", "tls_cert", "tls_key")


def engine(**options: Any) -> dict[str, Any]:
    """The options that say where workers come from; None: they are not given."""
    return dict.fromkeys(("workers", "listen", "scheduler_address", *FILES)) | options


@pytest.mark.parametrize(
    ("options", "shards"),
    [
        pytest.param(engine(workers=3), 3, id="own-workers"),
        pytest.param(engine(workers=3, listen=OUTSIDE), 32, id="own-workers-and-others"),
        pytest.param(engine(scheduler_address="tls://10.0.0.5:8786"), 32, id="others"),
    ],
)
def test_each_worker_gets_a_shard_unless_more_may_join(
    options: dict[str, Any], shards: int
) -> None:
    """More would cost more and make no run faster, but there are to be enough for all that come."""
    assert shards_by_default(options) == shards


@pytest.mark.parametrize(("shards", "workers"), [(2, 2), (3, 3), (8, 3)])
def test_no_worker_is_made_that_would_have_no_shard(shards: int, workers: int) -> None:
    """A batch may go on with more workers than it has ledgers, which bind its number of shards."""
    settings = dask_settings(engine(workers=3, worker_timeout=60.0), shards)
    assert (settings.workers, settings.threads) == (workers, shards)


@pytest.fixture
def wave(tmp_path: Path) -> Path:
    """A manifest of four targets."""
    path = tmp_path / "wave.yaml"
    path.write_text(spread(4))
    return path


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--workers", "2"), "--workers goes with --engine dask"),
        (("--tls-cert", "m.pem"), "--tls-cert goes with --engine dask"),
        (("--engine", "dask", "--shard-index", "0"), "--shard-index is one part"),
        (
            ("--engine", "dask", "--scheduler-address", "tcp://127.0.0.1:1", "--workers", "2"),
            "--scheduler-address has workers of its own: not with --workers or --listen",
        ),
        (("--engine", "dask", "--tls-cert", "m.pem"), "--tls-ca-file is missing"),
        (("--engine", "dask", "--listen", OUTSIDE), f"--listen {OUTSIDE} needs certificates"),
        (
            ("--engine", "dask", "--listen", "tcp://0.0.0.0:8786", *TLS),
            "outside this machine it must be tls://, with client certificates",
        ),
        (
            ("--engine", "dask", "--scheduler-address", "10.0.0.5:8786"),
            "--scheduler-address: '10.0.0.5:8786' is no address: write tls://host:port",
        ),
        (
            ("--engine", "dask", "--listen", OUTSIDE, *TLS),
            "workers may be on others: name a place in S3 with --ledger",
        ),
        (
            ("--engine", "dask", "--listen", OUTSIDE, *TLS, "--ledger", "s3://bucket/name"),
            "name a folder, with / at its end",
        ),
    ],
)
def test_what_cannot_go_together_or_would_be_a_way_in_is_refused(
    wave: Path, options: tuple[str, ...], told: str
) -> None:
    """Before anything is made, and with what to write instead."""
    for command in (
        ("run", "plan") if "workers may" not in told and "folder" not in told else ("run",)
    ):
        result = call(command, wave, "--simulate", *options)
        assert result.exit_code in {Exit.USAGE, Exit.LEDGER}, result.output
        assert told in " ".join(result.output.split())
    assert list(wave.parent.iterdir()) == [wave]


def test_without_dask_it_is_told_how_to_get_it(wave: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence, with exit code 2."""
    monkeypatch.setattr(fleet_command, "find_spec", lambda _: None)
    result = call("run", wave, "--simulate", "--engine", "dask")
    assert result.exit_code == Exit.USAGE
    assert "--engine dask needs Dask: pip install 'batch-onboard[dask]'" in result.output


@pytest.mark.no_cover
def test_a_plan_of_all_shards_is_read_from_all_ledgers_and_one_of_a_shard_is_refused(
    shell: Shell,
) -> None:
    """Plan --engine dask knows what the shards know; what was planned for one is not for all."""
    shell.write("wave.yaml", manifest(instance("a"), instance("b", "2" * 12)))
    shell.write(
        "s.yaml", "defaults: {job_duration: {min: 0.1, max: 0.1}}\nthrottle: {rate: null}\n"
    )
    dask = ("--simulate", "--scenario", "s.yaml", "--engine", "dask", "--shard-count", "2")
    first = shell.run("plan", "wave.yaml", *dask)
    assert "2 to start" in first.out, first.err
    part = ("--simulate", "--scenario", "s.yaml", "--shard-index", "0", "--shard-count", "2")
    (shell.folder / "wave.simulated.ledgers").mkdir()
    done = shell.run("run", "wave.yaml", *part, "--ledger", "wave.simulated.ledgers")
    assert done.code == Exit.OK, done.err
    made = shell.run("plan", "wave.yaml", *dask, "-o", "p.json")
    assert "2 to start" not in made.out, made.err
    of_one = shell.run("plan", "wave.yaml", *part, "-o", "one.json")
    assert of_one.code == Exit.OK, of_one.err
    refused = shell.run("run", "wave.yaml", *dask[:-2], "--plan", "one.json")
    assert refused.code == Exit.USAGE
    assert "the plan is of shard 0 of 2 alone: run it as that shard" in refused.err


def test_a_ledger_of_the_whole_batch_keeps_shards_from_beginning_anew(shell: Shell) -> None:
    """Exit 5, and it is told which; nothing is made beside it."""
    shell.write("wave.yaml", spread(2))
    shell.write("wave.ledger.jsonl", "")
    ended = shell.run("run", "wave.yaml", "--yes", "--engine", "dask")
    assert ended.code == Exit.LEDGER
    assert "wave.ledger.jsonl is of the whole batch, and shards would not know of it" in ended.err
    assert not (shell.folder / "wave.ledgers").exists()
