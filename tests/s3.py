"""A bucket of a test, as moto's server has it: conditional writes and all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from batch_onboard.core.s3place import S3Place

if TYPE_CHECKING:
    from batch_onboard.service.objects import Objects

SETTINGS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


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
