"""Row 49: canaries for secrets, every kind of failure, the loudest log, and then every byte."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from batch_onboard.core.redaction import REDACTED
from batch_onboard.exits import Exit
from tests.cli.conftest import Ended, Shell, Simulated, instance, shell, simulate
from tests.report.test_html import data

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["shell", "simulate"]  # fixtures, found by their names here

CALLER_KEY = "AKIACANARY0000000001"
CALLER_SECRET = "canarySecretOfTheCaller/0123456789+abcde"
EXTERNAL_ID = "canary-external-id-42"
SEED = 7
SIGNED = re.compile(rb"Signature(?:=|%3D|['\"]: ?['\"])[0-9a-f]{16}", re.IGNORECASE)

# What the service says may be anything, also what it was sent. STS hands out a token whose text the
# simulator's seed decides, so that it is known here.
SCENARIO = """
seed: 7
defaults: {job_duration: {min: 0.1, max: 0.2}}
throttle: {rate: null}
callers:
  - {access_key_id: AKIACANARY0000000001, secret_access_key: canarySecretOfTheCaller/0123456789+abcde}
sts:
  roles: [{role_arn: "*222222222222*", external_id: another}]
instances:
  - {match: {instance_id: invalid}, initial: invalid}
  - {match: {instance_id: failed}, outcome: FAILED, failure_code: KMS_ACCESS_DENIED}
faults:
  - {match: {instance_id: echo}, kind: error, status: 403, code: AccessDeniedException, message: ECHO}
  - {match: {instance_id: echo-400}, kind: error, status: 400, code: ValidationException, message: ECHO}
  - {match: {instance_id: broken}, times: 1, kind: error, message: ECHO}
  - {match: {instance_id: html}, times: 1, kind: error, message: ECHO, shape: html}
  - {match: {operation: Start*, instance_id: cut}, times: 1, kind: cut_body}
  - {match: {operation: Start*, instance_id: dropped}, times: 1, kind: drop_after}
  - {match: {instance_id: expired}, times: 1, kind: expired_token}
"""
KINDS = ["echo", "echo-400", "broken", "html", "cut", "dropped", "expired", "invalid", "failed"]


def handed_out(text: str) -> str:
    """What the simulated STS makes up for a number and a kind."""
    return base64.b64encode(hashlib.sha512(f"{SEED} {text}".encode()).digest()).decode()


CANARIES = {
    CALLER_KEY,
    CALLER_SECRET,
    EXTERNAL_ID,
    *(f"ASIA{number:016d}" for number in range(1, 20)),
    *(handed_out(f"token {number}") for number in range(1, 20)),
    *(handed_out(f"secret {number}")[:40] for number in range(1, 20)),
}
ECHO = (
    f"No. You sent {handed_out('token 1')}, with ExternalId={EXTERNAL_ID}, signed by "
    "ASIA0000000000000001: Authorization: AWS4-HMAC-SHA256 Credential=ASIA0000000000000001/x, "
    f"SignedHeaders=host, Signature={'0a1b2c3d' * 8}; aws_secret_access_key={CALLER_SECRET}"
)
# What makes the loggers of all libraries as loud as they can be, in a process of its own.
LOUD = "import logging\nlogging.getLogger().setLevel(logging.DEBUG)\n"


def leaks(content: bytes) -> list[str]:
    """Return which canaries a file or a stream shows."""
    found = [canary for canary in CANARIES if canary.encode() in content]
    return [*found, *(match.decode() for match in SIGNED.findall(content))]


def manifest_text() -> str:
    """A manifest with an external id, of which one account's role lets nobody in."""
    lines = [instance(kind) for kind in KINDS] + [instance("no-role", "222222222222")]
    return (
        "version: 1\nname: wave\ndefaults:\n  region: eu-west-2\n"
        "  role_arn: arn:aws:iam::{account_id}:role/Onboarder\n"
        f"  external_id: {EXTERNAL_ID}\n  encryption: {{enabled: false}}\ninstances:\n"
        + "".join(f"  - {line}\n" for line in lines)
    )


