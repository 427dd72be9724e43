"""What the wire can do to a call, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace

import pytest

from batch_onboard.core.calls import Answer, JobStatus, Meaning, Operation
from batch_onboard.core.targets import Api, Encryption
from batch_onboard.service.aws import open_service
from batch_onboard.service.settings import ServiceConfigurationError, ServiceSettings
from tests.service.stub import (
    KEY_ARN,
    SETTINGS,
    NoPauses,
    job,
    open_stubbed,
    reply,
    role,
    serve_stub,
    target,
)

START, STATUS, CONFIG, DELETE = (
    Operation.START,
    Operation.STATUS,
    Operation.CONFIG,
    Operation.DELETE,
)


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.asyncio
@pytest.mark.parametrize("api", list(Api))
async def test_a_start_carries_its_encryption_and_says_who_calls(api: Api) -> None:
    """A Start is a PUT of the encryption, signed, with the run in its user agent."""
    async with open_stubbed() as (stub, service):
        answer = await service.send(START, target(api=api))
        seen = stub.campaign_calls[0]
    assert answer == Answer(Meaning.OK, job=JobStatus.IN_PROGRESS)
    prefix = "/v2" if api is Api.V2 else ""
    assert (seen.method, seen.path) == ("PUT", f"{prefix}/connect-instance/instance-1/onboarding")
    assert '"encryptionType": "KMS"' in seen.body
    assert KEY_ARN in seen.body
    assert seen.access_key_id == "AKIDOWN"
    assert seen.headers["User-Agent"].endswith("batch-onboard/0 run/r1")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("encryption", "body"),
    [
        (Encryption(enabled=False), '{"encryptionConfig": {"enabled": false}}'),
        (
            Encryption(enabled=True),
            '{"encryptionConfig": {"enabled": true, "encryptionType": "KMS"}}',
        ),
    ],
)
async def test_encryption_without_a_key_is_sent_without_one(
    encryption: Encryption, body: str
) -> None:
    """No key is made up where none is wanted."""
    async with open_stubbed() as (stub, service):
        await service.send(START, target(encryption=encryption))
        assert stub.campaign_calls[0].body == body


@pytest.mark.asyncio
async def test_a_config_and_a_delete_are_understood() -> None:
    """A config tells the encryption, and an empty answer to a delete is a success."""
    config = {
        "connectInstanceId": "instance-1",
        "serviceLinkedRoleArn": "arn:aws:iam::111122223333:role/x",
        "encryptionConfig": {"enabled": True, "encryptionType": "KMS", "keyArn": KEY_ARN},
    }
    async with open_stubbed() as (stub, service):
        stub.campaigns.extend([reply(200, {"connectInstanceConfig": config}), reply(204)])
        found = await service.send(CONFIG, target())
        deleted = await service.send(DELETE, target())
    assert found.encryption == Encryption(enabled=True, key_arn=KEY_ARN, encryption_type="KMS")
    assert deleted.meaning is Meaning.OK


@pytest.mark.asyncio
@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("reused", [False, True], ids=["new connection", "reused connection"])
async def test_a_cut_connection_is_no_second_request(
    operation: Operation,
    reused: bool,
) -> None:
    """A request whose answer was cut off is on the wire exactly once, and may have arrived."""
    async with open_stubbed() as (stub, service):
        if reused:
            await service.send(STATUS, target())
        before = len(stub.campaign_calls)
        stub.campaigns.append(stub.cut)
        answer = await service.send(operation, target())
        assert len(stub.campaign_calls) == before + 1
    assert (answer.meaning, answer.error_code) == (Meaning.UNCLEAR, "connection_lost")


@pytest.mark.asyncio
async def test_an_answer_cut_midway_is_no_second_request() -> None:
    """A Start whose answer ends halfway is on the wire once, and may have been accepted."""
    async with open_stubbed() as (stub, service):
        stub.campaigns.append(stub.cut_midway)
        answer = await service.send(START, target())
        assert len(stub.campaign_calls) == 1
    assert (answer.meaning, answer.error_code) == (Meaning.UNCLEAR, "connection_lost")


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """A redirect leads nowhere: the other host sees nothing, least of all a session token."""
    async with open_stubbed() as (stub, service), serve_stub() as other:
        stub.campaigns.append(reply(status, Location=f"{other.url}/elsewhere"))
        answer = await service.send(START, target(identity=role("111122223333")))
        assert other.seen == []
        assert len(stub.campaign_calls) == 1
    assert (answer.meaning, answer.error_code) == (Meaning.UNCLEAR, "redirect")
    assert "127.0.0.1" in str(answer.message)


@pytest.mark.asyncio
@pytest.mark.parametrize("how", ["hang", "drip"])
async def test_the_call_timeout_holds(how: str) -> None:
    """Silence, and an answer that comes byte by byte, end with the call timeout."""
    async with open_stubbed(call_timeout=0.3) as (stub, service):
        await service.prepare(target())
        stub.campaigns.append(getattr(stub, how))
        answer = await service.send(START, target())
    assert (answer.meaning, answer.error_code) == (Meaning.UNCLEAR, "timeout")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "body", "error_type", "expected", "code"),
    [
        (429, "", None, Meaning.THROTTLED, "429"),
        (429, "<html>slow\n down</html>", None, Meaning.THROTTLED, "429"),
        (400, {"__type": "Throttling"}, None, Meaning.THROTTLED, "Throttling"),
        (400, {"message": "m"}, "TooManyRequestsException", Meaning.THROTTLED, None),
        (409, {"message": "m"}, "ConflictException", Meaning.CONFLICT, None),
        (403, {"message": "m"}, "AccessDeniedException", Meaning.DENIED, None),
        (404, {"message": "m"}, "ResourceNotFoundException", Meaning.ABSENT, None),
        (400, {"message": "m"}, "ValidationException", Meaning.REJECTED, None),
        (403, {"message": "m"}, "UnrecognizedClientException", Meaning.CREDENTIALS, None),
        (500, "<html>", None, Meaning.UNCLEAR, "500"),
        (304, "", None, Meaning.UNCLEAR, "304"),
    ],
)
async def test_errors_are_classified_by_status_or_code(
    status: int, body: str | dict[str, str], error_type: str | None, expected: Meaning, code: str
) -> None:
    """Empty and HTML bodies, codes in header or body and odd statuses all get their meaning."""
    headers = {"x_amzn_ErrorType": error_type} if error_type else {}
    async with open_stubbed() as (stub, service):
        stub.campaigns.append(reply(status, body, x_amzn_RequestId="req-9", **headers))
        answer = await service.send(START, target())
        assert len(stub.campaign_calls) == 1
    assert answer.meaning is expected
    assert answer.error_code == (code or error_type)
    assert answer.request_id == "req-9"
    assert "\n" not in str(answer.message)


@pytest.mark.asyncio
async def test_a_throttle_says_how_long_to_wait() -> None:
    """Retry-After reaches the caller in seconds."""
    async with open_stubbed() as (stub, service):
        stub.campaigns.append(reply(429, Retry_After="7"))
        assert (await service.send(START, target())).retry_after == 7.0


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "body",
    [
        "",
        '{"connectInstanceOnboardingJobSta',
        "<html>",
        "[]",
        "[[" * 9000,
        '{"connectInstanceOnboardingJobStatus": 7}',
        '{"connectInstanceConfig": [1]}',
    ],
    ids=["empty", "cut", "html", "list", "deep", "number", "list inside"],
)
@pytest.mark.parametrize("operation", [START, STATUS, CONFIG])
async def test_a_body_that_says_nothing_teaches_nothing(operation: Operation, body: str) -> None:
    """A cut, empty, HTML or out-of-model body with status 200 is unclear, never a success."""
    async with open_stubbed() as (stub, service):
        stub.campaigns.append(reply(200, body))
        answer = await service.send(operation, target())
    assert (answer.meaning, answer.error_code) == (Meaning.UNCLEAR, "unreadable")


@pytest.mark.asyncio
async def test_another_instances_answer_is_not_believed() -> None:
    """An answer that names another instance is unclear, and says which."""
    async with open_stubbed() as (stub, service):
        stub.campaigns.append(job("SUCCEEDED", "instance-2"))
        answer = await service.send(START, target())
    assert (answer.meaning, answer.error_code) == (Meaning.UNCLEAR, "unreadable")
    assert "instance-2" in str(answer.message)


@pytest.fixture
def separate(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], ServiceSettings]:
    """Settings for STS at one URL and the campaigns service at another."""

    def use(sts_url: str, campaigns_url: str) -> ServiceSettings:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts_url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_CONNECTCAMPAIGNS", campaigns_url)
        return SETTINGS

    return use


Separate = Callable[[str, str], ServiceSettings]


@pytest.mark.asyncio
async def test_a_port_that_refuses_proves_that_nothing_was_sent(separate: Separate) -> None:
    """A refused connection is told apart from one that broke after sending."""
    async with serve_stub() as stub:
        settings = separate(stub.url, f"http://127.0.0.1:{closed_port()}")
        async with open_service(settings, random=NoPauses()) as service:
            answer = await service.send(START, target())
    assert (answer.meaning, answer.error_code) == (Meaning.UNSENT, "connection")


@pytest.mark.asyncio
async def test_a_host_without_a_name_proves_that_nothing_was_sent(separate: Separate) -> None:
    """A name that does not resolve is unsent."""
    async with serve_stub() as stub:
        settings = separate(stub.url, "https://nowhere.invalid")
        async with open_service(settings, random=NoPauses()) as service:
            answer = await service.send(START, target())
    assert (answer.meaning, answer.error_code) == (Meaning.UNSENT, "connection")


@pytest.mark.asyncio
async def test_a_server_without_tls_proves_that_nothing_was_sent(separate: Separate) -> None:
    """A failed TLS handshake is unsent, and names the setting that may mend it."""
    async with serve_stub() as stub:
        settings = separate(stub.url, stub.url.replace("http:", "https:"))
        async with open_service(settings, random=NoPauses()) as service:
            answer = await service.send(START, target())
        assert stub.campaign_calls == []
    assert (answer.meaning, answer.error_code) == (Meaning.UNSENT, "tls")
    assert "AWS_CA_BUNDLE" in str(answer.message)


@pytest.mark.asyncio
async def test_a_missing_ca_bundle_is_named(
    separate: Separate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CA bundle that cannot be read stops the call before it is sent."""
    async with serve_stub() as stub:
        settings = separate(stub.url, stub.url)
        monkeypatch.setenv("AWS_CA_BUNDLE", "/nonexistent/bundle.pem")
        async with open_service(settings, random=NoPauses()) as service:
            answer = await service.prepare(target())
    assert answer is not None
    assert (answer.meaning, answer.error_code) == (Meaning.UNSENT, "tls")
    assert "AWS_CA_BUNDLE" in str(answer.message)


