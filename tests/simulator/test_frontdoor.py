from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from botocore.credentials import Credentials
from multidict import CIMultiDict

from batch_onboard.simulator.frontdoor import WireAnswer, answer
from batch_onboard.simulator.scenario import CALLER_ACCESS_KEY_ID
from batch_onboard.simulator.signatures import SignedRequest
from tests.simulator.helpers import ACCOUNT, ROLE, world
from tests.simulator.wire import CALLER, FORM, JSON, signed

if TYPE_CHECKING:
    from batch_onboard.simulator.world import World

PATH = "/connect-instance/instance-1/onboarding"
START = b'{"encryptionConfig": {"enabled": false}}'
IDENTITY = b"Action=GetCallerIdentity&Version=2011-06-15"


def _ask(
    request: SignedRequest, a_world: World | None = None, *, now: float = 0.0, late: float = 0.0
) -> WireAnswer:
    return answer(a_world or world(), request, now=now, wall=time.time() + late)


def _code(wire_answer: WireAnswer) -> tuple[int, str | None]:
    return wire_answer.status, wire_answer.headers.get("x-amzn-ErrorType")


def _with_header(request: SignedRequest, name: str, value: str) -> SignedRequest:
    headers = CIMultiDict(request.headers)
    headers[name] = value
    return replace(request, headers=headers)


def test_a_request_that_is_signed_rightly_passes() -> None:
    """The answer is JSON with a request id."""
    wire_answer = _ask(signed("PUT", PATH, START, headers=JSON))
    assert wire_answer.status == 200
    assert json.loads(wire_answer.body) == {
        "connectInstanceOnboardingJobStatus": {
            "connectInstanceId": "instance-1",
            "status": "IN_PROGRESS",
        }
    }
    assert wire_answer.headers["x-amzn-RequestId"]


def test_a_query_and_quoted_characters_are_part_of_the_signature() -> None:
    """The raw path is verified, as it was sent."""
    path = "/v2/connect-instance/a%2Db/config?campaignDeletionPolicy=DELETE_ALL"
    assert _code(_ask(signed("DELETE", path))) == (404, "ResourceNotFoundException")


@pytest.mark.parametrize(
    "tamper",
    [
        lambda request: replace(request, body=START + b" "),
        lambda request: replace(request, method="POST"),
        lambda request: replace(request, path="/connect-instance/instance-2/onboarding"),
        lambda request: _with_header(request, "Host", "127.0.0.1:2"),
        lambda request: _with_header(request, "Content-Type", "text/plain"),
    ],
)
def test_a_request_that_was_changed_after_signing_is_refused(tamper: object) -> None:
    """Method, path, signed headers and body are all under the signature."""
    assert callable(tamper)
    request = tamper(signed("PUT", PATH, START, headers=JSON))
    assert _code(_ask(request)) == (403, "InvalidSignatureException")


def test_a_hash_that_a_header_claims_proves_nothing() -> None:
    """The body itself is hashed, so a signed claim about another body is found out."""
    claim = {"X-Amz-Content-SHA256": "0" * 64}
    request = signed("PUT", PATH, START, headers=claim)
    assert _code(_ask(request)) == (403, "InvalidSignatureException")


def test_a_wrong_secret_is_refused() -> None:
    """Campaigns and STS spell it differently."""
    wrong = Credentials(CALLER_ACCESS_KEY_ID, "wrong")
    refused = _ask(signed("GET", PATH, credentials=wrong))
    assert _code(refused) == (403, "InvalidSignatureException")
    refused = _ask(signed("POST", "/", IDENTITY, service="sts", credentials=wrong, headers=FORM))
    assert refused.status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in refused.body


