"""Nobody watches: what stands in a night's log, in the metrics, in the ledger, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import batch_onboard
from batch_onboard.cli.metrics import replace_file
from batch_onboard.exits import Exit
from tests.cli.conftest import COMMAND, Shell, Simulated, instance, manifest
from tests.cli.test_run import EVERY_KIND, FAST, QUICK, wait_for_starts

if TYPE_CHECKING:
    from collections.abc import Callable

ENDLESS = "defaults: {job_duration: {min: 9999, max: 9999}}\nthrottle: {rate: null}\n"


def events(text: str) -> list[dict[str, Any]]:
    """Read stderr, each line of which must be an event."""
    return [json.loads(line) for line in text.splitlines()]


def test_off_a_terminal_every_line_of_stderr_is_an_event_of_the_run(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Preview, progress, failures, causes and the end; those of targets name them."""
    simulate(EVERY_KIND)
    shell.write("wave.yaml", manifest(instance("fresh"), instance("missing")))
    ended = shell.run("run", "wave.yaml", *QUICK, "--progress-every", "0.1s")
    told = events(ended.err)
    assert len({event["run"] for event in told}) == 1
    names = [event["event"] for event in told]
    assert names[0] == "preview"
    assert {"progress", "rejected", "cause"} <= set(names)
    rejected = told[names.index("rejected")]
    assert (rejected["target"], rejected["state"], rejected["attempt"], rejected["level"]) == (
        "111111111111/eu-west-2/missing",
        "rejected",
        1,
        "warning",
    )
    assert rejected["request_id"]
    assert (names[-1], told[-1]["exit_code"], told[-1]["level"]) == ("ended", 3, "warning")
    assert told[-1]["states"] == {"succeeded": 1, "rejected": 1}
    assert "--retry-failed" in told[-1]["advice"][0]


@pytest.mark.parametrize(
    ("arguments", "code", "event"),
    [
        (("wave.yaml",), Exit.USAGE, "usage"),
        (("wrong.yaml", "--yes"), Exit.USAGE, "manifest"),
        (("wave.yaml", "--simulate", "--scenario", "nowhere"), Exit.USAGE, "scenario"),
        (("wave.yaml", "--yes", "--ledger", "wave.yaml"), Exit.LEDGER, "ledger"),
        (("wave.yaml", "--yes", "--metrics-file", "wave.yaml"), Exit.USAGE, "usage"),
        (("wave.yaml", "--yes", "--metrics-file", "/dev/null"), Exit.USAGE, "usage"),
    ],
)
def test_what_ends_a_run_before_it_begins_is_an_event_too(
    shell: Shell, arguments: tuple[str, ...], code: Exit, event: str
) -> None:
    """With its level, so that one search finds what needs a person."""
    shell.write("wave.yaml", manifest(instance("a")))
    shell.write("wrong.yaml", manifest("{account_id: 1, id: b}"))
    ended = shell.run("run", *arguments)
    told = events(ended.err)
    assert (ended.code, {(each["event"], each["level"]) for each in told}) == (
        code,
        {(event, "error")},
    )


def test_settings_that_cannot_work_are_an_event(shell: Shell) -> None:
    """An endpoint that may not be used ends the run with 2, and so the metrics say."""
    shell.write("wave.yaml", manifest(instance("a")))
    ended = shell.run(
        "run",
        "wave.yaml",
        "--yes",
        "--metrics-file",
        "wave.prom",
        AWS_ENDPOINT_URL="http://aws.example",
        AWS_ACCESS_KEY_ID="AKIDEXAMPLE",
        AWS_SECRET_ACCESS_KEY="none",
    )
    assert (ended.code, events(ended.err)[-1]["event"]) == (Exit.USAGE, "settings")
    assert metrics(shell.folder / "wave.prom")["last_run_exit_code",] == Exit.USAGE


