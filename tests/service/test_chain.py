"""Own credentials and profiles, from real config files, programs and variables."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from subprocess import PIPE
from typing import TYPE_CHECKING

import pytest

from batch_onboard.core.calls import Answer, Meaning, Operation
from batch_onboard.core.targets import Identity
from batch_onboard.service.aws import open_service
from batch_onboard.service.providers import Programs
from tests.service.stub import (
    OTHER_ACCOUNT,
    OWN_ACCOUNT,
    REGION,
    SETTINGS,
    NoPauses,
    reply,
    role,
    serve_stub,
    sts_error,
    target,
)

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from batch_onboard.service.aws import AwsService

PROFILE = Identity(profile="work")
CHAINED = f"source_profile = base\nrole_arn = arn:aws:iam::{OTHER_ACCOUNT}:role/Chained\n"
ENVIRONMENT = "credential_source = Environment"
ON_SYSTEM = replace(SETTINGS, static_credentials=None, allow_profiles=True)


def open_found(**changes: object) -> AbstractAsyncContextManager[AwsService]:
    """A service that finds its credentials where a user has put them."""
    return open_service(replace(ON_SYSTEM, **changes), random=NoPauses())  # type: ignore[arg-type]  # by name


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Variables with own credentials, as a user exports them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDOWN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own-secret")
    return monkeypatch


def write_config(home: Path, text: str) -> None:
    """Write the AWS config."""
    (home / "config").write_text(text)


def write_program(home: Path, body: str) -> str:
    """Write a program for credential_process, and return how it is called."""
    program = home / "credentials.py"
    program.write_text(body)
    return f"{sys.executable} -S {program}"  # without what an installation adds at each start


async def refused(service: AwsService, identity: Identity = PROFILE) -> Answer:
    """Prepare a target that will not get credentials, and return the reason."""
    answer = await service.prepare(target(identity=identity))
    assert answer is not None
    assert answer.meaning is Meaning.NO_IDENTITY
    return answer


@pytest.mark.asyncio
async def test_variables_of_the_environment_are_honoured(environment: pytest.MonkeyPatch) -> None:
    """Keys and AWS_ENDPOINT_URL of the environment are used."""
    async with serve_stub() as stub:
        environment.setenv("AWS_ENDPOINT_URL", stub.url)
        async with open_found() as service:
            answer = await service.send(Operation.START, target())
        assert answer.meaning is Meaning.OK
        assert {seen.access_key_id for seen in stub.seen} == {"AKIDOWN"}


@pytest.mark.asyncio
async def test_the_profile_in_force_is_honoured(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS_PROFILE and AWS_CONFIG_FILE say whose credentials, where, and in which Region."""
    async with serve_stub() as stub:
        write_config(
            home,
            f"[profile work]\naws_access_key_id = AKIDOWN\naws_secret_access_key = s\n"
            f"endpoint_url = {stub.url}\nregion = ca-central-1\n",
        )
        monkeypatch.setenv("AWS_PROFILE", "work")
        async with open_found() as service:
            caller = await service.caller()
            answer = await service.send(Operation.START, target())
        assert not isinstance(caller, Answer)
        assert caller.account_id == OWN_ACCOUNT
        assert answer.meaning is Meaning.OK
        scopes = [seen.headers["Authorization"].split("/")[2] for seen in stub.seen]
        assert scopes == ["ca-central-1", REGION]


@pytest.mark.asyncio
async def test_a_profile_of_a_target_goes_its_own_way(
    home: Path, environment: pytest.MonkeyPatch
) -> None:
    """Each profile signs its own targets, whatever the caller's own credentials are."""
    write_config(home, "[profile work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = s\n")
    async with serve_stub() as stub:
        stub.accounts["AKIDWORK"] = OTHER_ACCOUNT
        environment.setenv("AWS_ENDPOINT_URL", stub.url)
        async with open_found() as service:
            await service.send(Operation.START, target(OTHER_ACCOUNT, identity=PROFILE))
            await service.send(Operation.START, target())
            wrong = await service.prepare(target(identity=PROFILE))
        assert [seen.access_key_id for seen in stub.campaign_calls] == ["AKIDWORK", "AKIDOWN"]
    assert wrong is not None
    assert wrong.meaning is Meaning.WRONG_ACCOUNT