def test_an_unknown_key_is_refused() -> None:
    """UnrecognizedClientException, or InvalidClientTokenId from STS."""
    unknown = Credentials("NOBODY", "x")
    refused = _ask(signed("GET", PATH, credentials=unknown))
    assert _code(refused) == (403, "UnrecognizedClientException")
    refused = _ask(signed("POST", "/", IDENTITY, service="sts", credentials=unknown, headers=FORM))
    assert b"<Code>InvalidClientTokenId</Code>" in refused.body


@pytest.mark.parametrize(("late", "status"), [(-890, 404), (890, 404), (-910, 403), (910, 403)])
def test_a_request_whose_time_is_far_off_is_refused(late: float, status: int) -> None:
    """More than 15 minutes from the server's clock, before or after."""
    refused = _ask(signed("GET", PATH), late=late)
    assert refused.status == status
    if status == 403:
        assert _code(refused) == (403, "RequestTimeTooSkewed")


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("Authorization", "Basic x", (400, "IncompleteSignature")),
        ("X-Amz-Date", "yesterday", (400, "IncompleteSignature")),
    ],
)
def test_an_unreadable_signature_is_refused(header: str, value: str, code: tuple[int, str]) -> None:
    """Both parts of it must be of the right form."""
    assert _code(_ask(_with_header(signed("GET", PATH), header, value))) == code


def test_a_signature_that_leaves_the_host_out_is_refused() -> None:
    """What was signed for one host must not work for another."""
    request = signed("GET", PATH)
    authorization = request.headers["Authorization"].replace("=host;", "=")
    refused = _ask(_with_header(request, "Authorization", authorization))
    assert _code(refused) == (403, "InvalidSignatureException")
    assert b"Host header must be signed" in refused.body


def test_a_request_without_a_signature_is_refused() -> None:
    """Nobody is anonymous."""
    request = SignedRequest("GET", PATH, CIMultiDict(), b"")
    assert _code(_ask(request)) == (403, "MissingAuthenticationToken")


def test_a_signature_for_another_service_is_refused() -> None:
    """Only Connect Campaigns and STS are simulated."""
    refused = _ask(signed("GET", PATH, service="s3"))
    assert _code(refused) == (403, "InvalidSignatureException")
    assert b"s3" in refused.body


def _session(a_world: World) -> Credentials:
    form = f"Action=AssumeRole&RoleArn={ROLE}&RoleSessionName=bo&DurationSeconds=900".encode()
    assumed = _ask(signed("POST", "/", form, service="sts", headers=FORM), a_world)
    assert assumed.status == 200
    principal = a_world.sts.principal("ASIA0000000000000001")
    assert principal is not None
    return Credentials(
        principal.access_key_id, principal.secret_access_key, principal.session_token
    )


def test_temporary_credentials_work_until_they_expire() -> None:
    """From their last second on: ExpiredTokenException, and ExpiredToken from STS."""
    a_world = world()
    session = _session(a_world)
    assert _ask(signed("GET", PATH, credentials=session), a_world, now=899.9).status == 404
    refused = _ask(signed("GET", PATH, credentials=session), a_world, now=900.0)
    assert _code(refused) == (403, "ExpiredTokenException")
    request = signed("POST", "/", IDENTITY, service="sts", credentials=session, headers=FORM)
    assert b"<Code>ExpiredToken</Code>" in _ask(request, a_world, now=900.0).body


def test_calls_are_made_in_the_account_of_the_credentials() -> None:
    """The account isn't in the request: it is whose key signed it."""
    a_world = world()
    _ask(signed("GET", PATH, credentials=_session(a_world)), a_world)
    assert a_world.seen.accounts_of("instance-1") == {ACCOUNT}


