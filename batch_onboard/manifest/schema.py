"""The manifest's JSON Schema, for editors: from the models that validate it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints
from pydantic.json_schema import GenerateJsonSchema

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

_AccountId = Annotated[str, StringConstraints(pattern=ACCOUNT_ID)]
_InstanceArn = Annotated[str, StringConstraints(pattern=INSTANCE_ARN)]


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
        list[str] | None,
        Field(description="files of further instances (.csv, .jsonl) in the manifest's folder"),
    ] = None


class _Generator(GenerateJsonSchema):
    """Leaves out null, which stands for 'not set' in the models and is refused in a manifest."""

    def nullable_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])


def json_schema() -> dict[str, object]:
    """Return the JSON Schema (2020-12) of a manifest.

    It checks what an editor can: keys, types and forms. What depends on several keys, such as a
    role of the target's account, only `load_manifest` checks.
    """
    schema = Manifest.model_json_schema(schema_generator=_Generator)
    for name, definition in schema["$defs"].items():
        spellings = ENCRYPTION_SPELLINGS if name == "EncryptionSettings" else INSTANCE_SPELLINGS
        _add_spellings(definition, spellings)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **schema,
        "required": ["version"],
        "anyOf": [{"required": ["instances"]}, {"required": ["sources"]}],
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
