from __future__ import annotations

import csv
import io
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from batch_onboard.exits import Exit
from tests.cli.conftest import COMMAND, Shell, Simulated, instance, manifest

if TYPE_CHECKING:
    from collections.abc import Callable

FAST = "defaults: {job_duration: {min: 0.2, max: 0.4}}\nthrottle: {rate: null}\n"
SLOW = "defaults: {job_duration: {min: 2, max: 3}}\nthrottle: {rate: null}\n"
QUICK = ("--yes", "--rate", "200", "--burst", "200")
CODES = (
    "IAM_ACCESS_DENIED",
    "EVENT_BRIDGE_ACCESS_DENIED",
    "EVENT_BRIDGE_MANAGED_RULE_LIMIT_EXCEEDED",
    "KMS_ACCESS_DENIED",
    "KMS_KEY_NOT_FOUND",
    "INTERNAL_FAILURE",
)
EVERY_KIND = (
    FAST
    + """
instances:
  - {match: {instance_id: "running*"}, initial: in_progress, encryption: &ours
      {enabled: true, key_arn: "arn:aws:kms:eu-west-2:111111111111:key/aaaa"}}
  - {match: {instance_id: "done-long-ago*"}, initial: onboarded, days_ago: 400, encryption: *ours}
  - {match: {instance_id: "done-lately*"}, initial: onboarded, encryption: *ours}
  - {match: {instance_id: "failed-before*"}, initial: failed, failure_code: KMS_KEY_NOT_FOUND}
  - {match: {instance_id: "missing*"}, initial: missing}
  - {match: {instance_id: "invalid*"}, initial: invalid}
  - {match: {instance_id: "denied*"}, initial: denied}
  - match: {instance_id: "drifted*"}
    initial: onboarded
    encryption: {enabled: true, key_arn: "arn:aws:kms:eu-west-2:111111111111:key/bbbb"}
"""
    + "".join(
        f"  - {{match: {{instance_id: {code}*}}, outcome: FAILED, failure_code: {code}}}\n"
        for code in CODES
    )
)
KINDS = {
    "fresh": "succeeded",
    "running": "already_onboarded",
    "done-long-ago": "already_onboarded",
    "done-lately": "already_onboarded",
    "failed-before": "failed",
    "missing": "rejected",
    "invalid": "rejected",
    "denied": "unresolved",
    "drifted": "drifted",
    **dict.fromkeys(CODES, "failed"),
}