@pytest.mark.no_cover
def test_no_secret_is_written_anywhere(shell: Shell, simulate: Callable[[str], Simulated]) -> None:
    """403s, 500s, cut answers, expired tokens and a dead endpoint, at -vv with all loggers open."""
    shell.write("sitecustomize.py", LOUD)
    shell.environment["PYTHONPATH"] = str(shell.folder)
    simulate(SCENARIO.replace("ECHO", repr(ECHO)))
    shell.write("wave.yaml", manifest_text())
    run = ("run", "wave.yaml", "--yes", "--rate", "99", "--burst", "99", "-vv", "--timeout", "2s")
    pasted = f"CHG-1, aws_secret_access_key={CALLER_SECRET}, {CALLER_KEY}"
    more = ("--consistency-window", "0s", "--metrics-file", "wave.prom", "--change-ref", pasted)
    first = shell.run(*run, *more)
    assert first.code == Exit.UNFINISHED, first.err
    second = interrupted(shell, *run, *more, "--log-format", "console", "--retry-failed")
    assert second.code == Exit.INTERRUPTED, second.err
    written = [first.out, first.err, second.out, second.err]
    for form in ("json", "jsonl", "csv", "html"):
        shell.run("report", "wave.ledger.jsonl", "-o", f"report.{form}")
    packed = data((shell.folder / "report.html").read_text())
    shell.write("report.unpacked", json.dumps(packed))
    assert REDACTED in json.dumps(packed)
    written.append(shell.run("status", "wave.ledger.jsonl").out)
    assert "Traceback" not in "".join(written)
    for text in written:
        assert leaks(text.encode()) == []
    for path in shell.folder.iterdir():
        given = {"wave.yaml", "scenario.yaml"}  # where the canaries come from
        if path.is_file() and path.name not in given:
            assert leaks(path.read_bytes()) == [], path.name
    # The echoes came through, and all but the secrets in them was kept.
    assert f"You sent {REDACTED}" in (shell.folder / "wave.ledger.jsonl").read_text()


def test_no_secret_is_in_a_plan(shell: Shell, simulate: Callable[[str], Simulated]) -> None:
    """Its file, what it prints, and its loudest log, with the same echoes."""
    simulate(SCENARIO.replace("ECHO", repr(ECHO)))
    shell.write("wave.yaml", manifest_text())
    planned = shell.run("plan", "wave.yaml", "-vv", "--timeout", "2s", "-o", "plan.json")
    assert planned.code == Exit.OK, planned.err
    for text in (planned.out, planned.err, (shell.folder / "plan.json").read_text()):
        assert leaks(text.encode()) == []
    assert f"You sent {REDACTED}" in planned.err


def interrupted(shell: Shell, *arguments: str) -> Ended:
    """Run the command where the service can't be reached, until that was logged."""
    unreachable = {"AWS_ENDPOINT_URL_CONNECTCAMPAIGNS": "http://127.0.0.1:9"}
    process = shell.start(*arguments, **unreachable)
    said = ""
    while "meaning=unsent" not in said:
        assert process.poll() is None, said
        said += (process.stderr or pytest.fail("no output")).readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return Ended(process.returncode, out, said + err)


def test_this_hunt_finds_what_is_there() -> None:
    """The control: the echo itself, and what botocore would log, show canaries and a signature."""
    assert {EXTERNAL_ID, CALLER_SECRET, handed_out("token 1")} <= set(leaks(ECHO.encode()))
    assert leaks(b"{'X-Amz-Signature': '0a1b2c3d4e5f60718293'}")


@pytest.mark.no_cover
def test_without_the_redaction_the_secrets_would_be_written(
    shell: Shell, simulate: Callable[[str], Simulated]
) -> None:
    """The control of the first test: a redactor that does nothing leaks into log and ledger."""
    simulate(SCENARIO.replace("ECHO", repr(ECHO)))
    shell.write("wave.yaml", manifest_text())
    leaky = "from batch_onboard.core.redaction import Secrets\nSecrets.redact = lambda self, text: text\n"
    run = ("run", "wave.yaml", "--yes", "--rate", "99", "--burst", "99", "-vv", "--timeout", "2s")
    ended = in_python(shell, leaky, *run, "--consistency-window", "0s")
    assert leaks(ended.stderr)
    assert leaks((shell.folder / "wave.ledger.jsonl").read_bytes())


