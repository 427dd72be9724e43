from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from batch_onboard.app.s3manifests import S3Folder, load_any_manifest
from batch_onboard.core.redaction import Secrets
from batch_onboard.core.s3place import S3Place
from batch_onboard.ledger.row import Timing
from batch_onboard.manifest.load import load_from, load_manifest
from batch_onboard.manifest.problems import ManifestError
from tests.faults.proxy import Mischief, Rule, proxied, s3_error, xml_answer
from tests.manifest.writing import HEAD

if TYPE_CHECKING:
    from batch_onboard.manifest.load import Manifest
    from tests.s3 import Bucket

CORPUS = Path(__file__).parents[1] / "manifest" / "corpus"
ONE = f"{HEAD}instances: [{{id: a}}]\n"
ROW = '{"id": "b"}\n'
GET = ("GET ",)
NO_FILE = "it can't be read: No such file or directory; check the path"
NOT_IN_S3 = "there is no such object; check bucket and key"


def load(bucket: Bucket, key: str = "waves/emea.yaml") -> Manifest:
    """Load a manifest of a test's bucket."""
    return load_from(S3Folder(bucket.place(key), bucket.objects))


def complaints(bucket: Bucket, key: str = "waves/emea.yaml") -> str:
    """Return what is said about a manifest that can't be used."""
    with pytest.raises(ManifestError) as caught:
        load(bucket, key)
    return str(caught.value)


def behind(bucket: Bucket, *rules: Rule) -> list[str]:
    """Load a manifest past a proxy, and return the requests that were made."""
    with proxied(bucket.url, *rules) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        load_any_manifest(bucket.place("waves/emea.yaml"))
    return proxy.requests


def refusal(bucket: Bucket, *rules: Rule) -> str:
    """Return why a manifest behind a proxy can't be used."""
    with pytest.raises(ManifestError) as caught:
        behind(bucket, *rules)
    (line,) = str(caught.value).splitlines()
    return line.removeprefix(f"s3://{bucket.name}/waves/emea.yaml:1:1: ")


def with_sources(*names: str) -> bytes:
    """Return a manifest that has only sources."""
    return f"{HEAD}sources: {list(names)}\n".encode()


def test_a_folder_that_was_copied_to_s3_is_the_same_manifest(
    bucket: Bucket, tmp_path: Path
) -> None:
    """Targets, name and digests are those of the files; the places are those in S3."""
    files = {
        "emea.yaml": with_sources("./more.csv", "deep/../deep/rest.jsonl"),
        "more.csv": b"id\na\n",
        "deep/rest.jsonl": ROW.encode(),
    }
    (tmp_path / "deep").mkdir()
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        bucket.put(f"waves/{name}", data)
    there, here = load(bucket), load_manifest(tmp_path / "emea.yaml")
    assert (there.name, there.targets, there.digest) == (here.name, here.targets, here.digest)
    assert there.digest == hashlib.sha256(files["emea.yaml"]).hexdigest()
    assert [each.digest for each in there.sources] == [each.digest for each in here.sources]
    assert there.path == bucket.place("waves/emea.yaml")
    assert [each.path for each in there.sources] == [
        bucket.place("waves/more.csv"),
        bucket.place("waves/deep/rest.jsonl"),
    ]


def test_what_is_wrong_is_said_as_of_files(bucket: Bucket) -> None:
    """Every fault of the corpus has its line and column, after the place in S3."""
    for path in sorted(CORPUS.iterdir()):
        if path.is_file() and path.suffix != ".expected":
            bucket.put(f"waves/{path.name}", path.read_bytes())
    for path in sorted(CORPUS.glob("*.expected")):
        folder = f"s3://{bucket.name}/waves/"
        said = complaints(bucket, f"waves/{path.stem}.yaml")
        plain = said.replace(folder, "").replace(NOT_IN_S3, NO_FILE)
        assert plain == path.read_text().rstrip("\n")
        assert said.startswith(folder)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../apac/more.csv", "it is outside of the manifest's folder"),
        ("deep/../../more.csv", "it is outside of the manifest's folder"),
        ("/waves/more.csv", "name it relative to the manifest's folder"),
        ("s3://other/more.csv", "name it relative to the manifest's folder"),
        ("more.txt", "must end in .csv or .jsonl"),
        ("none.csv", "there is no such object; check bucket and key"),
        ("mo\\0re.csv", "has characters that can't be printed"),
    ],
)
def test_sources_are_beneath_the_manifests_prefix(bucket: Bucket, name: str, said: str) -> None:
    """Whatever a manifest names, no other object is asked for."""
    bucket.put("more.csv", b"id\na\n")
    bucket.put("apac/more.csv", b"id\na\n")
    bucket.put("waves/emea.yaml", f'{HEAD}sources: ["{name}"]\n'.encode())
    text = complaints(bucket)
    assert said in text
    assert text.startswith(f"s3://{bucket.name}/waves/emea.yaml:3:11: the source ")