@pytest.mark.asyncio
async def test_a_role_may_be_assumed_with_a_profile(
    home: Path, environment: pytest.MonkeyPatch
) -> None:
    """A role with a profile is assumed with that profile's credentials."""
    write_config(home, "[profile work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = s\n")
    async with serve_stub() as stub:
        stub.accounts["AKIDWORK"] = OWN_ACCOUNT
        environment.setenv("AWS_ENDPOINT_URL", stub.url)
        async with open_found() as service:
            identity = role(OTHER_ACCOUNT, profile="work")
            assert await service.prepare(target(OTHER_ACCOUNT, identity=identity)) is None
        assert {seen.access_key_id for seen in stub.seen} == {"AKIDWORK"}


@pytest.mark.asyncio
async def test_a_chain_of_roles_works_as_its_profile_says(
    home: Path, environment: pytest.MonkeyPatch
) -> None:
    """A profile that assumes a role from another profile needs no Region of its own."""
    write_config(
        home,
        f"[profile base]\naws_access_key_id = AKIDOWN\naws_secret_access_key = s\n"
        f"[profile work]\nsource_profile = base\n"
        f"role_arn = arn:aws:iam::{OTHER_ACCOUNT}:role/Chained\n",
    )
    async with serve_stub() as stub:
        stub.accounts[f"ASIA{OTHER_ACCOUNT}-1"] = OTHER_ACCOUNT
        environment.setenv("AWS_ENDPOINT_URL", stub.url)
        async with open_found() as service:
            assert await service.prepare(target(OTHER_ACCOUNT, identity=PROFILE)) is None
        assert stub.sts_calls == ["AssumeRole", "GetCallerIdentity"]


@pytest.mark.asyncio
async def test_a_chain_that_aws_refuses_says_why(
    home: Path, environment: pytest.MonkeyPatch
) -> None:
    """If the chain's own AssumeRole is denied, the code and the words of AWS are kept."""
    write_config(
        home,
        f"[profile work]\ncredential_source = Environment\n"
        f"role_arn = arn:aws:iam::{OTHER_ACCOUNT}:role/Chained\n",
    )
    async with serve_stub() as stub:
        stub.sts.append(sts_error(403, "AccessDenied", "not you"))
        environment.setenv("AWS_ENDPOINT_URL", stub.url)
        async with open_found() as service:
            answer = await refused(service)
    assert answer.error_code == "AccessDenied"
    assert "not you" in str(answer.message)


@pytest.mark.asyncio
async def test_the_chain_follows_no_redirect(home: Path, environment: pytest.MonkeyPatch) -> None:
    """What the chain sends for itself, a web identity's token too, is never redirected."""
    (home / "token").write_text("a-web-identity-token")
    write_config(
        home,
        f"[profile work]\nweb_identity_token_file = {home / 'token'}\n"
        f"role_arn = arn:aws:iam::{OTHER_ACCOUNT}:role/Web\n",
    )
    async with serve_stub() as stub, serve_stub() as other:
        stub.sts.extend([reply(307, Location=other.url)] * 10)
        environment.setenv("AWS_ENDPOINT_URL", stub.url)
        async with open_found() as service:
            answer = await refused(service)
        assert other.seen == []
        assert stub.sts_calls
    assert "redirect" in str(answer.message)