def test_every_kind_of_target_ends_in_its_right_state_with_a_next_action(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Each kind, over v1 and v2, ends as the contract says; a second run sends no Start."""
    simulator = simulate(EVERY_KIND)
    lines = [
        # Who is refused is so in the whole account.
        instance(f"{kind}-{api}", *(["222222222222"] if kind == "denied" else []), api=api)
        for kind in KINDS
        for api in ("v1", "v2")
    ]
    shell.write("wave.yaml", manifest(*lines))
    ended = shell.run("run", "wave.yaml", *QUICK)
    assert ended.code == Exit.UNFINISHED, ended.err
    report = shell.run("report", "wave.ledger.jsonl").json
    states = {target["instance_id"]: target["state"] for target in report["targets"]}
    assert states == {f"{kind}-{api}": KINDS[kind] for kind in KINDS for api in ("v1", "v2")}
    for target in report["targets"]:
        settled = target["state"] in {"succeeded", "already_onboarded"}
        assert (target["next_action"] is None) is settled
    assert sum(report["summary"].values()) == len(lines)
    assert simulator.seen()["double_starts"] == 0

    starts = simulator.seen()["requests"]["StartInstanceOnboardingJob"]
    shell.run("run", "wave.yaml", "--yes", "--exclude-nothing")  # an unknown flag: nothing is sent
    again = shell.run("run", "wave.yaml", *QUICK)
    assert again.code == Exit.UNFINISHED
    # Only our own INTERNAL_FAILURE is started again, by the rule for it.
    retried = simulator.seen()["requests"]["StartInstanceOnboardingJob"] - starts
    assert retried == 2
    assert simulator.seen()["in_several_accounts"] == {}


def test_failed_and_foreign_jobs_are_tried_again_with_their_flags(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """--clear-failed starts what another tool left failed; --retry-failed what failed here."""
    simulate(EVERY_KIND)
    shell.write("wave.yaml", manifest(instance("failed-before"), instance("KMS_ACCESS_DENIED")))
    shell.run("run", "wave.yaml", *QUICK)
    assert "--clear-failed" in shell.run("status", "wave.ledger.jsonl").out
    shell.run("run", "wave.yaml", *QUICK, "--clear-failed", "--retry-failed")
    targets = shell.run("report", "wave.ledger.jsonl").json["targets"]
    assert [(t["state"], t["attempts"]) for t in targets] == [("succeeded", 1), ("failed", 2)]


def test_a_batch_that_is_done_ends_with_0_and_a_second_run_has_nothing_to_do(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """The summary counts, the ledger is named, and the second run makes no call at all."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(instance("a"), instance("b", "222222222222")))
    first = shell.run("run", "wave.yaml", *QUICK)
    assert first.code == Exit.OK, first.err
    assert "succeeded=2" in first.out
    assert "ledger: wave.ledger.jsonl (new)" in first.err
    requests = simulator.seen()["requests"]
    second = shell.run("run", "wave.yaml", "--yes")
    assert (second.code, simulator.seen()["requests"]) == (Exit.OK, requests)
    assert "nothing to do" in second.out


def test_a_run_can_bring_its_own_simulator(shell: Shell) -> None:
    """--simulate needs no AWS settings and never asks."""
    shell.write("wave.yaml", manifest(instance("a"), instance("b")))
    shell.write("scenario.yaml", FAST)
    ended = shell.run("run", "wave.yaml", "--simulate", "--scenario", "scenario.yaml")
    assert ended.code == Exit.OK, ended.err
    assert "succeeded=2" in ended.out
    assert "wave.simulated.ledger.jsonl" in ended.out


def test_a_rehearsal_is_never_taken_for_the_real_thing(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """A ledger of simulated runs is refused by a real one, and the other way round."""
    simulate(FAST)
    shell.write("wave.yaml", manifest(instance("a")))
    shell.run("run", "wave.yaml", "--simulate", "--no-wait")
    rehearsed = "wave.simulated.ledger.jsonl"
    real = shell.run("run", "wave.yaml", *QUICK, "--ledger", rehearsed)
    assert (real.code, "rehearsals" in real.err) == (Exit.LEDGER, True)
    shell.run("run", "wave.yaml", *QUICK)
    again = shell.run("run", "wave.yaml", "--simulate", "--ledger", "wave.ledger.jsonl")
    assert (again.code, "real runs" in again.err) == (Exit.LEDGER, True)


def test_without_a_terminal_and_without_yes_nothing_is_done(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """The refusal says what to do, and nothing was sent."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(instance("a")))
    ended = shell.run("run", "wave.yaml")
    assert (ended.code, "--yes" in ended.err) == (Exit.USAGE, True)
    assert simulator.seen()["requests"] == {}
    assert not (shell.folder / "wave.ledger.jsonl").exists()


@pytest.mark.parametrize(
    ("reply", "code", "starts"), [(b"n\n", 2, 0), (b"\x04", 2, 0), (b"y\n", 0, 1)]
)
def test_on_a_terminal_it_says_what_it_will_do_and_asks(
    shell: Shell, simulate: Callable[[str], Simulated], reply: bytes, code: int, starts: int
) -> None:
    """Only a yes goes ahead; Ctrl-D, the end of all input, is a no."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(instance("a"), instance("b", "222222222222")))
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(shell.folder)
        os.execve(sys.executable, [*COMMAND, "run", "wave.yaml"], shell.environment)  # noqa: S606 - a real process on a real terminal
    shown = b""
    while b"Go ahead?" not in shown:
        shown += os.read(terminal, 4096)
    assert b"2 targets in 2 accounts" in shown
    os.write(terminal, reply)
    shown = _read_to_end(terminal)
    assert (b"\r\nnothing was sent" in shown) is (code == 2)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == code
    assert simulator.seen()["requests"].get("StartInstanceOnboardingJob", 0) == 2 * starts


def _read_to_end(terminal: int) -> bytes:
    shown = b""
    try:
        while more := os.read(terminal, 4096):
            shown += more
    except OSError:  # so Linux says that the other side has closed
        pass
    return shown


def wait_for_starts(simulator: Simulated, number: int) -> None:
    """Return when the simulator has accepted so many Starts."""
    deadline = time.monotonic() + 60
    while len(simulator.seen()["accepted_starts"]) < number:
        assert time.monotonic() < deadline, "no Start came"
        time.sleep(0.02)


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.TERMINATED)]
)
def test_a_signal_drains_saves_and_tells_how_to_go_on(
    shell: Shell, simulate: Callable[[str], Simulated], sent: signal.Signals, code: Exit
) -> None:
    """The run ends with the signal's code; the same command again finishes without doubles."""
    simulator = simulate(SLOW)
    shell.write("wave.yaml", manifest(*(instance(f"i-{i}") for i in range(12))))
    process = shell.start("run", "wave.yaml", *QUICK)
    wait_for_starts(simulator, 1)
    process.send_signal(sent)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert "again to stop now" in err
    assert "To go on: batch-onboard run wave.yaml" in out
    ended = shell.run("run", "wave.yaml", *QUICK)
    assert (ended.code, "succeeded=12" in ended.out) == (Exit.OK, True)
    assert simulator.seen()["repeated_starts"] == 0


