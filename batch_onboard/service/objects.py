"""Objects in S3, for callers that may block: a ledger's journal writes in a thread of its own.

The calls go the way of all others here (`session`, `transport`), on an event loop in a thread of
its own, with the caller's own credentials: a bucket belongs to whoever runs the tool.
"""

from __future__ import annotations

import base64
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from anyio.from_thread import start_blocking_portal

from batch_onboard.core.calls import Answer, Meaning
from batch_onboard.service.answers import without_secrets
from batch_onboard.service.chain import ChainKeys
from batch_onboard.service.endpoints import check_endpoint
from batch_onboard.service.failures import answer_to_error, timed_out
from batch_onboard.service.session import open_clients
from batch_onboard.service.settings import ServiceConfigurationError
from batch_onboard.service.wire import call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

    from anyio.from_thread import BlockingPortal

    from batch_onboard.core.s3place import S3Place
    from batch_onboard.service.session import Clients
    from batch_onboard.service.settings import ServiceSettings, StaticCredentials

T = TypeVar("T")

_BODY_TIMEOUT = 300.0
"""Seconds in which a whole object must have come."""
_CHUNK = 1 << 20
_EXISTS = frozenset({"PreconditionFailed", "412"})
_PASSING = frozenset(
    {Meaning.UNCLEAR, Meaning.UNSENT, Meaning.THROTTLED, Meaning.EXPIRED, Meaning.CONFLICT}
)
_PASSING_CODES = frozenset({"BadDigest", "IncompleteBody", "RequestTimeout"})
# What S3 says where another Region is asked than the bucket's, and can't be led there.
_ELSEWHERE = frozenset(
    {"AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "redirect"}
)
# What stays as it is, though its status or its absence says nothing.
_STAYING_CODES = _ELSEWHERE | {
    "MethodNotAllowed",
    "NoSuchBucket",
    "NotImplemented",
    "plain_http",
    "tls",
}


class ObjectsError(Exception):
    """S3 did not do what was asked. `str()` says why, and what to do.

    Attributes:
        passing: another try may do; what was asked for may even have been done.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class Objects:
    """Objects in S3, by their places. `open_objects` makes one; all threads may use it."""

    def __init__(self, portal: BlockingPortal, clients: Clients, settings: ServiceSettings) -> None:
        self._portal = portal
        self._calls = _Calls(clients, settings)

    def put_new(self, place: S3Place, data: bytes) -> bool:
        """Write an object, or return False because there is one of that name.

        Raises:
            ObjectsError: it is not known to be written.
        """
        return self._run(self._calls.put_new, place, data)

    def get_all(self, places: Sequence[S3Place], max_bytes: int) -> list[bytes | None]:
        """Return objects, read at once; None for each that is not there.

        Args:
            places: theirs.
            max_bytes: the largest size of one.

        Raises:
            ObjectsError: one can't be read.
        """
        return self._run(self._calls.get_all, places, max_bytes)

    def names(self, folder: S3Place, after: str = "") -> list[str]:
        """Return the names of the objects beneath a place, none with a further slash, in order.

        Args:
            folder: the place.
            after: only names that come after this one.

        Raises:
            ObjectsError: they can't be listed.
        """
        return self._run(self._calls.names, folder, after)

    def folders(self, folder: S3Place) -> list[str]:
        """Return the names right beneath a place beneath which there are objects, in order.

        Raises:
            ObjectsError: they can't be listed.
        """
        return self._run(self._calls.folders, folder)

    def _run(self, call: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        try:
            return self._portal.call(call, *arguments)
        except ServiceConfigurationError as error:
            raise ObjectsError(str(error)) from error


@contextmanager
def open_objects(settings: ServiceSettings) -> Iterator[Objects]:
    """Open the way to S3, and close its connections at the end.

    Args:
        settings: how AWS is reached; its `connections` are the calls that are made at once.

    Raises:
        ServiceConfigurationError: the settings' endpoint may not be used.
    """
    if settings.endpoint_url is not None:
        check_endpoint(settings.endpoint_url)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(open_clients(settings)) as clients,
    ):
        yield Objects(portal, clients, settings)


class _Calls:
    """The calls, on the loop."""

    def __init__(self, clients: Clients, settings: ServiceSettings) -> None:
        self._clients = clients
        self._settings = settings
        self._chain = ChainKeys(None, settings.call_timeout)
        self._lock = anyio.Lock()  # the chain is for one at a time
        self._had_keys = False

    async def put_new(self, place: S3Place, data: bytes) -> bool:
        checksum = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
        result = await self._call(
            "PutObject",
            place,
            Key=place.key,
            Body=data,
            IfNoneMatch="*",
            ChecksumCRC32=checksum,
            ContentType="application/x-ndjson",
        )
        if isinstance(result, Answer):
            if result.error_code in _EXISTS:
                return False
            raise _error(result, place)
        _check_origin(result, place, "ETag")
        return True

    async def get_all(self, places: Sequence[S3Place], max_bytes: int) -> list[bytes | None]:
        found: list[bytes | ObjectsError | None] = [None] * len(places)
        limiter = anyio.CapacityLimiter(self._settings.connections)

        async def get(index: int) -> None:
            async with limiter:
                try:
                    found[index] = await self._get(places[index], max_bytes)
                except ObjectsError as error:  # past the group, which would wrap it
                    found[index] = error
                except ServiceConfigurationError as error:
                    found[index] = ObjectsError(str(error))

        async with anyio.create_task_group() as group:
            for index in range(len(places)):
                group.start_soon(get, index)
        for each in found:
            if isinstance(each, ObjectsError):
                raise each
        return [each for each in found if not isinstance(each, ObjectsError)]

    async def names(self, folder: S3Place, after: str) -> list[str]:
        prefix = _beneath(folder)
        pages = self._pages(folder, {"StartAfter": f"{prefix}{after}"} if after else {})
        return [
            each["Key"].removeprefix(prefix)
            async for page in pages
            for each in page.get("Contents", ())
        ]

    async def folders(self, folder: S3Place) -> list[str]:
        prefix = _beneath(folder)
        return [
            each["Prefix"].removeprefix(prefix).rstrip("/")
            async for page in self._pages(folder, {})
            for each in page.get("CommonPrefixes", ())
        ]

    async def _pages(
        self, folder: S3Place, more: dict[str, str]
    ) -> AsyncIterator[Mapping[str, Any]]:
        while True:
            page = await self._call(
                "ListObjectsV2", folder, Prefix=_beneath(folder), Delimiter="/", **more
            )
            if isinstance(page, Answer):
                raise _error(page, folder)
            _check_origin(page, folder, "Name")
            yield page
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    async def _get(self, place: S3Place, max_bytes: int) -> bytes | None:
        result = await self._call("GetObject", place, Key=place.key)
        if isinstance(result, Answer):
            if result.error_code == "NoSuchKey":
                return None
            raise _error(result, place, _needed_to_read(place))
        _check_origin(result, place, "ETag")
        data, body = bytearray(), result["Body"]
        try:
            with anyio.fail_after(_BODY_TIMEOUT):
                async with body:
                    # By what comes, not by what the head says: a gateway may leave that out.
                    while result.get("ContentLength", 0) <= max_bytes >= len(data):
                        if not (chunk := await body.read(_CHUNK)):
                            return bytes(data)
                        data += chunk
        except Exception as error:  # what a broken body raises has no bounds
            raise _error(answer_to_error(error), place) from error
        raise ObjectsError(f"it has more than {max_bytes >> 20:,} MiB; split it")

    async def _call(
        self, operation: str, place: S3Place, **parameters: Any
    ) -> Mapping[str, Any] | Answer:
        region = self._clients.home_region()
        keys = await self._keys(region)
        client = await self._clients.get("s3", region)
        answer: Mapping[str, Any] | Answer = timed_out(self._settings.call_timeout)
        with anyio.move_on_after(self._settings.call_timeout):
            answer = await call(client, operation, lambda: keys, Bucket=place.bucket, **parameters)
        if not isinstance(answer, Answer):
            return answer
        if answer.meaning is Meaning.EXPIRED:
            self._chain.restart()
        return without_secrets(answer, self._settings.secrets)

    async def _keys(self, region: str) -> StaticCredentials:
        async with self._lock:
            keys = await self._chain.keys(region)
        if isinstance(keys, Answer):
            raise ObjectsError(str(keys.message), passing=self._had_keys)
        self._had_keys = True
        return keys


def _beneath(folder: S3Place) -> str:
    """Return what the keys of all objects beneath a place begin with."""
    return f"{folder.key.rstrip('/')}/"


def _check_origin(result: Mapping[str, Any], place: S3Place, member: str) -> None:
    """Refuse to believe a web page, which a gateway may put in place of an answer."""
    if member not in result:
        raise ObjectsError(f"the answer for {place} is not one of S3", passing=True)


def _needed(place: S3Place) -> str:
    return (
        f"s3:GetObject and s3:PutObject on what is beneath arn:aws:s3:::{place.bucket}/, and "
        f"s3:ListBucket on arn:aws:s3:::{place.bucket}"
    )


def _needed_to_read(place: S3Place) -> str:
    return (
        f"s3:GetObject on arn:aws:s3:::{place.bucket}/{place.key}, and s3:ListBucket on "
        f"arn:aws:s3:::{place.bucket}, without which S3 says so of what isn't there, too"
    )


def _error(answer: Answer, place: S3Place, needed: str = "") -> ObjectsError:
    code = answer.error_code or ""
    told = f"{code}: {answer.message}" if answer.message else code
    passing = code in _PASSING_CODES or (answer.meaning in _PASSING and code not in _STAYING_CODES)
    if code == "NoSuchBucket":
        told = f"there is no bucket {place.bucket}: check its name"
    elif code in _ELSEWHERE:
        told = f"{told}: name the bucket's Region in AWS_DEFAULT_REGION"
    elif answer.meaning is Meaning.DENIED:
        told = f"{told}; needed are {needed or _needed(place)}"
    elif code == "NotImplemented":
        told = f"{told}: this store does not know conditional writes (If-None-Match)"
    return ObjectsError(told, passing=passing)
