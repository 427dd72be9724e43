from __future__ import annotations

import json
import time

import pytest

from batch_onboard.simulator.frontdoor import answer
from tests.simulator.helpers import ACCOUNT, REGION, world
from tests.simulator.wire import signed

PLACE = f"arn:aws:kms:{REGION}:{ACCOUNT}"
ALIAS = f"{PLACE}:alias/campaigns"


def _ask(body: bytes, target: str = "TrentService.DescribeKey", **keys: object) -> tuple[int, str]:
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
    request = signed("POST", "/", body, service="kms", headers=headers)
    wire_answer = answer(world(**keys), request, now=0.0, wall=time.time())
    members = json.loads(wire_answer.body)
    return wire_answer.status, members.get("__type") or members["KeyMetadata"]["Arn"]


def _body(key_id: object) -> bytes:
    return json.dumps({"KeyId": key_id}).encode()


def test_an_alias_names_the_same_key_each_time() -> None:
    """Each alias has a made-up key of its own in its account and Region."""
    first, again = _ask(_body(ALIAS)), _ask(_body(ALIAS))
    other = _ask(_body(ALIAS + "-2"))
    assert first == again != other
    assert first[1].startswith(f"{PLACE}:key/")


def test_a_key_names_itself() -> None:
    """A key's own ARN is its own answer."""
    assert _ask(_body(f"{PLACE}:key/1")) == (200, f"{PLACE}:key/1")


def test_a_scenario_says_which_key_and_who_may_know() -> None:
    """The first rule that matches an alias counts."""
    rules = [
        {"alias": "*campaigns", "key_id": "1111"},
        {"alias": "*gone", "exists": False},
        {"allow": False},
    ]
    answers = [
        _ask(_body(f"{PLACE}:alias/{name}"), kms={"aliases": rules})
        for name in ("campaigns", "gone", "secret")
    ]
    assert answers == [
        (200, f"{PLACE}:key/1111"),
        (400, "NotFoundException"),
        (403, "AccessDeniedException"),
    ]


@pytest.mark.parametrize(
    ("body", "target", "code"),
    [
        (b"{", "TrentService.DescribeKey", "SerializationException"),
        (b"[]", "TrentService.DescribeKey", "ValidationException"),
        (_body(""), "TrentService.DescribeKey", "ValidationException"),
        (_body(ALIAS), "TrentService.Decrypt", "UnknownOperationException"),
    ],
)
def test_what_is_no_describe_key_is_refused(body: bytes, target: str, code: str) -> None:
    """Requests outside the service model are refused as KMS would."""
    assert _ask(body, target)[1] == code


def test_a_signature_is_asked_for_here_too() -> None:
    """A request whose body was changed on the way is refused."""
    request = signed("POST", "/", _body(ALIAS), service="kms")
    changed = type(request)(request.method, request.path, request.headers, b"{}")
    wire_answer = answer(world(), changed, now=0.0, wall=time.time())
    assert json.loads(wire_answer.body)["__type"] == "InvalidSignatureException"
