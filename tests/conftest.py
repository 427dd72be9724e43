from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from tests.s3 import SETTINGS, Bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

_numbers = count(1)


@pytest.fixture(scope="session")
def moto_s3() -> Iterator[str]:
    """The URL of moto's server, in a thread of the tests' process, on a free port."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - a second, for those who need it

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(moto_s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket, with settings by which this process reaches it."""
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - as above; stubs are not worth it

    for name, value in (SETTINGS | {"AWS_ENDPOINT_URL_S3": moto_s3}).items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="us-east-1")
    name = f"bucket-{next(_numbers)}"
    client.create_bucket(Bucket=name)
    yield Bucket(moto_s3, client, name)
    client.close()
