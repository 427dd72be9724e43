from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_onboard.core.redaction import REDACTED, Secrets

KEY_ID = "ASIA0123456789ABCDEF"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2Vj" + "Aa0/+" * 40 + "=="
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nAAA=\n-----END RSA PRIVATE KEY-----"
SIGNATURE = "0123456789abcdef" * 4
BASE64 = string.ascii_letters + string.digits + "+/="


def knowing(*values: str) -> Secrets:
    """Secrets that have learned some values."""
    secrets = Secrets()
    secrets.learn(*values)
    return secrets


@given(
    secret=st.text(BASE64, min_size=8, max_size=200),
    before=st.text(max_size=30),
    after=st.text(max_size=30),
)
def test_what_was_learned_is_never_shown(secret: str, before: str, after: str) -> None:
    """Wherever it stands in a text."""
    if secret.isdigit() and len(secret) == 12:
        return
    assert secret not in knowing(secret).redact(before + secret + after)


def test_nothing_was_taken_out_that_was_not_learned() -> None:
    """The control of the test above: without the value the text stays, so that test can fail."""
    assert knowing("another-secret").redact(f"x {SECRET} y") == f"x {SECRET} y"


@pytest.mark.parametrize("length", [16, 20, 39])
def test_the_beginning_of_a_long_secret_gives_it_away(length: int) -> None:
    """A message may be cut off in the middle of one."""
    assert knowing(SECRET, SECRET).redact(f"it was {SECRET[:length]}") == f"it was {REDACTED}"


def test_a_secret_is_found_as_it_stands_in_a_url() -> None:
    """`/` and `+` are escaped there."""
    shown = knowing("a/b+c/d+e").redact("?ExternalId=x&Id=a%2Fb%2Bc%2Fd%2Be&z=1")
    assert shown == f"?ExternalId={REDACTED}&Id={REDACTED}&z=1"


def test_words_and_account_ids_are_no_secrets() -> None:
    """Some use them as external ids; to take them out everywhere would hide what is meant."""
    secrets = knowing("acme", "111122223333")
    text = "acme: target 111122223333/eu-west-2/a"
    assert secrets.redact(text) == text


def test_two_external_ids_that_begin_alike_are_both_found() -> None:
    """A short one that begins another, and the other."""
    secrets = knowing("customer", "customer-12", "customer-12345678-abcdef")
    for value in ("customer-12345678-abcdef", "customer-12"):
        assert "12" not in secrets.redact(f"id {value}.")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"The access key {KEY_ID} is unknown", KEY_ID),
        (f"token {TOKEN} expired", TOKEN[20:]),
        (f"aws_secret_access_key={SECRET}", SECRET),
        (f"aws_secret_access_key = {SECRET}\nregion = x", SECRET),
        (f"AWS_SESSION_TOKEN: '{SECRET}'", SECRET),
        (f'{{"SecretAccessKey": "{SECRET}"}}', SECRET),
        (json.dumps(json.dumps({"SessionToken": SECRET})), SECRET),
        (f"<SessionToken>{SECRET}</SessionToken>", SECRET),
        (f"?X-Amz-Security-Token={SECRET}&X-Amz-Signature={SIGNATURE}", SECRET),
        (f"?X-Amz-Security-Token={SECRET}&X-Amz-Signature={SIGNATURE}", SIGNATURE),
        (f"x-amz-security-token:{SECRET}", SECRET),
        (f"Authorization: AWS4-HMAC-SHA256 Credential={KEY_ID}/x, Signature={SIGNATURE}", KEY_ID),
        (f"Authorization: AWS4-HMAC-SHA256 Credential=x, Signature={SIGNATURE}", SIGNATURE),
        (f"'Authorization': 'Bearer {SECRET}'", SECRET),
        ("external_id: my-customer", "my-customer"),
        ("https://me:hunter2@proxy:3128/ refused", "hunter2"),
        (PEM, "MIIEow"),
        (json.dumps({"message": PEM}), "MIIEow"),
        (PEM[:45], "MIIEow"),
        ("x " + "A1b2" * 30 + "==", "A1b2"),
    ],
)
def test_secrets_are_known_by_their_shape_or_their_name(text: str, hidden: str) -> None:
    """Nobody has to have told of them."""
    shown = Secrets().redact(text)
    assert hidden in text
    assert hidden not in shown
    assert REDACTED in shown


@pytest.mark.parametrize(
    "text",
    [
        "The security token included in the request is expired",
        "target 111122223333/eu-west-2/0f1e2d3c-1111-4222-8333-444455556666",
        "arn:aws:kms:eu-west-2:111122223333:key/0f1e2d3c-1111-4222-8333-444455556666",
        "sha256:" + "0123456789abcdef" * 4,
        "/very/long/path" * 20 + "/file.py",
        "InvalidSignatureException: Signature expired: 20261122T230000Z is now earlier",
        "http://127.0.0.1:4700/connect-instance",
        "external_id has no effect without a role_arn",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """A log without its ids would be of no use."""
    assert Secrets().redact(text) == text


def test_a_line_of_json_stays_one() -> None:
    """A secret ends where its string ends."""
    texts = [f"aws_secret_access_key={SECRET}", PEM, f"Authorization: Bearer {SECRET}", TOKEN]
    line = json.dumps({"message": texts, "next": "shown"})
    assert json.loads(knowing(SECRET).redact(line))["next"] == "shown"