def test_one_object_is_one_source(bucket: Bucket) -> None:
    """However it is named, nothing is onboarded twice."""
    bucket.put("waves/more.csv", b"id\na\n")
    bucket.put("waves/emea.yaml", with_sources("more.csv", "./more.csv", "deep/../more.csv"))
    assert complaints(bucket).count("it is named twice") == 2
    bucket.put("waves/emea.jsonl", with_sources("./emea.jsonl"))
    assert "it is the manifest itself" in complaints(bucket, "waves/emea.jsonl")


def test_each_object_is_read_once(bucket: Bucket) -> None:
    """What has the digest is what was checked, whoever puts another one there meanwhile."""
    bucket.put("waves/more.csv", b"id\na\n")
    bucket.put("waves/emea.yaml", with_sources("more.csv"))
    assert [line.split()[1].rpartition("/")[2] for line in behind(bucket)] == [
        "emea.yaml",
        "more.csv",
    ]


def test_what_is_not_there_is_told(bucket: Bucket) -> None:
    """A missing object, a missing bucket, and a folder."""
    start = f"s3://{bucket.name}/waves/emea.yaml:1:1: the manifest can't be used: "
    assert complaints(bucket) == f"{start}{NOT_IN_S3}"
    assert "it is a folder; name a manifest in it" in complaints(bucket, "waves/")
    with pytest.raises(ManifestError, match="there is no bucket no-such-bucket: check its name"):
        load_from(S3Folder(S3Place("no-such-bucket", "emea.yaml"), bucket.objects))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (s3_error(403, "AccessDenied"), "AccessDenied: as told; needed are s3:GetObject on arn:"),
        (s3_error(403, "InvalidAccessKeyId"), "InvalidAccessKeyId: as told"),
        (s3_error(400, "InvalidRequest"), "InvalidRequest: as told"),
        (
            b"HTTP/1.1 307 Elsewhere\r\nLocation: https://s3.example.com/\r\nContent-Length: 0\r\n\r\n",
            "which is never followed: name the bucket's Region in AWS_DEFAULT_REGION",
        ),
    ],
)
def test_a_refusal_says_what_to_do(bucket: Bucket, answer: bytes, said: str) -> None:
    """Each in one sentence, at once."""
    rule = Rule(Mischief.ANSWER, GET, None, answer)
    assert said in refusal(bucket, rule)


def test_what_passes_is_waited_for(bucket: Bucket) -> None:
    """A throttle, a reset and a body that breaks off cost a moment."""
    bucket.put("waves/emea.yaml", ONE.encode())
    requests = behind(
        bucket,
        Rule(Mischief.ANSWER, GET, 1, s3_error(503, "SlowDown")),
        Rule(Mischief.CUT_AMID, GET, 1),
        Rule(Mischief.CUT_BEFORE, GET, 1),
    )
    assert len(requests) == 4


def test_an_endpoint_that_nobody_serves_is_told(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the patience of those who read."""
    hasty = Timing(first_patience=0.3)
    monkeypatch.setattr("batch_onboard.app.s3manifests.Timing", lambda: hasty)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(ManifestError) as caught:
        load_any_manifest(bucket.place("waves/emea.yaml"), secrets=Secrets())
    assert re.search(
        r"can't be used: connection: .*127\.0\.0\.1:9.*tried for 0.3 s", str(caught.value)
    )


def test_a_bucket_of_another_region_is_asked_there(bucket: Bucket) -> None:
    """S3 names the Region and leads nowhere; the request is signed for it, and sent once more."""
    bucket.put("waves/emea.yaml", ONE.encode())
    body = "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>"
    told = xml_answer(301, body).replace(b"\r\n", b"\r\nx-amz-bucket-region: eu-west-1\r\n", 1)
    requests = behind(bucket, Rule(Mischief.ANSWER, GET, 1, told))
    assert len(requests) == 2
    always = refusal(bucket, Rule(Mischief.ANSWER, GET, None, told))
    assert "PermanentRedirect: elsewhere: name the bucket's Region in AWS_DEFAULT_REGION" in always


def test_a_manifest_that_is_too_large_is_not_read(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits are those of files."""
    monkeypatch.setattr("batch_onboard.manifest.load.MAX_MANIFEST_BYTES", 1 << 20)
    bucket.put("waves/emea.yaml", bytes(1 << 21))
    assert "it has more than 1 MiB; split it" in complaints(bucket)


def test_a_file_may_not_name_a_source_in_s3(tmp_path: Path) -> None:
    """Files are with files."""
    (tmp_path / "emea.yaml").write_bytes(with_sources("s3://waves/more.csv"))
    with pytest.raises(ManifestError, match="name it relative to the manifest's folder"):
        load_manifest(tmp_path / "emea.yaml")
