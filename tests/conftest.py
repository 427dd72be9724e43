from __future__ import annotations

from contextlib import ExitStack, suppress
from itertools import count
from typing import TYPE_CHECKING

import pytest

from batch_onboard.core.s3place import S3Place
from batch_onboard.service.settings import ServiceSettings
from tests.s3 import SETTINGS, Bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.service.objects import Objects

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


@pytest.fixture(scope="session")
def s3_objects(moto_s3: str) -> Iterator[Objects]:
    """The way to S3, which takes its time to be made, for all tests that do not disturb it."""
    from batch_onboard.service.objects import ObjectsError, open_objects  # noqa: PLC0415 - as above

    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        for name, value in (SETTINGS | {"AWS_ENDPOINT_URL_S3": moto_s3}).items():
            patch.setenv(name, value)
        objects = stack.enter_context(
            open_objects(ServiceSettings(user_agent_extra="test", session_name="test"))
        )
        with suppress(ObjectsError):
            objects.names(S3Place("no-such-bucket", "x"))
        yield objects


@pytest.fixture
def bucket(moto_s3: str, s3_objects: Objects, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket, with settings by which this process reaches it."""
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - as above; stubs are not worth it

    for name, value in (SETTINGS | {"AWS_ENDPOINT_URL_S3": moto_s3}).items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="us-east-1")
    name = f"bucket-{next(_numbers)}"
    client.create_bucket(Bucket=name)
    yield Bucket(moto_s3, client, s3_objects, name)
    client.close()
