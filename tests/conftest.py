from __future__ import annotations

import signal
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from batch_onboard.core.s3place import S3Place
from batch_onboard.service.settings import ServiceSettings
from tests.s3 import Bucket, new_bucket, s3_server, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_onboard.service.objects import Objects


# What a shell starts with & ignores Ctrl-C, and so would all processes that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """The URL of a server of S3, for all tests of this process."""
    with s3_server() as url:
        yield url


@pytest.fixture(scope="session")
def s3_objects(s3_url: str) -> Iterator[Objects]:
    """The way to S3, which takes its time to be made, for all tests that do not disturb it."""
    from batch_onboard.service.objects import ObjectsError, open_objects  # noqa: PLC0415 - slow

    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        for name, value in settings_for(s3_url).items():
            patch.setenv(name, value)
        objects = stack.enter_context(
            open_objects(ServiceSettings(user_agent_extra="test", session_name="test"))
        )
        with suppress(ObjectsError):
            objects.names(S3Place("no-such-bucket", "x"))
        yield objects


@pytest.fixture
def bucket(s3_url: str, s3_objects: Objects, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket, with settings by which this process reaches it."""
    for name, value in settings_for(s3_url).items():
        monkeypatch.setenv(name, value)
    with new_bucket(s3_url, s3_objects) as made:
        yield made
