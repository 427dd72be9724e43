"""The manifest's JSON Schema, for editors: from the models that validate it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints
from pydantic.json_schema import GenerateJsonSchema

from batch_onboard.manifest.checking import MAX_KEYS
from batch_onboard.manifest.models import (
    ACCOUNT_ID,
    ENCRYPTION_SPELLINGS,
    INSTANCE_ARN,
    INSTANCE_SPELLINGS,
    Defaults,
    Instance,
    Settings,
    Title,
)

_A_PATH = {"not": {"pattern": r"(^|:instance/)\.{1,2}$"}}
_AccountId = Annotated[str, StringConstraints(pattern=ACCOUNT_ID)]
_InstanceArn = Annotated[
    str, StringConstraints(pattern=INSTANCE_ARN), Field(json_schema_extra=_A_PATH)
]
_Source = Annotated[
    str, StringConstraints(pattern=r"^[^/].*\.([cC][sS][vV]|[jJ][sS][oO][nN][lL])$")
]


class Manifest(Title):
    """Amazon Connect instances to onboard to outbound campaigns."""

    defaults: Annotated[Defaults | None, Field(description="what holds for all instances")] = None
    accounts: Annotated[
        dict[_AccountId, Settings] | None,
        Field(description="what holds for the instances of one account, over the defaults"),
    ] = None
    instances: Annotated[
        list[_InstanceArn | Instance] | None,
        Field(description="the instances: their ARNs, or mappings"),
    ] = None
    sources: Annotated[
        list[_Source] | None,
        Field(
            description="files of further instances (.csv, .jsonl) in the manifest's folder",
            json_schema_extra={"uniqueItems": True},
        ),
    ] = None


_UNKNOWN_WORD = r"\{(?!account_id\}|region\}|instance_id\})[^{}]*\}"
_ACCOUNT = r"([0-9]{12}|\{account_id\})"
_ROLE = rf"^(none$|arn:aws(-[a-z]+)*:iam::{_ACCOUNT}:role/)"
_KEY = (
    rf"^arn:aws(-[a-z]+)*:kms:([a-z]{{2,}}(-[a-z]+)+-[0-9]+|\{{region\}}):{_ACCOUNT}:(key|alias)/"
)
_A_TEMPLATE = {"not": {"pattern": _UNKNOWN_WORD}}
_STRICTER: dict[str, dict[str, Any]] = {
    "id": _A_PATH,
    "arn": _A_PATH,
    "role_arn": {"pattern": _ROLE, **_A_TEMPLATE},
    "profile": _A_TEMPLATE,
    "external_id": {"pattern": r"^[a-zA-Z0-9_+=,.@:/{}-]*$", **_A_TEMPLATE},
    "key_arn": {"pattern": _KEY, **_A_TEMPLATE},
    "labels": {"maxProperties": MAX_KEYS},
}
"""What validation asks of keys beyond their models, as far as it shows in the key alone."""

_NO_PROFILE_WITH_A_ROLE = {"not": {"required": ["profile", "role_arn"]}}
_TOGETHER: dict[str, list[dict[str, Any]]] = {
    "EncryptionSettings": [
        {
            "if": {"properties": {"enabled": {"const": True}}},
            "then": {"anyOf": [{"required": ["key_arn"]}, {"required": ["keyArn"]}]},
        }
    ],
    "Settings": [_NO_PROFILE_WITH_A_ROLE],
    "Defaults": [_NO_PROFILE_WITH_A_ROLE],
    "Instance": [
        _NO_PROFILE_WITH_A_ROLE,
        {"anyOf": [{"required": [name]} for name in ("arn", "id", "instance_id")]},
    ],
}
"""What it asks of the keys of one mapping together."""


class _Generator(GenerateJsonSchema):
    """Leaves out null, which stands for 'not set' in the models and is refused in a manifest."""

    def nullable_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])


def json_schema() -> dict[str, object]:
    """Return the JSON Schema (2020-12) of a manifest.

    It is as strict as validation where JSON Schema can say so: about keys, types and forms. What
    depends on several places, such as a role of the target's account, only `load_manifest` checks.
    """
    schema = Manifest.model_json_schema(schema_generator=_Generator)
    for name, definition in schema["$defs"].items():
        spellings = ENCRYPTION_SPELLINGS if name == "EncryptionSettings" else INSTANCE_SPELLINGS
        for key in definition["properties"].keys() & _STRICTER.keys():
            definition["properties"][key] |= _STRICTER[key]
        _add_spellings(definition, spellings)
        definition["allOf"] += _TOGETHER[name]
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **schema,
        "required": ["version"],
        "anyOf": [
            {"required": [name], "properties": {name: {"minItems": 1}}}
            for name in ("instances", "sources")
        ],
    }


def _add_spellings(definition: dict[str, Any], spellings: dict[str, str]) -> None:
    """Let a key have its other name too, but not both at once."""
    properties = definition["properties"]
    both = []
    for other, own in spellings.items():
        if own in properties:
            properties[other] = properties[own]
            both.append({"not": {"required": [own, other]}})
    definition["allOf"] = both