@pytest.mark.no_cover
def test_a_signal_is_told_in_the_log(shell: Shell, simulate: Callable[[str], Simulated]) -> None:
    """Who reads it in the morning sees what ended the run, and how to go on."""
    simulator = simulate(ENDLESS)
    shell.write("wave.yaml", manifest(instance("a")))
    process = shell.start("run", "wave.yaml", *QUICK)
    wait_for_starts(simulator, 1)
    process.send_signal(signal.SIGTERM)
    told = events(process.communicate(timeout=30)[1])
    stopping = next(event for event in told if event["event"] == "stopping")
    assert (stopping["signal"], stopping["level"]) == ("SIGTERM", "warning")
    assert (told[-1]["exit_code"], process.returncode) == (Exit.TERMINATED, Exit.TERMINATED)


def test_what_a_library_warns_of_is_an_event_too(shell: Shell) -> None:
    """No line of another form stands in between."""
    code = "import logging\nfrom batch_onboard.cli.talk import Talk\nTalk('json')\n"
    code += "logging.getLogger('asyncio').warning('slow %s', 'callback')\n"
    ended = python(shell, code)
    (told,) = events(ended.stderr)
    assert (told["event"], told["logger"], told["message"]) == (
        "library",
        "asyncio",
        "asyncio: slow callback",
    )


@pytest.mark.parametrize(
    ("arguments", "heard"),
    [
        ("'console'", ["asyncio: lost OSError: gone"]),
        ("'console', verbosity=1", ["aiobotocore: old", "asyncio: lost OSError: gone"]),
    ],
)
def test_people_hear_what_libraries_call_errors_without_tracebacks(
    shell: Shell, arguments: str, heard: list[str]
) -> None:
    """What they warn of is told by the answer that it led to, and with -v by themselves."""
    code = (
        f"import logging\nfrom batch_onboard.cli.talk import Talk\nTalk({arguments})\n"
        "logging.getLogger('aiobotocore').warning('old')\n"
        "try:\n    raise OSError('gone')\nexcept OSError:\n"
        "    logging.getLogger('asyncio').exception('lost')\n"
    )
    assert python(shell, code).stderr.splitlines() == heard


def test_an_sso_session_that_is_over_is_one_sentence(shell: Shell) -> None:
    """Two tracebacks that aiobotocore logs of it are not shown; the cause names the command that mends it."""
    shell.write(
        "config",
        "[sso-session corp]\nsso_start_url = https://corp.example/start\nsso_region = eu-west-2\n"
        "[profile ops]\nsso_session = corp\nsso_account_id = 111111111111\n"
        "sso_role_name = Ops\nregion = eu-west-2\n",
    )
    shell.environment |= {
        "AWS_CONFIG_FILE": str(shell.folder / "config"),
        "AWS_PROFILE": "ops",
        "HOME": str(shell.folder),
    }
    shell.write("wave.yaml", manifest(instance("a")))
    ran = shell.run("run", "wave.yaml", *QUICK, "--log-format", "console")
    looked = shell.run_afresh("status", "s3://bucket/wave")
    assert (ran.code, looked.code) == (Exit.UNFINISHED, Exit.LEDGER)
    for told in (ran.out, looked.err):
        assert "run `aws sso login --profile ops`" in told
    assert "Traceback" not in ran.err + looked.err
    assert len(looked.err.splitlines()) == 1


