from __future__ import annotations

import os
import signal
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from batch_onboard.core.s3place import S3Place
from batch_onboard.service.settings import ServiceSettings
from tests.measured import unmeasured_processes
from tests.s3 import Bucket, new_bucket, s3_server, settings_for

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from batch_onboard.service.objects import Objects


# What a shell starts with & ignores Ctrl-C, and so would all processes that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Folders whose tests repeat what those of the rooms run through line by line: as faults, as measurements,
# as a reader of the documentation. What becomes of a bug of ours, though, is shown among the faults alone.
_UNMEASURED = ("tests/faults/", "tests/benchmarks/", "tests/docs/")
_MEASURED = ("tests/faults/test_secrets.py",)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Let the first of xdist's workers alone be measured while all of them import all modules."""
    measuring = session.config.pluginmanager.getplugin("_cov")
    first = os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0"
    if first or measuring is None or measuring.cov_controller is None:
        return (yield)
    measuring.cov_controller.pause()
    try:
        return (yield)
    finally:
        measuring.cov_controller.resume()


@pytest.hookimpl(trylast=True)  # hypothesis has marked its tests by then
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that coverage need not watch, and let long ones begin first.

    What chance runs through does not count for coverage anyway.
    """
    for item in items:
        repeats = item.nodeid.startswith(_UNMEASURED) and not item.nodeid.startswith(_MEASURED)
        if repeats or item.get_closest_marker("hypothesis"):
            item.add_marker("no_cover")
    # A long one that began last would leave all other workers of xdist without work.
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Leave the processes of a test unmeasured where pytest-cov leaves the test itself so."""
    if item.get_closest_marker("no_cover") is None:
        return (yield)
    with unmeasured_processes():
        return (yield)


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