@pytest.mark.asyncio
async def test_the_chain_sends_nothing_in_the_clear(
    home: Path, environment: pytest.MonkeyPatch
) -> None:
    """A plain-http endpoint elsewhere is refused for the chain's own calls, too."""
    write_config(
        home,
        f"[profile work]\ncredential_source = Environment\n"
        f"role_arn = arn:aws:iam::{OTHER_ACCOUNT}:role/Chained\n",
    )
    environment.setenv("AWS_ENDPOINT_URL_STS", "http://sts.example")
    async with open_found() as service:
        answer = await refused(service)
    assert "plain http" in str(answer.message)


@pytest.mark.asyncio
async def test_no_credentials_at_all_is_said_plainly() -> None:
    """A machine without any credentials gets a sentence that says what to set."""
    async with open_found() as service:
        answer = await refused(service, Identity())
        caller = await service.caller()
    assert answer.error_code == "no_credentials"
    assert "AWS_PROFILE" in str(answer.message)
    assert isinstance(caller, Answer)
    assert caller.error_code == "no_credentials"


@pytest.mark.asyncio
@pytest.mark.parametrize("own", [False, True])
async def test_a_profile_that_does_not_exist_is_named(
    monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    """A missing profile is named, whether a target or AWS_PROFILE asks for it."""
    if own:
        monkeypatch.setenv("AWS_PROFILE", "work")
    async with open_found() as service:
        answer = await refused(service, Identity() if own else PROFILE)
        caller = await service.caller()
    assert answer.error_code == "profile_not_found"
    assert "(work)" in str(answer.message)
    assert isinstance(caller, Answer)


@pytest.mark.asyncio
async def test_a_broken_config_file_is_named(home: Path) -> None:
    """A config file that cannot be parsed is named, without a traceback."""
    write_config(home, "[profile work\nregion")
    async with open_found() as service:
        answer = await refused(service)
        caller = await service.caller()
    assert str(home / "config") in str(answer.message)
    assert isinstance(caller, Answer)


@pytest.mark.asyncio
@pytest.mark.parametrize("session", [False, True], ids=["legacy", "sso-session"])
async def test_an_sso_session_that_is_over_names_the_command(home: Path, session: bool) -> None:
    """Without a valid SSO token the message gives the command that gets one."""
    where = "sso_session = corp\n" if session else ""
    write_config(
        home,
        f"[profile work]\n{where}sso_start_url = https://corp.awsapps.com/start\n"
        f"sso_region = eu-west-2\nsso_account_id = {OWN_ACCOUNT}\nsso_role_name = Admin\n"
        "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\n"
        "sso_region = eu-west-2\n",
    )
    async with open_found() as service:
        answer = await refused(service)
    assert answer.error_code == "sso_expired"
    assert "aws sso login --profile work" in str(answer.message)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("import sys; print('hunter2', file=sys.stderr); sys.exit(3)", "credential_provider"),
        ("print('hunter2')", "credentials_unreadable"),
        ("print('[]')", "credentials_unreadable"),
        ('print(\'{"Version": 1, "SecretAccessKey": "hunter2"}\')', "credential_provider"),
        (
            'print(\'{"Version": 1, "AccessKeyId": "", "SecretAccessKey": "hunter2"}\')',
            "no_credentials",
        ),
    ],
    ids=["fails", "junk", "list", "half", "empty"],
)
async def test_what_a_program_says_is_not_repeated(home: Path, body: str, code: str) -> None:
    """A failing credential_process is named, but what it printed may be a secret."""
    write_config(home, f"[profile work]\ncredential_process = {write_program(home, body)}\n")
    async with open_found() as service:
        answer = await refused(service)
    assert answer.error_code == code
    assert "hunter2" not in repr(answer)


@pytest.mark.asyncio
async def test_a_program_that_does_not_exist_is_explained(home: Path) -> None:
    """A credential_process that cannot be run is an answer."""
    write_config(home, "[profile work]\ncredential_process = /nonexistent/program\n")
    async with open_found() as service:
        answer = await refused(service)
    assert answer.error_code == "credentials_unreadable"
    assert "profile work" in str(answer.message)