def test_the_console_format_is_plain_text(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """For those who read a log themselves: sentences, and no JSON."""
    simulate(FAST)
    shell.write("wave.yaml", manifest(instance("a")))
    ended = shell.run(
        "run", "wave.yaml", *QUICK, "--log-format", "console", "--progress-every", "0.1s"
    )
    assert "ledger: wave.ledger.jsonl (new)\n" in ended.err
    assert "1 target in 1 account" in ended.err
    assert "{" not in ended.err


def python(shell: Shell, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=shell.folder,
        env=shell.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# Metrics.


def metrics(path: Path) -> dict[tuple[str, ...], float]:
    """Read a metrics file as Prometheus does: samples by name and labels but the batch."""
    found = {}
    for family in text_string_to_metric_families(path.read_text()):
        for sample in family.samples:
            name = sample.name.removeprefix("batch_onboard_")
            found[name, *(v for k, v in sample.labels.items() if k != "batch")] = sample.value
    return found


def test_metrics_tell_how_a_run_ended_and_when_one_last_went_well(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """The last success outlives a run that fails; whoever scrapes may read the file."""
    simulate(EVERY_KIND)
    path = shell.folder / "wave.prom"
    run = ("run", "wave.yaml", *QUICK, "--metrics-file", "wave.prom")
    shell.write("wave.yaml", manifest(instance("fresh")))
    umask = os.umask(0o077)  # the process inherits it
    try:
        assert shell.run_afresh(*run).code == Exit.OK
    finally:
        os.umask(umask)
    first = metrics(path)
    assert first["last_run_exit_code",] == 0
    assert first["last_success_timestamp_seconds",] == first["last_run_end_timestamp_seconds",] > 0
    assert first["quota_calls_total", "111111111111", "StartInstanceOnboardingJob", "eu-west-2"]
    assert path.stat().st_mode & 0o777 == 0o644
    shell.write("wave.yaml", manifest(instance("fresh"), instance("missing")))
    assert shell.run(*run).code == Exit.UNFINISHED
    second = metrics(path)
    assert (second["last_run_exit_code",], second["run_active",]) == (3, 0)
    assert 0 < second["last_success_timestamp_seconds",] < second["last_run_end_timestamp_seconds",]
    assert (second["targets", "succeeded"], second["targets", "rejected"]) == (1, 1)
    assert [each.name for each in shell.folder.glob(".wave.prom*")] == []


def test_metrics_are_there_while_a_run_lasts(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """From the start, and renewed; a run that was killed stays marked as under way."""
    simulator = simulate(ENDLESS)
    shell.write("wave.yaml", manifest(instance("a")))
    path = shell.folder / "wave.prom"
    more = ("--metrics-file", "wave.prom", "--progress-every", "0.1s")
    process = shell.start("run", "wave.yaml", *QUICK, *more)
    wait_for_starts(simulator, 1)
    while not metrics(path)["targets", "in_progress"]:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate(timeout=30)
    assert metrics(path)["run_active",] == 1


def test_a_rehearsal_is_never_taken_for_a_success(shell: Shell) -> None:
    """Its batch has another name."""
    shell.write("wave.yaml", manifest(instance("a")))
    shell.write("scenario.yaml", FAST)
    more = ("--scenario", "scenario.yaml", "--metrics-file", "wave.prom")
    assert shell.run("run", "wave.yaml", "--simulate", *more).code == Exit.OK
    assert 'batch="wave (simulated)"' in (shell.folder / "wave.prom").read_text()


def test_a_metrics_file_that_cannot_be_written_ends_no_run(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """It is warned of once, and tried again."""
    simulate(FAST)
    shell.write("wave.yaml", manifest(instance("a")))
    more = ("--metrics-file", "nowhere/wave.prom", "--progress-every", "0.1s")
    ended = shell.run("run", "wave.yaml", *QUICK, *more)
    warned = [event for event in events(ended.err) if event["event"] == "metrics"]
    assert (ended.code, [event["level"] for event in warned]) == (Exit.OK, ["warning"])


def test_a_metrics_file_that_cannot_be_put_in_its_place_leaves_nothing(tmp_path: Path) -> None:
    """A folder that came to stand there is left alone, and no temporary file stays beside it."""
    (tmp_path / "wave.prom").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        replace_file(tmp_path / "wave.prom", b"x 1\n")
    assert [each.name for each in tmp_path.iterdir()] == ["wave.prom"]


# Signals before anything can handle them.

# Sends itself a signal when a module begins to be imported, however fast the machine is.
EARLY = textwrap.dedent(
    """
    import os, sys

    class Early:
        def find_spec(self, name, path=None, target=None):
            if name == os.environ["EARLY_MODULE"]:
                os.kill(os.getpid(), int(os.environ["EARLY_SIGNAL"]))

    sys.meta_path.insert(0, Early())
    """
)

EARLIEST = ["batch_onboard.cli", "click", "batch_onboard.cli.run", "pydantic", "aioboto3"]
"""Modules that are imported one after the other; the first at once after signals are in hand."""


def test_signals_are_in_hand_before_anything_is_imported_that_takes_long() -> None:
    """Before, Python's own traceback is shown, so that moment is left to Python's start alone."""
    program = (
        "import enum, os, sys\n"  # as Python has at its start, and pip's script
        "before = set(sys.modules)\n"
        "import batch_onboard.__main__\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={"PYTHONPATH": str(Path(batch_onboard.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = {"__future__", "batch_onboard", "batch_onboard.__main__", "gc", "signal", "_signal"}
    assert set(ended.stdout.split()) <= wanted


@pytest.mark.no_cover
@pytest.mark.parametrize("module", EARLIEST)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_imports_shows_no_traceback(
    shell: Shell, module: str, number: signal.Signals
) -> None:
    """It ends with the signal's code, and the same command goes on."""
    shell.write("sitecustomize.py", EARLY)
    shell.write("wave.yaml", manifest(instance("a")))
    environment = {"PYTHONPATH": ".", "EARLY_MODULE": module, "EARLY_SIGNAL": str(int(number))}
    shell.write("scenario.yaml", FAST)
    run = ("run", "wave.yaml", "--simulate", "--scenario", "scenario.yaml")
    ended = shell.run(*run, **environment)
    assert (ended.code, "Traceback" in ended.err) == (128 + number, False), ended.err
    assert shell.run(*run).code == Exit.OK


# Cron.


def test_it_runs_in_a_folder_that_is_gone_with_an_odd_time_zone(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """No HOME, no locale, no working folder; times are UTC whatever TZ says."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(instance("a")))
    gone = shell.folder / "gone"
    gone.mkdir()
    where = shell.folder / "wave.yaml"
    script = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", gone, *COMMAND, "run", where, *QUICK],
        env={**simulator.settings, "TZ": ":Pacific/Chatham"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == Exit.OK, done.stderr
    (run,) = shell.run("report", "wave.ledger.jsonl").json["runs"]
    assert run["began_at"].endswith("Z")


@pytest.mark.no_cover
@pytest.mark.parametrize("output", ["text", "json"])
def test_a_full_disk_behind_stdout_loses_no_work(
    shell: Shell, simulate: Callable[[str], Simulated], output: str
) -> None:
    """The run ends, is saved, and says what was lost."""
    simulate(FAST)
    shell.write("wave.yaml", manifest(instance("a")))
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [*COMMAND, "run", "wave.yaml", *QUICK, "--output", output],
            cwd=shell.folder,
            env=shell.environment,
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, events(done.stderr)[-1]["event"]) == (Exit.ERROR, "stdout")
    assert shell.run("report", "wave.ledger.jsonl").json["summary"] == {"succeeded": 1}


# Audit.


def test_ledger_and_report_say_who_ran_what(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Each run its id, version, caller, host, arguments, digests and reference; each Start too."""
    simulate(FAST)
    shell.write("more.csv", 'account_id,id\n"222222222222",b\n')
    shell.write("wave.yaml", manifest(instance("a")) + "sources: [more.csv]\n")
    run = ("run", "wave.yaml", *QUICK, "--change-ref", "CHG-1234")
    assert shell.run(*run).code == Exit.OK
    (told,) = shell.run("report", "wave.ledger.jsonl").json["runs"]
    text = (shell.folder / "wave.ledger.jsonl").read_text()
    whole = [json.loads(line) for line in text.splitlines()]
    (began,) = [line for line in whole if line["type"] == "run"]
    names = ("run", "tool", "python", "botocore", "host", "pid", "user", "caller", "change_ref")
    for name in (*names, "arguments", "digests", "manifest"):
        assert told[name] == began[name]
    assert told["caller"].startswith("arn:aws:iam::")
    assert (told["host"], told["change_ref"]) == (socket.gethostname(), "CHG-1234")
    assert told["arguments"] == list(run)
    assert [path.rpartition("/")[2] for path in told["digests"]] == ["wave.yaml", "more.csv"]
    starts = [line for line in whole if line["type"] == "intended"]
    assert {line["identity"] for line in starts} == {
        f"arn:aws:iam::{account}:role/Onboarder" for account in ("111111111111", "222222222222")
    }
    for start in starts:
        assert start["at"].endswith("Z")
        assert start["encryption"].startswith("arn:aws:kms:eu-west-2:")
        after = [line for line in whole if line.get("target") == start["target"]]
        answered = after[after.index(start) + 1]
        assert (answered["type"], bool(answered["request_id"])) == ("running", True)