def test_temporary_credentials_need_their_token() -> None:
    """Key and secret alone are not enough, nor is another token."""
    a_world = world()
    session = _session(a_world)
    for token in (None, "another"):
        incomplete = Credentials(session.access_key, session.secret_key, token)
        refused = _ask(signed("GET", PATH, credentials=incomplete), a_world)
        assert _code(refused) == (403, "UnrecognizedClientException")


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"{", (400, "SerializationException"), "not a JSON object"),
        (b"[]", (400, "SerializationException"), "not a JSON object"),
        (b"\xff", (400, "SerializationException"), "not a JSON object"),
        (b"", (400, "ValidationException"), "1 validation error detected: Value at 'encrypt"),
        (
            b'{"encryptionConfig": {"enabled": "yes", "encryptionType": "X"}}',
            (400, "ValidationException"),
            "2 validation errors detected: Value at 'encryptionConfig.enabled' failed",
        ),
    ],
)
def test_a_body_that_breaks_the_model_is_refused(
    body: bytes, code: tuple[int, str], words: str
) -> None:
    """The message names the members."""
    refused = _ask(signed("PUT", PATH, body))
    assert _code(refused) == code
    assert words in json.loads(refused.body)["message"]


def test_an_operation_that_is_not_simulated_is_told() -> None:
    """A path of the real service that the simulator lacks is a 404 that says so."""
    refused = _ask(signed("GET", "/campaigns/x"))
    assert _code(refused) == (404, "UnknownOperationException")
    assert "GET /campaigns/x is not simulated" in refused.body.decode()


@pytest.mark.parametrize(
    ("form", "code"),
    [
        (b"Action=GetSessionToken", b"InvalidAction"),
        (b"", b"InvalidAction"),
        (b"Action=AssumeRole&RoleSessionName=bo", b"ValidationError"),
        (f"Action=AssumeRole&RoleArn={ROLE}&RoleSessionName=b".encode(), b"ValidationError"),
        (
            f"Action=AssumeRole&RoleArn={ROLE}&RoleSessionName=bo&DurationSeconds=x".encode(),
            b"ValidationError",
        ),
    ],
)
def test_a_form_that_breaks_the_model_of_sts_is_refused(form: bytes, code: bytes) -> None:
    """In the XML that STS uses."""
    refused = _ask(signed("POST", "/", form, service="sts", headers=FORM))
    assert refused.status == 400
    assert b"<Code>" + code + b"</Code>" in refused.body


def test_xml_is_escaped() -> None:
    """What a caller sends can't break the answer's form."""
    form = b"Action=%3Cb%3E%26"
    refused = _ask(signed("POST", "/", form, service="sts", headers=FORM))
    assert b"<b>" not in refused.body
    assert b"&lt;b&gt;&amp;" in refused.body


@pytest.mark.parametrize(
    ("kind", "body"),
    [("cut_body", b'{"connectInstanceOnboardingJobStatus": {"connect'), ("empty_body", b"")],
)
def test_spoilt_bodies_are_spoilt(kind: str, body: bytes) -> None:
    """Half of the bytes, or none, with status 200."""
    spoilt = _ask(signed("PUT", PATH, START), world(faults=[{"kind": kind}]))
    assert spoilt.status == 200
    assert spoilt.body[:40] == body[:40]
    assert len(spoilt.body) < 60


def test_an_error_without_a_readable_body_has_no_name_either() -> None:
    """An HTML or empty 429 tells its HTTP status and nothing else."""
    for shape in ("html", "empty_body"):
        a_world = world(faults=[{"kind": "error", "status": 429, "shape": shape}])
        throttled = _ask(signed("GET", PATH), a_world)
        assert _code(throttled) == (429, None)
        assert (throttled.headers["Content-Type"] == "text/html") == (shape == "html")


def test_a_fault_of_sts_may_leave_no_body() -> None:
    """A redirect or a drop has nothing to put into the template."""
    rule = {"match": {"operation": "Get*"}, "kind": "redirect", "location": "http://127.0.0.1:9/"}
    request = signed("POST", "/", IDENTITY, service="sts", headers=FORM, credentials=CALLER)
    redirect = _ask(request, world(faults=[rule]))
    assert (redirect.status, redirect.body) == (307, b"")
    assert redirect.headers["Location"] == "http://127.0.0.1:9/"
