"""A bucket of a test, as moto's server has it: conditional writes and all."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from batch_onboard.core.s3place import S3Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.service.objects import Objects

_SETTINGS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_numbers = count(1)


@dataclass(frozen=True)
class Bucket:
    """An empty bucket of a test.

    Attributes:
        url: the server's.
        client: of boto3, to look and to meddle.
        objects: the tool's own way to it.
        name: the bucket's.
    """

    url: str
    client: Any
    objects: Objects
    name: str

    def place(self, key: str = "emea") -> S3Place:
        """Return a place in it."""
        return S3Place(self.name, key)

    @property
    def keys(self) -> list[str]:
        """The keys of its objects."""
        found = self.client.list_objects_v2(Bucket=self.name)
        return [each["Key"] for each in found.get("Contents", ())]

    def get(self, key: str) -> bytes:
        """Return an object."""
        data: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return data

    def put(self, key: str, data: bytes) -> None:
        """Put an object, in place of one that is there."""
        self.client.put_object(Bucket=self.name, Key=key, Body=data)


def settings_for(url: str) -> dict[str, str]:
    """Return the variables by which a process reaches a server."""
    return _SETTINGS | {"AWS_ENDPOINT_URL_S3": url}


@contextmanager
def moto_server() -> Iterator[str]:
    """Serve moto in a thread of this process, and give its URL."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - a second, for those who need it

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@contextmanager
def new_bucket(url: str, objects: Objects) -> Iterator[Bucket]:
    """Make a bucket, which this process's settings reach."""
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - as above; stubs are not worth it

    client = boto3.client("s3", region_name="us-east-1", endpoint_url=url)
    name = f"bucket-{next(_numbers)}"
    client.create_bucket(Bucket=name)
    yield Bucket(url, client, objects, name)
    client.close()