def in_python(shell: Shell, before: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a process that does something else first."""
    code = f"{before}\nfrom batch_onboard.__main__ import main\nmain()\n"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=shell.folder,
        env=shell.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


# A bug of ours, in a command that does not exist: it quotes a secret of the environment.
BUG = textwrap.dedent(
    """
    import os
    import click
    from batch_onboard.cli.entry import cli
    from batch_onboard.cli.framework import LazyGroup
    from batch_onboard.cli.invocation import Invocation
    from batch_onboard.cli.talk import Talk

    @click.command()
    @click.option("--log-format", default="console")
    @click.pass_context
    def buggy(ctx, log_format):
        ctx.ensure_object(Invocation).talk = Talk(log_format)
        bug = KeyError(os.environ["AWS_SECRET_ACCESS_KEY"])
        raise ExceptionGroup("as a task group raises it", [bug])

    LazyGroup.get_command = lambda self, ctx, name: buggy
    LazyGroup.resolve_command = lambda self, ctx, args: ("buggy", buggy, args[1:])
    """
)


def test_a_bug_is_told_in_one_line_and_its_traceback_kept_without_secrets(shell: Shell) -> None:
    """The file is for its owner alone."""
    shell.environment |= {"AWS_SECRET_ACCESS_KEY": CALLER_SECRET, "TMPDIR": str(shell.folder)}
    ended = in_python(shell, BUG, "buggy")
    line = ended.stderr.decode()
    assert ended.returncode == Exit.ERROR
    assert re.fullmatch(r"unexpected error: KeyError: .*; please report it, with \S+\n", line)
    assert (leaks(ended.stderr), REDACTED in line) == ([], True)
    (kept,) = shell.folder.glob("batch-onboard-crash-*.txt")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert (leaks(kept.read_bytes()), b"Traceback" in kept.read_bytes()) == ([], True)


@pytest.mark.parametrize("error", [EOFError("no more"), BrokenPipeError(32, "Broken pipe")])
def test_a_bug_that_looks_like_the_end_of_a_stream_is_told_all_the_same(
    shell: Shell, error: Exception
) -> None:
    """Click would end without a word: as if interrupted, or as if nobody read on."""
    shell.environment |= {"AWS_SECRET_ACCESS_KEY": CALLER_SECRET, "TMPDIR": str(shell.folder)}
    bug = BUG.replace('ExceptionGroup("as a task group raises it", [bug])', repr(error))
    ended = in_python(shell, bug, "buggy")
    assert ended.returncode == Exit.ERROR
    assert ended.stderr.decode().startswith(f"unexpected error: {type(error).__name__}: ")
    assert len(list(shell.folder.glob("batch-onboard-crash-*.txt"))) == 1


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("MemoryError()", b"out of memory: what was saved is safe"),
        ("OSError(24, 'Too many open files')", b"raise the limit (ulimit -n), then run again"),
    ],
)
def test_a_machine_that_runs_short_is_told_as_that_and_not_as_a_bug(
    shell: Shell, form: str, error: str, words: bytes
) -> None:
    """One line says what is missing; there is nothing to report, and no traceback."""
    shell.environment |= {"AWS_SECRET_ACCESS_KEY": CALLER_SECRET, "TMPDIR": str(shell.folder)}
    ended = in_python(shell, BUG.replace("[bug]", f"[{error}]"), "buggy", "--log-format", form)
    (line,) = ended.stderr.splitlines()
    assert (ended.returncode, words in line) == (Exit.ERROR, True)
    assert (b"report it" in line, b"Traceback" in line) == (False, False)
    assert not list(shell.folder.glob("batch-onboard-crash-*"))


def test_a_bug_is_an_event_of_the_log_where_events_are_logged(shell: Shell) -> None:
    """With its traceback: where nobody watches, files are gone when somebody comes to look."""
    shell.environment |= {"AWS_SECRET_ACCESS_KEY": CALLER_SECRET, "TMPDIR": str(shell.folder)}
    ended = in_python(shell, BUG, "buggy", "--log-format", "json")
    (line,) = ended.stderr.splitlines()
    assert (b'"event": "crashed"' in line, b"Traceback" in line) == (True, True)
    assert leaks(ended.stderr) == []
    assert not list(shell.folder.glob("batch-onboard-crash-*"))


def test_a_bug_is_told_even_where_no_file_can_be_kept(shell: Shell) -> None:
    """As on a machine whose disks are full."""
    nowhere = "import tempfile\ntempfile.gettempdir = lambda: '/nowhere'\n"
    shell.environment["AWS_SECRET_ACCESS_KEY"] = CALLER_SECRET
    ended = in_python(shell, nowhere + BUG, "buggy")
    assert ended.stderr.decode().endswith("; please report it\n")


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_manifest_that_is_wrong_shows_no_external_id(shell: Shell, form: str) -> None:
    """Its lines may be quoted; the value beside that name is taken out."""
    shell.write("wave.yaml", manifest_text().replace("encryption", "encription"))
    ended = shell.run("run", "wave.yaml", "--yes", "--log-format", form)
    assert ended.code == Exit.USAGE
    assert leaks((ended.out + ended.err).encode()) == []