@pytest.mark.long
@pytest.mark.no_cover
def test_a_run_that_is_killed_is_resumed_without_a_double_start(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Kill -9 amid the Starts: the next run reads what may have been sent, and goes on."""
    simulator = simulate(FAST.replace("null", "20"))
    shell.write("wave.yaml", manifest(*(instance(f"i-{i}") for i in range(40))))
    hasty = ("run", "wave.yaml", *QUICK, "--consistency-window", "1s")
    for number in (2, 12):
        process = shell.start(*hasty, "--timeout", "1s")  # its intents hold for as little as can be
        wait_for_starts(simulator, number)
        process.kill()
        process.communicate(timeout=30)
    ended = shell.run(*hasty)
    assert ended.code == Exit.OK, ended.out + ended.err
    assert "succeeded=40" in ended.out
    assert simulator.seen()["double_starts"] == 0


def test_a_second_run_of_a_ledger_is_told_who_holds_it(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """It ends with 11 and names the process; with --lock-timeout it waits for its turn."""
    simulator = simulate("defaults: {job_duration: {min: 9999, max: 9999}}\n")
    shell.write("wave.yaml", manifest(instance("a")))
    holder = shell.start("run", "wave.yaml", *QUICK)
    wait_for_starts(simulator, 1)
    second = shell.run("run", "wave.yaml", "--yes")
    assert (second.code, f"pid {holder.pid}" in second.err) == (Exit.LOCKED, True)
    assert f"is under way\nheld by pid {holder.pid}" in shell.run("status", "wave.ledger.jsonl").out
    waiting = shell.start("run", "wave.yaml", "--yes", "--no-wait", "--lock-timeout", "1m")
    holder.kill()
    holder.communicate(timeout=30)
    out, err = waiting.communicate(timeout=60)
    assert (waiting.returncode, "in_progress=1" in out) == (Exit.OK, True), err


@pytest.mark.no_cover
def test_a_run_that_was_cut_off_is_told_from_one_that_is_under_way(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Status says so, and to run again."""
    simulator = simulate("defaults: {job_duration: {min: 9999, max: 9999}}\n")
    shell.write("wave.yaml", manifest(instance("a")))
    process = shell.start("run", "wave.yaml", *QUICK)
    wait_for_starts(simulator, 1)
    process.kill()
    process.communicate(timeout=30)
    assert "was cut off" in shell.run("status", "wave.ledger.jsonl").out


def test_bad_input_ends_with_2_before_anything_is_sent(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Each complaint names its place, and there is no traceback."""
    simulator = simulate(FAST)
    text = manifest(instance("a"), "{account_id: 011122223333, id: b}", instance("c", acount="1"))
    shell.write("wave.yaml", text)
    for command in (("run", "wave.yaml", "--yes"), ("validate", "wave.yaml")):
        ended = shell.run(*command)
        assert ended.code == Exit.USAGE
        assert "wave.yaml:9:" in ended.err
        assert "011122223333" in ended.err
        assert "wave.yaml:10:" in ended.err
        assert "Traceback" not in ended.err
    assert simulator.seen()["requests"] == {}
    assert not (shell.folder / "wave.ledger.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rnu",), "did you mean run"),
        (("run", "wave.yaml", "--concurency", "3"), "--concurrency"),
        (("run", "wave.yaml", "--rate", "x"), "'x' is not a number above 0"),
        (("run", "wave.yaml", "--rate", "nan"), "'nan' is not a number above 0"),
        (("run", "wave.yaml", "--burst", "0.5"), "of at least 1"),
        (("run", "wave.yaml", "--timeout", "0"), "longer than 0 s"),
        (("run", "wave.yaml", "--timeout", "soon"), "no duration"),
        (("run", "wave.yaml", "--scenario", "s.yaml"), "goes with --simulate"),
        (("run", "nowhere.yaml", "--yes"), "nowhere.yaml"),
        (("run", "wave.yaml", "--simulate", "--scenario", "nowhere"), "nowhere"),
        (("run", "wave.yaml", "--config", "nowhere"), "nowhere"),
        (("simulate", "--scenario", "nowhere"), "nowhere"),
        (("report",), "LEDGER"),
    ],
)
def test_a_mistyped_command_ends_with_2_and_a_way_out(
    shell: Shell, arguments: tuple[str, ...], words: str
) -> None:
    """What was wrong stands in one message, without a traceback."""
    shell.write("wave.yaml", manifest(instance("a")))
    ended = shell.run(*arguments)
    assert (ended.code, words in ended.err) == (Exit.USAGE, True), ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("command", ["run", "status", "report"])
def test_a_ledger_that_is_none_ends_with_5_and_stays_as_it_is(shell: Shell, command: str) -> None:
    """A file of something else is named and left alone."""
    shell.write("wave.yaml", manifest(instance("a")))
    shell.write("wave.ledger.jsonl", "my diary\n")
    more = ("wave.yaml", "--yes") if command == "run" else ("wave.ledger.jsonl",)
    ended = shell.run(command, *more)
    assert (ended.code, "wave.ledger.jsonl" in ended.err) == (Exit.LEDGER, True)
    assert (shell.folder / "wave.ledger.jsonl").read_text() == "my diary\n"


def test_a_flag_wins_over_the_environment_and_that_over_the_file(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """Settings come from the flag, then BATCH_ONBOARD_..., then --config, then the default."""
    simulate(FAST)
    shell.write("wave.yaml", manifest(instance("a")))
    shell.write("settings.yaml", "ledger: by-file.jsonl\nchange-ref: by-file\nrate: 100\n")
    run = ("run", "wave.yaml", "--yes", "--config", "settings.yaml")
    assert shell.run(*run).code == Exit.OK
    by_environment = {"BATCH_ONBOARD_LEDGER": "by-environment.jsonl"}
    assert shell.run(*run, **by_environment).code == Exit.OK
    assert shell.run(*run, "--ledger", "by-flag.jsonl", **by_environment).code == Exit.OK
    for name in ("by-file", "by-environment", "by-flag"):
        report = shell.run("report", f"{name}.jsonl").json
        assert report["runs"][0]["change_ref"] == "by-file"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("concurrency: many", "settings.yaml:1:14: concurrency: 'many' is not a valid integer"),
    ],
)
def test_a_wrong_settings_file_is_refused(shell: Shell, text: str, words: str) -> None:
    """What it holds beside known settings is named."""
    shell.write("wave.yaml", manifest(instance("a")))
    shell.write("settings.yaml", text)
    ended = shell.run("run", "wave.yaml", "--simulate", "--config", "settings.yaml")
    assert (ended.code, words in ended.err) == (Exit.USAGE, True), ended.err


def test_stdout_is_data_and_stderr_is_talk(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """With --output json, stdout parses whatever is logged; -q is silent when all is well."""
    simulate(EVERY_KIND)
    shell.write("wave.yaml", manifest(instance("fresh"), instance("missing")))
    ended = shell.run("run", "wave.yaml", *QUICK, "--output", "json", "-vv", "--progress", "json")
    assert ended.json["summary"] == {"succeeded": 1, "rejected": 1}
    assert ended.json["exit_code"] == ended.code == Exit.UNFINISHED
    logged = [json.loads(line) for line in ended.err.splitlines() if line.startswith("{")]
    assert {"answer", "running", "rejected"} <= {line.get("event") for line in logged}
    assert shell.run("status", "wave.ledger.jsonl", "--output", "json").json["manifest"] == "wave"
    shell.write("fine.yaml", manifest(instance("fresh-too")))
    quiet = shell.run("run", "fine.yaml", *QUICK, "-q")
    assert (quiet.code, quiet.out, quiet.err) == (Exit.OK, "", "")
    loud = shell.run("run", "wave.yaml", *QUICK, "-q")
    assert (loud.code, "ResourceNotFoundException" in loud.out) == (Exit.UNFINISHED, True)


def test_what_a_run_learns_of_a_quota_is_kept_and_told(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """A quota that is not the documented one stands in ledger, report and logs."""
    simulate("defaults: {job_duration: {min: 0.1, max: 0.2}}\nthrottle: {rate: 8, burst: 12}\n")
    shell.write("wave.yaml", manifest(*(instance(f"i-{i}") for i in range(40))))
    ended = shell.run("run", "wave.yaml", "--yes", "--no-precheck", "--no-wait", "-v")
    assert ended.code == Exit.OK, ended.err
    quotas = shell.run("report", "wave.ledger.jsonl").json["quotas"]
    (start,) = [quota for quota in quotas if quota["operation"].startswith("Start")]
    assert (start["account_id"], start["region"]) == ("111111111111", "eu-west-2")
    assert start["throttled"] >= 1
    assert '"event": "limiter"' in ended.err


def test_standard_aws_settings_are_honoured(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """A profile of AWS_CONFIG_FILE, named by AWS_PROFILE, gives credentials and endpoint."""
    simulator = simulate(FAST)
    settings = simulator.settings
    shell.write(
        "config",
        "[profile migration]\n"
        f"aws_access_key_id = {settings['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {settings['AWS_SECRET_ACCESS_KEY']}\n"
        f"endpoint_url = {settings['AWS_ENDPOINT_URL']}\n",
    )
    for name in settings:
        del shell.environment[name]
    shell.write("wave.yaml", manifest(instance("a")))
    ended = shell.run(
        "run",
        "wave.yaml",
        *QUICK,
        AWS_CONFIG_FILE=str(shell.folder / "config"),
        AWS_PROFILE="migration",
    )
    assert ended.code == Exit.OK, ended.out + ended.err
    report = shell.run("report", "wave.ledger.jsonl").json
    assert report["runs"][0]["caller"].startswith("arn:aws:")


def test_a_plain_http_endpoint_that_is_not_on_loopback_is_refused(shell: Shell) -> None:
    """Nothing signed may leave the machine unencrypted."""
    shell.write("wave.yaml", manifest(instance("a")))
    ended = shell.run(
        "run",
        "wave.yaml",
        "--yes",
        AWS_ENDPOINT_URL="http://aws.example",
        AWS_ACCESS_KEY_ID="AKIDEXAMPLE",
        AWS_SECRET_ACCESS_KEY="none",
    )
    assert (ended.code, "aws.example" in ended.err) == (Exit.USAGE, True), ended.err
    assert "Traceback" not in ended.err


def test_without_credentials_every_target_is_unresolved_with_that_cause(shell: Shell) -> None:
    """Nothing is sent, and the summary says what to set."""
    shell.write("wave.yaml", manifest(instance("a")))
    ended = shell.run("run", "wave.yaml", "--yes")
    assert (ended.code, "credentials" in ended.out) == (Exit.UNFINISHED, True), ended.out


def test_an_empty_environment_is_enough(shell: Shell, simulate: Callable[[str], Simulated]) -> None:
    """As under cron: no HOME, no PATH, no locale."""
    simulator = simulate(FAST)
    shell.write("wave.yaml", manifest(instance("a")))
    shell.environment = dict(simulator.settings)
    ended = shell.run_afresh("run", "wave.yaml", *QUICK)
    assert ended.code == Exit.OK, ended.err


@pytest.mark.no_cover
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_goes_away_ends_no_run(
    shell: Shell, simulate: Callable[[str], Simulated], stream: str
) -> None:
    """A closed pipe, as `| head` or a lost terminal leaves it, loses nothing but its text."""
    simulate(EVERY_KIND)
    shell.write("wave.yaml", manifest(instance("fresh"), instance("missing")))
    with shell.start("run", "wave.yaml", *QUICK, "-vv", "--progress-every", "0.1s") as process:
        (getattr(process, stream) or pytest.fail("no output")).close()
        other = process.stderr if stream == "stdout" else process.stdout
        text = (other or pytest.fail("no output")).read()
    assert (process.returncode, "Traceback" in text) == (Exit.UNFINISHED, False)
    summary = shell.run("report", "wave.ledger.jsonl").json["summary"]
    assert summary == {"succeeded": 1, "rejected": 1}


@pytest.mark.parametrize("command", [("schema",), ("report", "wave.ledger.jsonl")])
def test_a_full_disk_behind_stdout_is_explained(shell: Shell, command: tuple[str, ...]) -> None:
    """What can't be written is said, without a traceback."""
    shell.write("scenario.yaml", FAST)
    shell.write("wave.yaml", manifest(instance("a")))
    simulated = ("--simulate", "--scenario", "scenario.yaml", "--ledger", "wave.ledger.jsonl")
    shell.run("run", "wave.yaml", *simulated)
    line = f"{shlex.join([*COMMAND, *command])} > /dev/full"
    ended = subprocess.run(
        ["sh", "-c", line],
        cwd=shell.folder,
        env=shell.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == "stdout can't be written: No space left on device\n"
    assert ended.returncode == Exit.ERROR


def test_a_report_is_utf_8_whatever_the_locale_says(shell: Shell) -> None:
    """As under cron, where there is none."""
    shell.write("scenario.yaml", FAST)
    shell.write("wave.yaml", manifest(instance("a", labels="{unit: Zürich}")))
    shell.run("run", "wave.yaml", "--simulate", "--scenario", "scenario.yaml")
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    for form in ("json", "jsonl", "csv"):
        told = shell.run("report", "wave.simulated.ledger.jsonl", "--format", form, **plain)
        assert (told.code, "Zürich" in told.out) == (Exit.OK, True), told.err


def test_paths_in_a_settings_file_start_from_its_folder(shell: Shell) -> None:
    """So that cron finds the same ledger wherever it runs the command."""
    (shell.folder / "conf").mkdir()
    shell.write("wave.yaml", manifest(instance("a")))
    shell.write("conf/scenario.yaml", FAST)
    shell.write("conf/run.yaml", "ledger: kept.jsonl\nsimulate: true\nscenario: scenario.yaml\n")
    ended = shell.run("run", "wave.yaml", "--config", "conf/run.yaml")
    assert ended.code == Exit.OK, ended.err
    assert (shell.folder / "conf" / "kept.jsonl").exists()


def test_reports_come_in_three_formats(shell: Shell, simulate: Callable[[str], Simulated]) -> None:
    """JSON, JSON Lines and CSV tell the same, ids as they were written."""
    simulate(FAST)
    shell.write("wave.yaml", manifest(instance("a", "000000000001", labels='{unit: "=1+1"}')))
    shell.run("run", "wave.yaml", *QUICK)
    (one,) = shell.run("report", "wave.ledger.jsonl").json["targets"]
    line = json.loads(shell.run("report", "wave.ledger.jsonl", "--format", "jsonl").out)
    assert line == one
    assert (one["account_id"], one["labels"]) == ("000000000001", {"unit": "=1+1"})
    shell.run("report", "wave.ledger.jsonl", "--format", "csv", "-o", "wave.csv")
    (row,) = csv.DictReader(io.StringIO((shell.folder / "wave.csv").read_text()))
    assert (row["account_id"], row["started_here"], row["labels.unit"]) == (
        "000000000001",
        "true",
        "'=1+1",
    )