@pytest.mark.asyncio
@pytest.mark.parametrize("own", [True, False], ids=["its own", "its source's"])
async def test_a_program_that_hangs_is_given_up(home: Path, own: bool) -> None:
    """A credential_process has as long as a call has; then it is killed, wherever it is named."""
    started = home / "started"
    program = write_program(
        home,
        "import os, pathlib, signal\n"
        f"pathlib.Path({str(started)!r}).write_text(str(os.getpid()))\n"
        "signal.pause()",
    )
    source = "" if own else f"{CHAINED}[profile base]\n"
    write_config(home, f"[profile work]\n{source}credential_process = {program}\n")
    async with open_found(call_timeout=1.0) as service:
        answer = await refused(service)
    assert answer.error_code == "timeout"
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)


@pytest.mark.asyncio
async def test_what_a_hanging_program_has_started_is_killed_too() -> None:
    """A wrapper takes along the program that it waits for, so that nobody holds its output."""
    programs = Programs()
    wrapper = await programs.start("sh", "-c", "sleep 60 & echo started; wait", stdout=PIPE)
    assert wrapper.stdout is not None
    assert await wrapper.stdout.readline() == b"started\n"
    await programs.end()
    assert wrapper.stdout.at_eof()


@pytest.mark.asyncio
async def test_a_role_may_be_assumed_with_what_a_program_hands_out(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program of a source_profile lends its credentials to the role."""
    keys = {"Version": 1, "AccessKeyId": "AKIDOWN", "SecretAccessKey": "s"}
    program = write_program(home, f"print({json.dumps(keys)!r})")
    write_config(
        home,
        f"[profile work]\n{CHAINED}[profile base]\ncredential_process = {program}\n",
    )
    async with serve_stub() as stub:
        stub.accounts[f"ASIA{OTHER_ACCOUNT}-1"] = OTHER_ACCOUNT
        monkeypatch.setenv("AWS_ENDPOINT_URL", stub.url)
        async with open_found() as service:
            assert await service.prepare(target(OTHER_ACCOUNT, identity=PROFILE)) is None
        assert [seen.access_key_id for seen in stub.seen] == ["AKIDOWN", f"ASIA{OTHER_ACCOUNT}-1"]


@pytest.mark.asyncio
async def test_a_role_may_be_assumed_with_the_variables(
    home: Path, environment: pytest.MonkeyPatch
) -> None:
    """A profile may say that its role is assumed with what the environment has."""
    write_config(home, f"[profile work]\n{CHAINED.replace('source_profile = base', ENVIRONMENT)}")
    async with serve_stub() as stub:
        stub.accounts[f"ASIA{OTHER_ACCOUNT}-1"] = OTHER_ACCOUNT
        environment.setenv("AWS_ENDPOINT_URL", stub.url)
        async with open_found() as service:
            assert await service.prepare(target(OTHER_ACCOUNT, identity=PROFILE)) is None
        assert [seen.access_key_id for seen in stub.seen] == ["AKIDOWN", f"ASIA{OTHER_ACCOUNT}-1"]


@pytest.mark.asyncio
@pytest.mark.parametrize("own", [False, True], ids=["itself", "its source"])
async def test_a_profile_that_asks_for_a_code_is_refused(home: Path, own: bool) -> None:
    """A profile with mfa_serial would ask on the terminal and hold all others up: it is refused."""
    mfa = f"mfa_serial = arn:aws:iam::{OWN_ACCOUNT}:mfa/me\n"
    role_arn = f"role_arn = arn:aws:iam::{OTHER_ACCOUNT}:role/Chained\n"
    write_config(
        home,
        f"[profile base]\naws_access_key_id = AKIDOWN\naws_secret_access_key = s\n"
        f"[profile middle]\nsource_profile = base\n{role_arn}{mfa if own else ''}"
        f"[profile work]\nsource_profile = middle\n{role_arn}{'' if own else mfa}",
    )
    async with open_found() as service:
        answer = await refused(service)
    assert answer.error_code == "mfa_needed"
    assert f"profile {'middle' if own else 'work'} asks for an MFA code" in str(answer.message)


SEQUENCE = """
import datetime, json, pathlib, sys
log, lives = pathlib.Path({log!r}), {lives!r}
count = len(log.read_text().split()) if log.exists() else 0
log.write_text("run " * (count + 1))
if count >= len(lives):
    sys.exit(1)
key, seconds = lives[count]
ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
made = dict(Version=1, AccessKeyId=key, SecretAccessKey="s", Expiration=ends.isoformat())
print(json.dumps(made))
"""


class Program:
    """A credential_process that gives out one session after the other, and then fails."""

    def __init__(self, home: Path, *lives: tuple[str, float]) -> None:
        self._log = home / "log"
        program = write_program(home, SEQUENCE.format(log=str(self._log), lives=lives))
        write_config(home, f"[profile work]\ncredential_process = {program}\n")

    @property
    def runs(self) -> int:
        return len(self._log.read_text().split())


@pytest.fixture
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Renewals may follow one another at once."""
    monkeypatch.setattr("batch_onboard.service.chain._PAUSE", 0.0)


@pytest.mark.asyncio
@pytest.mark.parametrize("seconds", [900, 60])
async def test_short_sessions_are_not_renewed_with_every_call(home: Path, seconds: float) -> None:
    """Sessions that botocore would renew at every look are kept for a while."""
    program = Program(home, *[("AKIDOWN", seconds)] * 9)
    async with serve_stub() as stub, open_found(endpoint_url=stub.url) as service:
        for _ in range(4):
            assert await service.prepare(target(identity=PROFILE)) is None
        assert stub.sts_calls == ["GetCallerIdentity"]
    assert program.runs == 2  # botocore looks twice at the beginning


@pytest.mark.asyncio
@pytest.mark.usefixtures("no_rest")
async def test_a_renewed_session_is_checked_again(home: Path) -> None:
    """New keys near the old ones' end are used only after STS has said whose they are."""
    program = Program(home, ("AKIDOWN", 60), ("AKIDOWN", 60), ("AKIDNEW", 3600))
    async with serve_stub() as stub, open_found(endpoint_url=stub.url) as service:
        stub.accounts["AKIDNEW"] = OTHER_ACCOUNT
        wanted = target(identity=PROFILE)
        assert await service.prepare(wanted) is None
        changed = await service.send(Operation.START, wanted)
        assert stub.campaign_calls == []
        assert stub.sts_calls == ["GetCallerIdentity"] * 2
    assert changed.meaning is Meaning.WRONG_ACCOUNT
    assert program.runs == 3


@pytest.mark.asyncio
@pytest.mark.usefixtures("no_rest")
async def test_keys_that_stay_are_not_checked_again(home: Path) -> None:
    """The same keys with a later end need no second look."""
    Program(home, *[("AKIDOWN", 60)] * 2, ("AKIDOWN", 3600))
    async with serve_stub() as stub, open_found(endpoint_url=stub.url) as service:
        for _ in range(3):
            assert await service.prepare(target(identity=PROFILE)) is None
        assert stub.sts_calls == ["GetCallerIdentity"]


@pytest.mark.asyncio
@pytest.mark.usefixtures("no_rest")
async def test_a_program_that_fails_later_keeps_what_still_works(home: Path) -> None:
    """If renewing fails, the session at hand is used, and the program is not run at each call."""
    program = Program(home, *[("AKIDOWN", 60)] * 2)
    async with serve_stub() as stub, open_found(endpoint_url=stub.url) as service:
        for _ in range(3):
            assert await service.prepare(target(identity=PROFILE)) is None
    assert program.runs == 3