@pytest.mark.asyncio
async def test_a_proxy_is_not_given_plain_requests(
    separate: Separate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loopback endpoint is not spoken to through a proxy, and NO_PROXY is named as the way."""
    async with serve_stub() as stub, serve_stub() as proxy:
        settings = separate(stub.url, stub.url)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with open_service(settings, random=NoPauses()) as service:
            refused = await service.prepare(target())
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with open_service(settings, random=NoPauses()) as service:
            accepted = await service.prepare(target())
        assert proxy.seen == []
    assert refused is not None
    assert (refused.meaning, refused.error_code) == (Meaning.UNSENT, "plain_http")
    assert "NO_PROXY" in str(refused.message)
    assert accepted is None


@pytest.mark.asyncio
async def test_https_goes_through_the_proxy_in_force(
    separate: Separate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS_PROXY is honoured; a proxy that cannot be reached proves that nothing was sent."""
    async with serve_stub() as stub:
        settings = separate(stub.url, "https://campaigns.invalid")
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
        async with open_service(settings, random=NoPauses()) as service:
            answer = await service.send(START, target())
    assert (answer.meaning, answer.error_code) == (Meaning.UNSENT, "connection")
    assert "proxy" in str(answer.message)


@pytest.mark.asyncio
async def test_a_proxys_password_is_not_repeated(
    separate: Separate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that refuses is named, without the password that stands in its URL."""
    async with serve_stub() as stub, serve_stub() as proxy:
        settings = separate(stub.url, "https://campaigns.invalid")
        proxy_url = proxy.url.replace("://", "://user:hunter2@")
        monkeypatch.setenv("HTTPS_PROXY", proxy_url)
        proxy.campaigns.append(reply(407))
        async with open_service(settings, random=NoPauses()) as service:
            answer = await service.send(START, target())
    assert (answer.meaning, answer.error_code) == (Meaning.UNSENT, "connection")
    assert "it answered 4" in str(answer.message)
    assert "hunter2" not in str(answer.message)


@pytest.mark.asyncio
async def test_a_handshake_that_never_ends_proves_that_nothing_was_sent(
    separate: Separate,
) -> None:
    """A host that takes the connection and then says nothing is found out before the request."""
    stop = asyncio.Event()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stop.wait()
        writer.close()

    silent = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with serve_stub() as stub, silent:
        settings = replace(separate(stub.url, f"https://127.0.0.1:{port}"), call_timeout=0.6)
        async with open_service(settings, random=NoPauses()) as service:
            await service.prepare(target())
            answer = await service.send(START, target())
        stop.set()
    assert (answer.meaning, answer.error_code) == (Meaning.UNSENT, "connection")


@pytest.mark.asyncio
async def test_retries_of_the_environment_are_not_made(
    separate: Separate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever AWS_RETRY_MODE and AWS_MAX_ATTEMPTS say, a call is one request."""
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
    async with serve_stub() as stub:
        stub.campaigns.extend([reply(503)] * 5)
        async with open_service(separate(stub.url, stub.url), random=NoPauses()) as service:
            answer = await service.send(START, target())
        assert len(stub.campaign_calls) == 1
    assert answer.meaning is Meaning.UNCLEAR


@pytest.mark.asyncio
async def test_a_cancelled_call_is_no_answer() -> None:
    """Cancellation comes out of a call as cancellation, and the service can be used after it."""
    async with open_stubbed() as (stub, service):
        stub.campaigns.append(stub.hang)
        sending = asyncio.create_task(service.send(START, target()))
        await stub.hanging.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert (await service.send(STATUS, target())).meaning is Meaning.OK


@pytest.mark.asyncio
@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CONNECTCAMPAIGNS"])
async def test_plain_http_beyond_loopback_is_refused(
    separate: Separate, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """A plain-http endpoint from the environment ends the run with a sentence for people."""
    async with serve_stub() as stub:
        settings = separate(stub.url, stub.url)
        monkeypatch.delenv("AWS_ENDPOINT_URL_CONNECTCAMPAIGNS")
        monkeypatch.setenv(variable, "http://aws.example:80")
        async with open_service(settings, random=NoPauses()) as service:
            with pytest.raises(ServiceConfigurationError, match="plain http is for loopback only"):
                await service.prepare(target())
        assert stub.campaign_calls == []


@pytest.mark.asyncio
async def test_an_endpoint_of_the_settings_is_checked_at_once() -> None:
    """Settings with a plain-http endpoint elsewhere open nothing."""
    with pytest.raises(ServiceConfigurationError, match="loopback"):
        async with open_service(replace(SETTINGS, endpoint_url="http://10.0.0.1")):
            pass


@pytest.mark.asyncio
async def test_an_endpoint_that_is_no_url_is_explained(separate: Separate) -> None:
    """Settings that botocore cannot use are a configuration error, not a traceback."""
    async with serve_stub() as stub:
        settings = separate(stub.url, "not a url")
        async with open_service(settings, random=NoPauses()) as service:
            with pytest.raises(ServiceConfigurationError, match="not a url"):
                await service.prepare(target())


@pytest.mark.asyncio
async def test_clients_share_their_connections() -> None:
    """STS and both versions of the service, at one host, use one connection in turn."""
    async with open_stubbed() as (stub, service):
        await service.send(STATUS, target())
        await service.send(STATUS, target(api=Api.V2))
        assert len(stub.seen) == 3
        assert len({id(seen.connection) for seen in stub.seen}) == 1


@pytest.mark.asyncio
async def test_nothing_is_changed_once_the_ledger_may_be_anothers() -> None:
    """The last question before a Start or Delete leaves is whether it still may; reads go on."""
    held = True
    async with open_stubbed(may_change=lambda: held) as (stub, service):
        await service.send(START, target())
        held = False
        for operation in (START, DELETE):
            answer = await service.send(operation, target())
            assert (answer.meaning, answer.error_code) == (Meaning.UNSENT, "ledger_not_held")
        await service.send(STATUS, target())
        assert [call.method for call in stub.campaign_calls] == ["PUT", "GET"]
