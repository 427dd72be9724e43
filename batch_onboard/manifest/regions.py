"""Which Regions know the service, from the endpoint data that comes with botocore."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import msgspec

_ENDPOINT_PREFIX = "connect-campaigns"  # of both versions, by their service models


class _Service(msgspec.Struct):
    endpoints: dict[str, msgspec.Raw] = {}


class _Services(msgspec.Struct):
    service: _Service | None = msgspec.field(name=_ENDPOINT_PREFIX, default=None)


class _Partition(msgspec.Struct):
    services: _Services
    regions: dict[str, msgspec.Raw]


class _Endpoints(msgspec.Struct):
    """What is needed of the data: decoding all of it would take ten times as long."""

    partitions: list[_Partition]


@cache
def regions_with_service(package: str = "botocore") -> frozenset[str]:
    """Return the Regions that have the service, as far as the installed botocore knows.

    The data is read as a file, since importing botocore takes longer than reading a manifest.

    Args:
        package: the name of the package whose `data/endpoints.json` is read.

    Returns:
        The Regions; none at all if there is no such data.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return frozenset()
    try:
        text = (Path(spec.origin).parent / "data" / "endpoints.json").read_bytes()
    except FileNotFoundError:
        return frozenset()
    return frozenset(
        region
        for partition in msgspec.json.decode(text, type=_Endpoints).partitions
        if (service := partition.services.service) is not None
        for region in service.endpoints
        if region in partition.regions
    )
