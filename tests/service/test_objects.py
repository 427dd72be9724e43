from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from batch_onboard.core.s3place import S3Place
from batch_onboard.service.objects import Objects, ObjectsError, open_objects
from batch_onboard.service.settings import ServiceConfigurationError, ServiceSettings
from tests.faults.proxy import Mischief, Rule, proxied, s3_error, xml_answer

if TYPE_CHECKING:
    from tests.s3 import Bucket

SETTINGS = ServiceSettings(user_agent_extra="test", session_name="test", call_timeout=10.0)
LIST = ("GET ", "list-type=2")
GET = ("GET ", "/one HTTP")
PUT = ("PUT ",)


def refusal(objects: Objects, bucket: Bucket) -> ObjectsError:
    """Write an object, which does not succeed."""
    with pytest.raises(ObjectsError) as caught:
        objects.put_new(bucket.place("one"), b"x")
    return caught.value


def test_an_object_is_written_once(bucket: Bucket) -> None:
    """The second to write one of a name is told so, and changes nothing."""
    place = bucket.place("one")
    assert bucket.objects.put_new(place, b"first")
    assert not bucket.objects.put_new(place, b"second")
    assert bucket.objects.get_all([place, bucket.place("none")], 100) == [b"first", None]


def test_names_come_in_order_from_all_pages(bucket: Bucket) -> None:
    """What lies deeper is left out, and so is what comes before the name that is asked after."""
    for name in ("c", "a", "b", "d/e"):
        bucket.put(f"waves/{name}", b"")
    assert bucket.objects.names(bucket.place("waves")) == ["a", "b", "c"]
    assert bucket.objects.names(bucket.place("waves/"), "a") == ["b", "c"]
    page = (
        f"<ListBucketResult><Name>{bucket.name}</Name><IsTruncated>true</IsTruncated>"
        "<NextContinuationToken>more</NextContinuationToken>"
        "<Contents><Key>waves/0</Key></Contents></ListBucketResult>"
    )
    last = page.replace("true", "false").replace("waves/0", "waves/1")
    with (
        proxied(
            bucket.url,
            Rule(Mischief.ANSWER, (*LIST, "continuation-token=more"), 1, xml_answer(200, last)),
            Rule(Mischief.ANSWER, LIST, 1, xml_answer(200, page)),
        ) as proxy,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        with open_objects(SETTINGS) as objects:
            assert objects.names(bucket.place("waves")) == ["0", "1"]


def test_an_object_that_is_too_large_is_not_read(bucket: Bucket) -> None:
    """Its size is known before its bytes come."""
    bucket.put("one", bytes(2 << 20))
    with pytest.raises(ObjectsError, match="has more than 1 MiB"):
        bucket.objects.get_all([bucket.place("one")], 1 << 20)


def test_a_bucket_that_is_not_there_is_named(bucket: Bucket) -> None:
    """Waiting would not help."""
    with pytest.raises(ObjectsError, match="there is no bucket no-such-bucket") as caught:
        bucket.objects.names(S3Place("no-such-bucket", "one"))
    assert not caught.value.passing


@pytest.mark.parametrize(
    ("status", "code", "passing", "words"),
    [
        (403, "AccessDenied", False, "s3:PutObject on what is beneath"),
        (501, "NotImplemented", False, "does not know conditional writes"),
        (400, "InvalidRequest", False, "InvalidRequest: as told"),
        (400, "ExpiredToken", True, "ExpiredToken"),
        (409, "ConditionalRequestConflict", True, "ConditionalRequestConflict"),
        (503, "SlowDown", True, "SlowDown"),
        (400, "BadDigest", True, "BadDigest"),
    ],
)
def test_a_refusal_says_whether_another_try_may_do(
    bucket: Bucket, status: int, code: str, passing: bool, words: str
) -> None:
    """And what is missing, where that can be told."""
    rule = Rule(Mischief.ANSWER, PUT, None, s3_error(status, code))
    with proxied(bucket.url, rule) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        with open_objects(SETTINGS) as objects:
            error = refusal(objects, bucket)
    assert error.passing is passing
    assert words in str(error)


def test_a_body_that_ends_early_or_never_comes_may_be_had_later(bucket: Bucket) -> None:
    """What of it came is not taken for all of it."""
    bucket.put("one", b"x" * 100)
    with (
        proxied(bucket.url, Rule(Mischief.CUT_AMID, GET)) as proxy,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        with open_objects(SETTINGS) as objects, pytest.raises(ObjectsError) as caught:
            objects.get_all([bucket.place("one")], 1000)
    assert caught.value.passing


def test_without_credentials_nothing_is_sent(bucket: Bucket) -> None:
    """It is said where they are looked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ACCESS_KEY_ID")
        with open_objects(SETTINGS) as objects:
            error = refusal(objects, bucket)
    assert "no AWS credentials were found" in str(error)
    assert not error.passing


def test_plain_http_is_for_loopback_only(bucket: Bucket) -> None:
    """A signed request never leaves the machine in the clear."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", "http://s3.example.com")
        with open_objects(SETTINGS) as objects:
            assert "plain http is for loopback only" in str(refusal(objects, bucket))
            with pytest.raises(ObjectsError, match="plain http is for loopback only"):
                objects.get_all([bucket.place("one")], 100)
    settings = ServiceSettings(
        user_agent_extra="test", session_name="test", endpoint_url="http://s3.example.com"
    )
    with pytest.raises(ServiceConfigurationError), open_objects(settings):
        pass
