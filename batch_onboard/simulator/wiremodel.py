"""The services as botocore's own service models describe them: routes, constraints, error statuses.

Nothing about shapes is written down here by hand. What the model requires of a member (required,
type, min, max, pattern, enum) is read from its metadata, since botocore's own validator looks at
required members and types only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import botocore.session

from batch_onboard.core.targets import Api

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from botocore.model import OperationModel, ServiceModel, Shape, StructureShape

SERVICE_NAMES = {Api.V1: "connectcampaigns", Api.V2: "connectcampaignsv2"}
_JSON_SERVICES = (*SERVICE_NAMES.values(), "connect", "organizations")

# AWS documentation, "Common errors" (of STS and of the JSON services) and core.calls: these belong
# to no operation, so no service model has them.
_COMMON_ERROR_STATUS = {
    "AccessDenied": 403,
    "ExpiredToken": 403,
    "ExpiredTokenException": 403,
    "IncompleteSignature": 400,
    "InvalidAction": 400,
    "InvalidClientTokenId": 403,
    "InvalidSignatureException": 403,
    "NotFoundException": 400,
    "MissingAuthenticationToken": 403,
    "RequestTimeTooSkewed": 403,
    "SerializationException": 400,
    "SignatureDoesNotMatch": 403,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
    "ValidationError": 400,
}


@cache
def service_model(name: str) -> ServiceModel:
    """Return botocore's model of a service, such as `sts`."""
    return botocore.session.get_session().get_service_model(name)


@cache
def error_status(code: str) -> int:
    """Return the HTTP status that the service models give to an error; 400 where they give none.

    The models of services that speak JSON 1.1 give none, and those services answer 400.
    """
    if code in _COMMON_ERROR_STATUS:
        return _COMMON_ERROR_STATUS[code]
    for name in _JSON_SERVICES:
        for shape in service_model(name).error_shapes:
            if shape.name == code:
                return int(shape.metadata.get("error", {}).get("httpStatusCode", 400))
    raise KeyError(code)


@cache
def failure_codes() -> tuple[str, ...]:
    """Return the failure codes of a job that the service model knows."""
    shape = service_model(SERVICE_NAMES[Api.V1]).shape_for("InstanceOnboardingJobFailureCode")
    return tuple(shape.metadata["enum"])


@dataclass(frozen=True, slots=True)
class Route:
    """One operation and where it is found."""

    api: Api
    operation: str
    method: str
    path: re.Pattern[str]
    input_shape: StructureShape


@cache
def routes(operations: tuple[str, ...]) -> tuple[Route, ...]:
    """Return the routes of the named operations in both versions of Connect Campaigns."""
    return tuple(
        _route(api, service_model(service).operation_model(operation))
        for api, service in SERVICE_NAMES.items()
        for operation in operations
    )


def find_route(known: Iterable[Route], method: str, path: str) -> tuple[Route, dict[str, Any]]:
    """Find the route of a request and the members that its path carries.

    Raises:
        LookupError: none of the routes has this method and path.
    """
    for route in known:
        if route.method == method and (found := route.path.fullmatch(path)):
            return route, {name: unquote(text) for name, text in found.groupdict().items()}
    raise LookupError


def _route(api: Api, operation: OperationModel) -> Route:
    path = path_pattern(operation.http["requestUri"])
    return Route(api, operation.name, operation.http["method"], path, input_shape(operation))


def path_pattern(template: str) -> re.Pattern[str]:
    """Return what matches a path of the service model, with a group for each member in it."""
    parts = re.split(r"\{(\w+)\}", template)
    pattern = "".join(
        f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts)
    )
    return re.compile(pattern)


def input_shape(operation: OperationModel) -> StructureShape:
    """Return what an operation takes. All operations that are simulated take something."""
    return cast("StructureShape", operation.input_shape)


def input_members(operation: OperationModel) -> dict[str, Any]:
    """Return the shapes of an operation's members, by their names."""
    return dict(input_shape(operation).members)


def violations(shape: Shape, value: object, where: str = "") -> Iterator[str]:
    """Name each way in which a value breaks the model's constraints, in the services' own words."""
    place = where or "the request"
    if not isinstance(value, _PYTHON_TYPES[shape.type_name]) or (
        isinstance(value, bool) and shape.type_name != "boolean"
    ):
        yield f"'{place}' failed to satisfy constraint: Member must be a {shape.type_name}"
    elif isinstance(value, dict):
        yield from _structure_violations(shape, value, where)
    else:
        for complaint in _scalar_violations(shape, value):
            yield f"'{place}' failed to satisfy constraint: Member must {complaint}"


_PYTHON_TYPES: dict[str, type] = {"structure": dict, "string": str, "boolean": bool, "integer": int}


def _structure_violations(shape: Any, value: dict[str, object], where: str) -> Iterator[str]:
    prefix = f"{where}." if where else ""
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"'{prefix}{name}' failed to satisfy constraint: Member must not be null"
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from violations(member, value[name], prefix + name)


def _scalar_violations(shape: Shape, value: Any) -> Iterator[str]:
    constraints = shape.metadata
    size, measure = (len(value), "have length") if isinstance(value, str) else (value, "have value")
    if size < constraints.get("min", size):
        yield f"{measure} greater than or equal to {constraints['min']}"
    if size > constraints.get("max", size):
        yield f"{measure} less than or equal to {constraints['max']}"
    if "pattern" in constraints and not re.fullmatch(constraints["pattern"], value):
        yield f"satisfy regular expression pattern: {constraints['pattern']}"
    if "enum" in constraints and value not in constraints["enum"]:
        yield f"satisfy enum value set: [{', '.join(constraints['enum'])}]"
