from __future__ import annotations

import re
from typing import Any

import pytest

from batch_onboard.core.calls import Operation
from batch_onboard.core.targets import Api
from batch_onboard.simulator.protocol import CAMPAIGNS_OPERATIONS, OFFBOARD
from batch_onboard.simulator.wiremodel import (
    SERVICE_NAMES,
    error_status,
    failure_codes,
    find_route,
    input_shape,
    routes,
    service_model,
    violations,
)
from tests.simulator.helpers import KMS, call, instance, world

ROUTES = routes(CAMPAIGNS_OPERATIONS)


def _complaints(api: Api, **members: Any) -> list[str]:
    operation = service_model(SERVICE_NAMES[api]).operation_model(Operation.START)
    return list(violations(input_shape(operation), members))


def test_routes_are_the_service_models() -> None:
    """Each operation is found by method and path in both versions, its id unquoted."""
    route, members = find_route(ROUTES, "PUT", "/connect-instance/a%2Db/onboarding")
    assert (route.api, route.operation, members) == (
        Api.V1,
        "StartInstanceOnboardingJob",
        {"connectInstanceId": "a-b"},
    )
    route, _ = find_route(ROUTES, "DELETE", "/v2/connect-instance/x/config")
    assert (route.api, route.operation) == (Api.V2, OFFBOARD)
    assert len(ROUTES) == 10


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/connect-instance/x/onboarding"), ("PUT", "/connect-instance/x/y/onboarding")],
)
def test_other_paths_have_no_route(method: str, path: str) -> None:
    """A method or a path that the model does not have is not found."""
    with pytest.raises(LookupError):
        find_route(ROUTES, method, path)


def test_a_right_input_has_no_violations() -> None:
    """What the model allows passes, and members that it does not know are ignored."""
    encryption = {"enabled": True, "encryptionType": "KMS", "keyArn": "k", "more": 1}
    assert _complaints(Api.V1, connectInstanceId="i", encryptionConfig=encryption) == []


@pytest.mark.parametrize(
    ("api", "members", "complaint"),
    [
        (Api.V1, {"encryptionConfig": {"enabled": True}}, "'connectInstanceId' .* not be null"),
        (Api.V1, {"encryptionConfig": None}, "'encryptionConfig' .* not be null"),
        (Api.V1, {"encryptionConfig": {}}, "'encryptionConfig.enabled' .* not be null"),
        (Api.V1, {"encryptionConfig": []}, "'encryptionConfig' .* be a structure"),
        (Api.V1, {"encryptionConfig": {"enabled": 1}}, "'encryptionConfig.enabled' .* a boolean"),
        (Api.V1, {"encryptionConfig": {"enabled": True, "keyArn": True}}, "keyArn' .* a string"),
        (Api.V1, {"encryptionConfig": {"enabled": True, "keyArn": "k" * 501}}, "equal to 500"),
        (Api.V1, {"encryptionConfig": {"enabled": True, "encryptionType": "X"}}, r"set: \[KMS\]"),
        (Api.V1, {"connectInstanceId": "a b"}, "regular expression pattern"),
        (Api.V2, {"connectInstanceId": ""}, "greater than or equal to 1"),
    ],
)
def test_a_wrong_input_is_named_by_member_and_constraint(
    api: Api, members: dict[str, Any], complaint: str
) -> None:
    """Required members, types, lengths, patterns and enums are the model's metadata."""
    given = " ".join(_complaints(api, **members))
    assert re.search(complaint, given), given


def test_integers_are_checked_by_value() -> None:
    """A bool is no integer, and a duration of STS has its bounds."""
    shape = input_shape(service_model("sts").operation_model("AssumeRole"))
    given = {"RoleArn": "arn:aws:iam::111122223333:role/R", "RoleSessionName": "name"}
    assert list(violations(shape, {**given, "DurationSeconds": 900})) == []
    (too_short,) = violations(shape, {**given, "DurationSeconds": 899})
    assert "have value greater than or equal to 900" in too_short
    (no_integer,) = violations(shape, {**given, "DurationSeconds": True})
    assert "be a integer" in no_integer


def test_error_statuses_are_the_models_where_it_has_them() -> None:
    """The model's errors, and the common ones beside them."""
    assert error_status("InvalidStateException") == 409
    assert error_status("ThrottlingException") == 429
    assert error_status("ExpiredTokenException") == 403
    assert "KMS_KEY_NOT_FOUND" in failure_codes()


def test_what_the_world_answers_is_what_the_model_promises() -> None:
    """The answers of every operation are free of violations of the output shapes."""
    a_world = world(instances=[{"match": {"instance_id": "failed"}, "initial": "failed"}])
    a_world.handle(call(Operation.START, encryption=KMS), 0.0)
    answers = [
        (Operation.STATUS, a_world.handle(call(Operation.STATUS), 1.0)),
        (Operation.STATUS, a_world.handle(call(Operation.STATUS, instance("failed")), 1.0)),
        (Operation.START, a_world.handle(call(Operation.START, instance("new")), 1.0)),
        (Operation.CONFIG, a_world.handle(call(Operation.CONFIG), 20.0)),
    ]
    for operation, reply in answers:
        for service in SERVICE_NAMES.values():
            shape = service_model(service).operation_model(operation).output_shape
            assert shape is not None
            assert reply.status == 200
            assert set(reply.body) <= set(shape.members)
            assert list(violations(shape, dict(reply.body))) == []
